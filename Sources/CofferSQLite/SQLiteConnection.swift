import CSQLite
import CofferSystem
import Glibc

/// What SQLite's library says of a failure.
struct SQLiteFailure: Error, CustomStringConvertible {
  /// The primary result code, for example `SQLITE_BUSY`.
  let code: Int32
  let description: String

  init(code: Int32, _ description: String) {
    self.code = code & 0xFF
    self.description = description
  }

  /// - Throws: Where there is no library; to be called before anything that calls it, which would end the program.
  static func checkLibrary() throws(SQLiteFailure) {
    if let problem = coffer_sqlite_problem() { throw SQLiteFailure(code: SQLITE_ERROR, String(cString: problem)) }
  }

  fileprivate init(_ code: Int32, _ handle: OpaquePointer?) {
    let message = handle.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(code))
    let refusal = coffer_sqlite_refusal().map { ": " + String(cString: $0) } ?? ""
    self.init(code: code, message + (code & 0xFF == SQLITE_CANTOPEN ? refusal : ""))
  }
}

/// One connection of SQLite's library, with everything off that lets a database's content act.
final class SQLiteConnection {
  let handle: OpaquePointer

  /// - Parameters:
  ///   - name: As the file layer knows it, or `:memory:`.
  ///   - flags: `SQLITE_OPEN_READWRITE` and kin.
  ///   - isDefensive: Whether statements may not change the schema table and shadow tables.
  init(_ name: String, flags: Int32, isDefensive: Bool, busySeconds: Int = 0) throws(SQLiteFailure) {
    try SQLiteFailure.checkLibrary()
    var opened: OpaquePointer?
    let code = sqlite3_open_v2(name, &opened, flags | SQLITE_OPEN_EXRESCODE, nil)
    guard code == SQLITE_OK, let opened else {
      let failure = SQLiteFailure(code, opened)
      sqlite3_close_v2(opened)
      throw failure
    }
    handle = opened
    let settings = [
      (SQLITE_DBCONFIG_DEFENSIVE, isDefensive ? 1 : 0), (SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
      (SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0), (SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0),
      (SQLITE_DBCONFIG_ENABLE_TRIGGER, 0), (SQLITE_DBCONFIG_ENABLE_FKEY, 0),
    ]
    // A column that is not there must not become a text of its name.
    let strict = isDefensive ? [(SQLITE_DBCONFIG_DQS_DML, 0)] : []
    for (operation, value) in settings + strict { try check(coffer_sqlite_configure(handle, operation, Int32(value))) }
    if try hasHarmlessFunctions { try check(coffer_sqlite_configure(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1)) }
    try check(coffer_sqlite_add_number_functions(handle))
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0)
    sqlite3_busy_timeout(handle, Int32(busySeconds * 1000))
  }

  deinit {
    sqlite3_close_v2(handle)
  }

  /// Whether the library takes its functions for JSON, which indexes, CHECKs and generated columns call, for no harmless ones, as it did
  /// before version 3.41, and has nothing else that a schema it trusts could do more with than read its own database. (What writes files
  /// or loads code is refused in every schema, or is no part of the library.)
  private var hasHarmlessFunctions: Bool {
    get throws(SQLiteFailure) {
      // A table of a database can be called as this is in a query, but not as it is here.
      let query = try prepare("PRAGMA function_list")
      var isNeeded = false
      while try query.step() {
        guard query.integer(5) & Int64(SQLITE_INNOCUOUS | SQLITE_DIRECTONLY) == 0 else { continue }
        let name = String(decoding: query.text(0) ?? [], as: UTF8.self)
        let isOfJSON = name.begins(with: "json") || name.isSame(as: "->") || name.isSame(as: "->>")
        guard isOfJSON || Self.harmless.contains(name) else { return false }
        isNeeded = isNeeded || isOfJSON
      }
      return isNeeded
    }
  }

  /// What looks at a full-text index or an R-tree.
  private static let harmless: Set<String> = [
    "bm25", "fts5", "fts5_source_id", "highlight", "match", "matchinfo", "offsets", "optimize", "rtreecheck",
    "rtreedepth", "rtreenode", "snippet",
  ]

  var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  func check(_ code: Int32) throws(SQLiteFailure) {
    guard code == SQLITE_OK else { throw SQLiteFailure(code, handle) }
  }

  /// Prepares the first statement of a text.
  ///
  /// - Returns: The statement, nil where there is only white space or a comment; and how many bytes it takes.
  func prepareFirst(_ text: UnsafeBufferPointer<UInt8>) throws(SQLiteFailure) -> (SQLiteStatement?, Int) {
    guard let count = Int32(exactly: text.count), let base = text.baseAddress else {
      guard text.isEmpty else { throw SQLiteFailure(code: SQLITE_TOOBIG, "the statement is too long") }
      return (nil, 0)
    }
    var statement: OpaquePointer?
    var tail: UnsafePointer<CChar>?
    let code = base.withMemoryRebound(to: CChar.self, capacity: text.count) {
      sqlite3_prepare_v3(handle, $0, count, 0, &statement, &tail)
    }
    try check(code)
    let taken = tail.map { UnsafeRawPointer($0) - UnsafeRawPointer(base) } ?? text.count
    return (statement.map { SQLiteStatement($0, of: self) }, taken)
  }

  /// Prepares a text that is one statement.
  func prepare(_ sql: [UInt8]) throws(SQLiteFailure) -> SQLiteStatement {
    let (statement, _) = try prepareCopied(sql)
    guard let statement else { throw SQLiteFailure(code: SQLITE_MISUSE, "there is no statement") }
    return statement
  }

  func prepareCopied(_ sql: [UInt8]) throws(SQLiteFailure) -> (SQLiteStatement?, Int) {
    let result = sql.withUnsafeBufferPointer { text in
      Result { () throws(SQLiteFailure) in try prepareFirst(text) }
    }
    return try result.get()
  }

  func prepare(_ sql: String) throws(SQLiteFailure) -> SQLiteStatement {
    try prepare(Array(sql.utf8))
  }

  func execute(_ sql: String) throws(SQLiteFailure) {
    let statement = try prepare(sql)
    while try statement.step() {}
  }
}

/// A prepared statement.
final class SQLiteStatement {
  private let handle: OpaquePointer
  private let connection: SQLiteConnection

  fileprivate init(_ handle: OpaquePointer, of connection: SQLiteConnection) {
    self.handle = handle
    self.connection = connection
  }

  deinit {
    sqlite3_finalize(handle)
  }

  /// Whether there is a row.
  func step() throws(SQLiteFailure) -> Bool {
    let code = sqlite3_step(handle)
    if code == SQLITE_ROW { return true }
    guard code == SQLITE_DONE else { throw SQLiteFailure(code, connection.handle) }
    return false
  }

  func reset() {
    sqlite3_reset(handle)
  }

  func bind(_ index: Int32, text: [UInt8]) throws(SQLiteFailure) {
    try connection.check(coffer_sqlite_bind_text(handle, index, text, UInt64(text.count)))
  }

  func bind(_ index: Int32, number: Double) throws(SQLiteFailure) {
    try connection.check(sqlite3_bind_double(handle, index, number))
  }

  /// Binds the value of a column of another statement's row.
  func bind(_ index: Int32, _ row: SQLiteStatement, _ column: Int32) throws(SQLiteFailure) {
    try connection.check(sqlite3_bind_value(handle, index, sqlite3_column_value(row.handle, column)))
  }

  var columnCount: Int32 { sqlite3_column_count(handle) }

  func type(_ column: Int32) -> Int32 { sqlite3_column_type(handle, column) }

  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  func number(_ column: Int32) -> Double { sqlite3_column_double(handle, column) }

  /// The bytes of a text in the database's encoding, or of a blob; valid until the next step.
  ///
  /// - Parameter isWide: Whether it is a text of a database in UTF-16; asking for such a one's length in UTF-8 would
  ///   change its encoding.
  /// - Throws: `SQLiteFailure` when memory is short.
  func bytes(_ column: Int32, isWide: Bool = false) throws(SQLiteFailure) -> UnsafeRawBufferPointer {
    let base = sqlite3_column_blob(handle, column)
    let count = Int(isWide ? sqlite3_column_bytes16(handle, column) : sqlite3_column_bytes(handle, column))
    guard base != nil || sqlite3_errcode(connection.handle) & 0xFF != SQLITE_NOMEM else {
      throw SQLiteFailure(SQLITE_NOMEM, connection.handle)
    }
    return UnsafeRawBufferPointer(start: base, count: base == nil ? 0 : count)
  }

  /// A text as UTF-8, up to its first NUL; nil for NULL.
  func text(_ column: Int32) -> [UInt8]? {
    guard let base = sqlite3_column_text(handle, column) else { return nil }
    return Array(
      UnsafeBufferPointer(start: base, count: strlen(UnsafeRawPointer(base).assumingMemoryBound(to: CChar.self))))
  }
}
