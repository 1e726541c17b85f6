import CSQLite
import CofferConfiguration
import CofferSystem
import Foundation
import Testing

@testable import CofferHooks

/// A folder with SQLite databases, written and read through the library itself, byte by byte.
struct SQLiteGround {
  let hook = SQLiteHook()
  let context: HookContext
  let folder: String

  init() throws {
    context = try makeContext()
    folder = context.runtime.path + "/files"
    guard mkdir(folder, 0o755) == 0 else { throw SystemError(call: "mkdir", subject: folder) }
  }

  func path(_ file: String) -> String { "\(folder)/\(file)" }

  struct Failed: Error {
    let message: String
  }

  /// Runs statements, with the schema open for writing.
  func run(_ file: String, _ sql: String) throws {
    try run(file, Array(sql.utf8))
  }

  func run(_ file: String, _ sql: [UInt8]) throws {
    try open(file) { database in
      let code = (sql + [0]).withUnsafeBufferPointer { text in
        text.withMemoryRebound(to: CChar.self) { sqlite3_exec(database, $0.baseAddress, nil, nil, nil) }
      }
      guard code == SQLITE_OK else { throw Failed(message: String(cString: sqlite3_errmsg(database))) }
    }
  }

  private func open<Value>(_ file: String, _ body: (OpaquePointer) throws -> Value) throws -> Value {
    var database: OpaquePointer?
    defer { sqlite3_close_v2(database) }
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
    guard sqlite3_open_v2(path(file), &database, flags, nil) == SQLITE_OK, let database else {
      throw Failed(message: "cannot open \(file)")
    }
    _ = coffer_sqlite_configure(database, SQLITE_DBCONFIG_DEFENSIVE, 0)
    _ = coffer_sqlite_add_number_functions(database)
    return try body(database)
  }

  /// Every row, each value with its type and bytes.
  func rows(_ file: String, _ query: [UInt8]) throws -> [String] {
    let isWide = try texts(file, "PRAGMA encoding").first?.starts(with: "UTF-16".utf8) == true
    return try all(file, query) { statement in
      (0..<sqlite3_column_count(statement)).map { Self.value(statement, $0, isWide: isWide) }.joined(separator: "|")
    }
  }

  /// The first column of every row in UTF-8.
  private func texts(_ file: String, _ query: String) throws -> [[UInt8]] {
    try all(file, Array(query.utf8)) { statement in
      Array(
        UnsafeBufferPointer(start: sqlite3_column_text(statement, 0), count: Int(sqlite3_column_bytes(statement, 0))))
    }
  }

  private func all<Value>(_ file: String, _ query: [UInt8], _ body: (OpaquePointer) -> Value) throws -> [Value] {
    try open(file) { database in
      var statement: OpaquePointer?
      defer { sqlite3_finalize(statement) }
      let code = (query + [0]).withUnsafeBufferPointer { text in
        text.withMemoryRebound(to: CChar.self) { sqlite3_prepare_v2(database, $0.baseAddress, -1, &statement, nil) }
      }
      guard code == SQLITE_OK, let statement else { throw Failed(message: String(cString: sqlite3_errmsg(database))) }
      var rows: [Value] = []
      while sqlite3_step(statement) == SQLITE_ROW { rows.append(body(statement)) }
      return rows
    }
  }

  func rows(_ file: String, _ query: String) throws -> [String] { try rows(file, Array(query.utf8)) }

  /// - Parameter isWide: Whether texts are in UTF-16.
  private static func value(_ statement: OpaquePointer, _ column: Int32, isWide: Bool) -> String {
    let type = sqlite3_column_type(statement, column)
    switch type {
    case SQLITE_NULL: return "null"
    case SQLITE_INTEGER: return "i\(sqlite3_column_int64(statement, column))"
    case SQLITE_FLOAT: return "r" + String(sqlite3_column_double(statement, column).bitPattern, radix: 16)
    default:
      let base = sqlite3_column_blob(statement, column)
      let isWide = type == SQLITE_TEXT && isWide
      let count = isWide ? sqlite3_column_bytes16(statement, column) : sqlite3_column_bytes(statement, column)
      let bytes = UnsafeRawBufferPointer(start: base, count: Int(count))
      return (type == SQLITE_TEXT ? "t" : "b") + bytes.map { String(UInt16($0) + 256, radix: 16).dropFirst() }.joined()
    }
  }

  /// Settings, schema, and every row of every table that can be read.
  func content(of file: String) throws -> [String] {
    var content: [String] = []
    for setting in ["user_version", "application_id", "encoding", "page_size", "auto_vacuum", "journal_mode"] {
      content += try rows(file, "PRAGMA \(setting)").map { "\(setting) \($0)" }
    }
    let schema = "FROM sqlite_schema ORDER BY type, name"
    content += try rows(file, "SELECT type, name, tbl_name, CAST(sql AS BLOB) \(schema)")
    let tables =
      "SELECT '\"' || replace(name, '\"', '\"\"') || '\"' FROM sqlite_schema WHERE type = 'table' AND rootpage > 0"
    for name in try texts(file, tables + " ORDER BY name") {
      let keyed = Array("SELECT rowid, * FROM ".utf8) + name + Array(" NOT INDEXED ORDER BY rowid".utf8)
      let plain = Array("SELECT * FROM ".utf8) + name + Array(" NOT INDEXED".utf8)
      content.append("== \(name)")
      content += try (try? rows(file, keyed)) ?? rows(file, plain)
    }
    return content
  }

  // MARK: - Through the hook

  func dump(_ file: String, _ more: String = "") throws -> TakenDump {
    try TakenDump(try #require(try plan(file, more)), context: context)
  }

  func plan(_ file: String, _ more: String = "") throws -> (any PlannedDump)? {
    let root = try makeRoot("sqlite_databases:\n  - {name: app, path: \"\(path(file))\"\(more)}\n")
    return try hook.dumps(of: root, context: context).first
  }

  func restorePlan(_ dump: TakenDump, to file: String) throws -> any PlannedRestore {
    try hook.restore(of: dump.facts, to: RestoreTarget(path: path(file)), root: nil, context: context)
  }

  func restore(_ dump: TakenDump, to file: String) throws {
    try dump.restore(restorePlan(dump, to: file), context: context)
  }

  /// A dump by statements as an archive may hold it.
  func dump(holding sql: String) -> TakenDump {
    TakenDump(
      facts: DumpFacts(identity: DumpIdentity(hook: hook.name, database: "app"), format: "sql"), bytes: Array(sql.utf8))
  }

  var files: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }
  }
}
