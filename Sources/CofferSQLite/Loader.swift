import CSQLite
import CofferSystem
import Glibc

/// Builds the database that the file layer leads to from a dump, and checks it.
///
/// The dump is a stranger's text: its statements reach this one database and nothing else, whatever they are.
final class Loader {
  private let file: Int32
  private let subject = "the new file"

  /// - Parameter file: An open, empty file; borrowed.
  init(into file: Int32) {
    self.file = file
  }

  /// - Throws: `SQLiteFailure`; `SystemError`; what the source throws.
  func run(_ input: any ByteSource) throws {
    var reader = StatementReader(input)
    let isCopy = try reader.begins(with: SQLiteWorker.fileMagic)
    let hasWriteAheadLog = isCopy ? try takeCopy(&reader) : try takeStatements(&reader)
    try check(isCopy: isCopy)
    if hasWriteAheadLog { try setVersions(Self.writeAheadLog) }
    guard fsync(file) == 0 else { throw SystemError(call: "fsync", subject: subject) }
  }

  private func open() throws(SQLiteFailure) -> SQLiteConnection {
    let connection = try SQLiteConnection("database", flags: SQLITE_OPEN_READWRITE, isDefensive: false)
    // Nobody else has the file, and it is thrown away when anything fails.
    for setting in ["locking_mode = EXCLUSIVE", "journal_mode = OFF", "synchronous = OFF", "cache_size = -65536"] {
      try connection.execute("PRAGMA \(setting)")
    }
    return connection
  }

  /// - Returns: Whether the database is to have a write-ahead log.
  private func takeStatements(_ reader: inout StatementReader) throws -> Bool {
    let connection = try open()
    let guardian = StatementGuard(connection)
    while let statement = try reader.next(connection, guardian) {
      while try statement.step() {}
    }
    guard !connection.isInTransaction else {
      throw SQLiteFailure(code: SQLITE_ABORT, "the dump ends within its transaction")
    }
    return guardian.wantsWriteAheadLog
  }

  private static let rollbackJournal: UInt8 = 1
  private static let writeAheadLog: UInt8 = 2
  /// Where a file says by what journal it is written and read (https://sqlite.org/fileformat2.html, 1.3).
  private static let versionsOffset = 18

  /// - Returns: As of statements.
  private func takeCopy(_ reader: inout StatementReader) throws -> Bool {
    var head: [UInt8] = []
    while let piece = try reader.nextPiece() {
      if head.count <= Self.versionsOffset { head.append(contentsOf: piece.prefix(100)) }
      try writeAll(piece)
    }
    guard head.count > Self.versionsOffset else { throw SQLiteFailure(code: SQLITE_NOTADB, "the copy is cut short") }
    let hasWriteAheadLog = head[Self.versionsOffset] == Self.writeAheadLog
    // Without a name, the file cannot have a log while it is checked.
    if hasWriteAheadLog { try setVersions(Self.rollbackJournal) }
    return hasWriteAheadLog
  }

  private func writeAll(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try FileDescriptor.writeAll($0, to: file, subject: subject) }
  }

  /// Checks what another program has built.
  ///
  /// - Throws: `SQLiteFailure`; `SystemError`.
  func check() throws {
    var version: UInt8 = 0
    guard pread(file, &version, 1, off_t(Self.versionsOffset)) == 1 else {
      throw SQLiteFailure(code: SQLITE_NOTADB, "the restored file holds no database")
    }
    if version == Self.writeAheadLog { try setVersions(Self.rollbackJournal) }
    try check(isCopy: false)
    if version == Self.writeAheadLog { try setVersions(Self.writeAheadLog) }
  }

  /// Counts what a whole file holds that nobody else needs.
  ///
  /// - Throws: `SQLiteFailure`; `SystemError`.
  func content() throws -> SQLiteContent {
    var version: UInt8 = 0
    guard pread(file, &version, 1, off_t(Self.versionsOffset)) == 1 else {
      throw SQLiteFailure(code: SQLITE_NOTADB, "the restored file holds no database")
    }
    if version == Self.writeAheadLog { try setVersions(Self.rollbackJournal) }
    try check(isCopy: true)
    let connection = try open()
    try connection.check(coffer_sqlite_accept_unknown_collations(connection.handle))
    var content = try SQLiteContent(of: connection)
    try content.checkKeys(connection)
    return content
  }

  /// Bytes of an answer, and of the question.
  private static let answerLimit = 1 << 20

  /// Asks a whole file, which nobody else needs, one statement.
  ///
  /// - Returns: Its rows, a line each, columns parted by `|`.
  /// - Throws: `SQLiteFailure`; what the source throws.
  func answer(_ source: any ByteSource) throws -> [UInt8] {
    var question: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while question.count <= Self.answerLimit {
      let count = try piece.withUnsafeMutableBytes { try source.read(into: $0) }
      guard count > 0 else { break }
      question += piece[..<count]
    }
    let connection = try open()
    try connection.check(coffer_sqlite_accept_unknown_collations(connection.handle))
    let query = try connection.prepare(question)
    var answer: [UInt8] = []
    while try query.step() {
      if !answer.isEmpty { answer.append(UInt8(ascii: "\n")) }
      answer += (0..<query.columnCount).map { query.text($0) ?? [] }.joined(separator: [UInt8(ascii: "|")])
      guard answer.count <= Self.answerLimit else {
        throw SQLiteFailure(code: SQLITE_TOOBIG, "the answer is too long")
      }
    }
    return answer
  }

  private func setVersions(_ version: UInt8) throws {
    guard pwrite(file, [version, version], 2, off_t(Self.versionsOffset)) == 2 else {
      throw SystemError(call: "pwrite", subject: subject)
    }
  }

  private func check(isCopy: Bool) throws {
    let complaints = try IntegrityCheck(try open()).complaints(isCopy ? .structure : .all)
    guard complaints.isEmpty else {
      throw SQLiteFailure(
        code: SQLITE_CORRUPT,
        "the restored file does not pass SQLite's integrity check: " + complaints.prefix(5).joined(separator: "; "))
    }
  }
}

/// SQLite's own check of a database.
struct IntegrityCheck {
  private let connection: SQLiteConnection

  enum Extent {
    /// Everything but what CHECK constraints say.
    case all
    /// Pages and trees: not whether rows keep to their table's definition, nor whether indexes fit, for which functions and
    /// collations of the application's may be wanted.
    case structure
  }

  /// What is said of rows that do not keep to their table's definition, or are in an unknown order.
  private static let tolerated = [
    "NULL value in ", "CHECK constraint failed in ", " value in ", " not in PRIMARY KEY order",
  ]

  init(_ connection: SQLiteConnection) {
    self.connection = connection
  }

  func complaints(_ extent: Extent) throws(SQLiteFailure) -> [String] {
    try connection.execute("PRAGMA ignore_check_constraints = ON")
    if extent == .structure { try connection.check(coffer_sqlite_accept_unknown_collations(connection.handle)) }
    let query = try connection.prepare(extent == .all ? "PRAGMA main.integrity_check" : "PRAGMA main.quick_check(1000)")
    var complaints: [String] = []
    while try query.step() {
      let text = String(decoding: query.text(0) ?? [], as: UTF8.self)
      let isTolerated = extent == .structure && Self.tolerated.contains { text.holds($0) }
      if !text.isSame(as: "ok") && !isTolerated { complaints.append(text) }
    }
    return complaints
  }
}
