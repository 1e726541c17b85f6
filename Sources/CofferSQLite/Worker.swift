import CSQLite
import CofferSystem
import Glibc

/// The process that opens a database; see `SQLiteWorkerRequest`.
public struct SQLiteWorker {
  private let request: SQLiteWorkerRequest

  public init(_ request: SQLiteWorkerRequest) {
    self.request = request
  }

  /// Does all that a dump does, on a small database in memory, for a process of which workers branch off: they find the library and
  /// the runtime in use, and need not begin with them.
  public static func prepare() {
    let request = SQLiteWorkerRequest(work: .dump, name: "sample", device: 1, inode: 1, user: nil)
    _ = SQLiteWorkerRequest(arguments: request.arguments)
    // What fails here fails in the workers, who tell it.
    do { try dumpSample() } catch { return }
    // Each draws random numbers of its own, for names of temporary files, say.
    sqlite3_randomness(0, nil)
  }

  private final class Nowhere: ByteSink {
    func write(_ bytes: UnsafeRawBufferPointer) {}
  }

  private static func dumpSample() throws {
    let connection = try SQLiteConnection(
      ":memory:", flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, isDefensive: true)
    for statement in [
      "CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT NOT NULL, size NUMERIC, data BLOB)",
      "CREATE TABLE child(parent INTEGER REFERENCES parent, amount REAL)", "CREATE INDEX by_parent ON child(parent)",
      "INSERT INTO parent VALUES (1, 'it''s', 1.25, x'00ff'), (2, 'two', NULL, NULL)",
      "INSERT INTO child VALUES (1, 0.1), (2, 1e100)",
    ] { try connection.execute(statement) }
    try Dumper(
      connection: connection, fileSize: 4096, output: Nowhere(), warn: { _ = Quoting.terminal($0) },
      tell: { _ = Quoting.terminal(try $0.line()) }
    ).run()
  }

  /// Returns the library's version.
  ///
  /// - Throws: Where there is none.
  public static func libraryVersion() throws -> String {
    try SQLiteFailure.checkLibrary()
    return String(cString: sqlite3_libversion())
  }

  /// How a file begins that holds a database (https://sqlite.org/fileformat2.html, 1.3).
  public static let fileMagic = Array("SQLite format 3\0".utf8)

  /// Does its work. Nothing else may run in the process.
  ///
  /// - Returns: The exit status; what went wrong stands on standard error.
  public func run() -> Int32 {
    do {
      try becomeUser()
      try perform()
      return 0
    } catch let failure as SQLiteFailure {
      complain(explained(failure))
      return failure.code == SQLITE_BUSY || failure.code == SQLITE_LOCKED ? SQLiteWorkerRequest.busyStatus : 1
    } catch {
      complain("\(error)")
      return 1
    }
  }

  /// Before anything of the database is looked at, and for good.
  private func becomeUser() throws(SystemError) {
    guard let user = request.user else { return }
    guard coffer_sqlite_become(user.userID, user.groupIDs, user.groupIDs.count) == 0 else {
      throw SystemError(call: "setuid", subject: "user \(user.userID)")
    }
  }

  private func perform() throws {
    try SQLiteFailure.checkLibrary()
    let descriptor = SQLiteWorkerRequest.descriptor
    let isFile = [.load, .check, .count, .ask].contains(request.work)
    let code =
      isFile
      ? coffer_sqlite_enter_file(descriptor)
      : coffer_sqlite_enter_folder(descriptor, request.name, dev_t(request.device), ino_t(request.inode))
    guard code == SQLITE_OK else { throw SQLiteFailure(code: code, "SQLite's library cannot be used as it is needed") }
    switch request.work {
    case .dump: try dump()
    case .probe: try probe()
    case .check: try Loader(into: descriptor).check()
    case .count: complain(try Loader(into: descriptor).content().line())
    case .ask:
      try Loader(into: descriptor).answer(DescriptorStream.standardInput)
        .withUnsafeBytes { try DescriptorStream.standardOutput.write($0) }
    case .load:
      try Loader(into: descriptor).run(DescriptorStream.standardInput)
      try confirm()
    case .tables:
      guard let tables = request.tables else { throw SQLiteFailure(code: SQLITE_MISUSE, "no table is named") }
      let connection = try open()
      // Rows come back as they are, also those that a check would refuse today.
      try connection.execute("PRAGMA ignore_check_constraints = ON")
      try TableLoader(tables, into: connection, warn: { complain("warning: " + $0) })
        .run(DescriptorStream.standardInput)
      try confirm()
    }
  }

  private func confirm() throws {
    try Array((SQLiteWorkerRequest.confirmation + "\n").utf8).withUnsafeBytes {
      try DescriptorStream.standardOutput.write($0)
    }
  }

  private func dump() throws {
    var facts = stat()
    guard fstatat(SQLiteWorkerRequest.descriptor, request.name, &facts, AT_SYMLINK_NOFOLLOW) == 0 else {
      throw SystemError(call: "stat", subject: request.name)
    }
    let (connection, closed, isLocked) = try openForReading()
    try Dumper(
      connection: connection, fileSize: Int64(facts.st_size), output: DescriptorStream.standardOutput,
      warn: { complain("warning: " + $0) }, tell: { complain(try $0.line()) },
      held: { isLocked ? try HeldFile(SQLiteWorkerRequest.descriptor, request.name) : nil }
    ).run()
    try closed?.checkUnchanged()
  }

  /// - Returns: The connection; what is to be unchanged when everything is read; and whether others are kept from writing by a lock.
  private func openForReading() throws -> (SQLiteConnection, ClosedFolder?, isLocked: Bool) {
    do throws(SQLiteFailure) {
      let connection = try open()
      try connection.execute("SELECT 1 FROM main.sqlite_schema LIMIT 1")
      return (connection, nil, true)
    } catch {
      guard [SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_IOERR].contains(error.code),
        let closed = try ClosedFolder(SQLiteWorkerRequest.descriptor, request.name)
      else { throw error }
      let (connection, isOriginal) = try closed.open()
      return (connection, isOriginal ? closed : nil, false)
    }
  }

  /// For writing where that is allowed, because a database with a hot journal or a write-ahead log needs it.
  private func open() throws(SQLiteFailure) -> SQLiteConnection {
    try SQLiteConnection(
      request.name, flags: SQLITE_OPEN_READWRITE, isDefensive: true, busySeconds: request.busySeconds)
  }

  private func probe() throws {
    let connection = try open()
    for statement in ["PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "COMMIT"] {
      try connection.execute(statement)
    }
  }

  private func explained(_ failure: SQLiteFailure) -> String {
    switch failure.code {
    case SQLITE_BUSY, SQLITE_LOCKED:
      "\(failure): another process has it locked, for more than \(request.busySeconds) seconds"
    default: failure.description
    }
  }

  /// One line, without what would end it or steer a terminal.
  private func complain(_ text: String) {
    try? Array((Quoting.terminal(text) + "\n").utf8).withUnsafeBytes { try DescriptorStream.standardError.write($0) }
  }
}

/// An open descriptor, borrowed.
final class DescriptorStream: ByteSource, ByteSink, Sendable {
  private let number: Int32
  private let subject: String

  init(_ number: Int32, subject: String) {
    self.number = number
    self.subject = subject
  }

  static let standardInput = DescriptorStream(STDIN_FILENO, subject: "standard input")
  static let standardOutput = DescriptorStream(STDOUT_FILENO, subject: "standard output")
  static let standardError = DescriptorStream(STDERR_FILENO, subject: "standard error")

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try FileDescriptor.read(into: buffer, from: number, subject: subject)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try FileDescriptor.writeAll(bytes, to: number, subject: subject)
  }
}
