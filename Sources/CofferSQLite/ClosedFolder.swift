import CSQLite
import CofferSystem
import Glibc

/// A database in a folder where this user can write nothing, on a read-only mount for example.
///
/// SQLite reads a write-ahead log only with a file beside it that it can write, and a database with a journal only when it can
/// roll back what the journal says. Without them, the file is all there is, and is read as one that does not change. With them,
/// all are copied into files without names, and read there. Either way the files are looked at again when they have been read.
struct ClosedFolder {
  private let folder: Int32
  private let name: String
  private let before: [String: FileFacts]

  /// - Returns: nil where something can be written.
  /// - Throws: `SystemError`.
  init?(_ folder: Int32, _ name: String) throws(SystemError) {
    self.folder = folder
    self.name = name
    guard faccessat(folder, ".", W_OK, AT_EACCESS) != 0 else { return nil }
    before = try Self.facts(name, folder)
  }

  private static let log = "-wal"
  private static let journal = "-journal"

  private static func facts(_ name: String, _ folder: Int32) throws(SystemError) -> [String: FileFacts] {
    var all: [String: FileFacts] = [:]
    for suffix in ["", log, journal] { all[suffix] = try FileFacts(name + suffix, folder) }
    return all
  }

  /// - Returns: The connection; and whether the database's own file is read through it, so that it must not change until
  ///   everything is read.
  /// - Throws: `SQLiteFailure`; `SystemError`.
  func open() throws -> (SQLiteConnection, isOriginal: Bool) {
    let beside = [Self.log, Self.journal].filter { before[$0].map { $0.size > 0 } ?? false }
    guard !beside.isEmpty else {
      let uri = "file:\(Quoting.urlPart(name))?immutable=1"
      let flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
      return (try SQLiteConnection(uri, flags: flags, isDefensive: true), true)
    }
    let database = try copied("")
    let log = try beside.contains(Self.log) ? copied(Self.log) : Self.nameless()
    let journal = try beside.contains(Self.journal) ? copied(Self.journal).release() : -1
    try checkUnchanged()
    coffer_sqlite_turn_to_copies(database.release(), log.release(), journal)
    let connection = try SQLiteConnection("database", flags: SQLITE_OPEN_READWRITE, isDefensive: true)
    // Nobody else has the copies: so SQLite needs no memory to share, which would be a file of its own.
    try connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return (connection, false)
  }

  /// - Throws: `SQLiteFailure` when a file is not what it was; `SystemError`.
  func checkUnchanged() throws {
    guard try Self.facts(name, folder) == before else {
      throw SQLiteFailure(code: SQLITE_BUSY, "the file changed while it was read without a lock")
    }
  }

  // MARK: - Copies

  private static let portion = 1 << 20

  private static func nameless() throws(SQLiteFailure) -> FileDescriptor {
    let file = coffer_sqlite_open_nameless()
    guard file >= 0 else { throw SQLiteFailure(code: SQLITE_CANTOPEN, "there is no folder for temporary files") }
    return FileDescriptor(owning: file)
  }

  /// - Throws: `SQLiteFailure`; `SystemError`.
  private func copied(_ suffix: String) throws -> FileDescriptor {
    let subject = name + suffix
    let number = coffer_sqlite_open_part(suffix)
    guard number >= 0 else {
      let code = errno
      guard let refusal = coffer_sqlite_refusal() else {
        throw SystemError(call: "open", subject: subject, code: code)
      }
      throw SQLiteFailure(code: SQLITE_CANTOPEN, String(cString: refusal))
    }
    let source = FileDescriptor(owning: number)
    let copy = try Self.nameless()
    let (input, output) = (
      DescriptorStream(source.number, subject: subject), DescriptorStream(copy.number, subject: "a copy of \(subject)")
    )
    var piece = [UInt8](repeating: 0, count: Self.portion)
    while true {
      let count = try piece.withUnsafeMutableBytes { try input.read(into: $0) }
      guard count > 0 else { return copy }
      try piece.withUnsafeBytes { try output.write(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
  }
}
