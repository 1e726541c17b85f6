import CSQLite
import CofferSystem

/// The pages of a database, through SQLite's backup interface.
///
/// They are gathered in a temporary file first: SQLite gives a page of a write-ahead log only to a database.
struct FileCopy {
  private let source: SQLiteConnection

  private static let portion = 1 << 20
  private static let folders = ["/var/tmp", "/tmp"]

  init(_ source: SQLiteConnection) {
    self.source = source
  }

  /// - Throws: `SQLiteFailure`, and what the sink throws.
  func write(to sink: any ByteSink) throws {
    let copy = try open()
    guard let backup = sqlite3_backup_init(copy.handle, "main", source.handle, "main") else {
      throw SQLiteFailure(code: sqlite3_errcode(copy.handle), "no copy of it can be made")
    }
    let stepCode = sqlite3_backup_step(backup, -1)
    let pageCount = Int64(sqlite3_backup_pagecount(backup))
    let endCode = sqlite3_backup_finish(backup)
    guard stepCode == SQLITE_DONE, endCode == SQLITE_OK else {
      let code = endCode == SQLITE_OK ? stepCode : endCode
      throw SQLiteFailure(
        code: code, "no copy of it can be made in \(Self.folders[0]): " + String(cString: sqlite3_errstr(code)))
    }
    let size = try source.prepare("PRAGMA main.page_size")
    guard try size.step() else { throw SQLiteFailure(code: SQLITE_CORRUPT, "its page size is unknown") }
    try write(copy, pageCount * size.integer(0), to: sink)
  }

  private func open() throws(SQLiteFailure) -> SQLiteConnection {
    var failure = SQLiteFailure(code: SQLITE_CANTOPEN, "there is no folder for temporary files")
    for folder in Self.folders {
      do {
        let copy = try SQLiteConnection(
          "\(folder)/etilqs_coffer", flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, isDefensive: false)
        try copy.execute("PRAGMA journal_mode = OFF")
        try copy.execute("PRAGMA synchronous = OFF")
        return copy
      } catch {
        failure = error
      }
    }
    throw failure
  }

  private func write(_ copy: SQLiteConnection, _ count: Int64, to sink: any ByteSink) throws {
    var piece = [UInt8](repeating: 0, count: Self.portion)
    var offset: Int64 = 0
    while offset < count {
      let length = min(Int64(piece.count), count - offset)
      try copy.check(coffer_sqlite_read_file(copy.handle, &piece, Int32(length), offset))
      try piece.withUnsafeBytes { try sink.write(UnsafeRawBufferPointer(rebasing: $0[..<Int(length)])) }
      offset += length
    }
  }
}
