import CSQLite
import CofferSystem

/// Reads what a database is made of, in one read transaction and by statements that nothing in the database can bend.
struct DatabaseReader {
  let connection: SQLiteConnection

  /// An entry of the schema table.
  struct Entry: Equatable {
    let type: [UInt8]
    let name: [UInt8]
    let table: [UInt8]
    let rootPage: Int64
    /// nil for the indexes that constraints have made.
    let sql: [UInt8]?

    var isTable: Bool { type == Array("table".utf8) }
    var isView: Bool { type == Array("view".utf8) }
    var isTrigger: Bool { type == Array("trigger".utf8) }
    var isVirtual: Bool { isTable && rootPage == 0 }

    /// Whether it is a table, or something of it: a trigger names its table as whoever made it has spelled that.
    func isOf(_ table: [UInt8]) -> Bool { Affinity.upper(self.table) == Affinity.upper(table) }
  }

  func settings() throws(SQLiteFailure) -> SQLiteSettings {
    let encoding = try text("encoding")
    guard let known = SQLiteSettings.TextEncoding(rawValue: encoding) else {
      throw SQLiteFailure(code: SQLITE_CORRUPT, "its encoding is unknown")
    }
    return SQLiteSettings(
      pageSize: try integer("page_size"), encoding: known, autoVacuum: try integer("auto_vacuum"),
      userVersion: try integer("user_version"), applicationID: try integer("application_id"),
      hasWriteAheadLog: try hasWriteAheadLog())
  }

  func hasWriteAheadLog() throws(SQLiteFailure) -> Bool { try text("journal_mode").isSame(as: "wal") }

  func entries() throws(SQLiteFailure) -> [Entry] {
    let query = try connection.prepare(
      "SELECT type, name, tbl_name, rootpage, sql FROM main.sqlite_schema ORDER BY rowid")
    var entries: [Entry] = []
    while try query.step() {
      entries.append(
        Entry(
          type: query.text(0) ?? [], name: query.text(1) ?? [], table: query.text(2) ?? [],
          rootPage: query.integer(3), sql: query.text(4)))
    }
    return entries
  }

  /// A column as `PRAGMA table_xinfo` tells it.
  struct Column: Equatable {
    let name: [UInt8]
    let type: [UInt8]
    let isNotNull: Bool
    let keyPosition: Int64
    let isGenerated: Bool
  }

  struct Layout {
    let columns: [Column]
    let keepsRowID: Bool
    let isStrict: Bool
  }

  /// - Parameter table: Not a virtual one.
  func layout(of table: [UInt8]) throws(SQLiteFailure) -> Layout {
    let query = try pragma("table_xinfo", table)
    var columns: [Column] = []
    while try query.step() {
      columns.append(
        Column(
          name: query.text(1) ?? [], type: query.text(2) ?? [], isNotNull: query.integer(3) != 0,
          keyPosition: query.integer(5), isGenerated: query.integer(6) > 1))
    }
    let (isWithoutRowID, isStrict) = try kind(of: table)
    let key = columns.filter { $0.keyPosition > 0 }
    // A whole number that is the key alone is the row id, unless it has an index of its own (INTEGER PRIMARY KEY DESC).
    let isRowID = key.count == 1 && Affinity.upper(key[0].type) == Array("INTEGER".utf8)
    let hasAlias = isRowID ? try !hasKeyIndex(table) : false
    return Layout(columns: columns, keepsRowID: !isWithoutRowID && !hasAlias, isStrict: isStrict)
  }

  private func kind(of table: [UInt8]) throws(SQLiteFailure) -> (isWithoutRowID: Bool, isStrict: Bool) {
    let query = try pragma("table_list", table)
    while try query.step() {
      if query.text(0) == Array("main".utf8), query.text(1) == table {
        return (query.integer(4) != 0, query.integer(5) != 0)
      }
    }
    throw SQLiteFailure(code: SQLITE_CORRUPT, "a table of its schema is not there")
  }

  private func hasKeyIndex(_ table: [UInt8]) throws(SQLiteFailure) -> Bool {
    let query = try pragma("index_list", table)
    while try query.step() {
      if query.text(3) == Array("pk".utf8) { return true }
    }
    return false
  }

  private func pragma(_ name: String, _ table: [UInt8]) throws(SQLiteFailure) -> SQLiteStatement {
    try connection.prepare(
      Array("PRAGMA main.\(name)(".utf8) + Quoting.sqliteIdentifier(table) + [UInt8(ascii: ")")])
  }

  private func integer(_ name: String) throws(SQLiteFailure) -> Int64 {
    let query = try connection.prepare("PRAGMA main.\(name)")
    guard try query.step(), query.type(0) == SQLITE_INTEGER else {
      throw SQLiteFailure(code: SQLITE_CORRUPT, "its \(name) is not a number")
    }
    return query.integer(0)
  }

  private func text(_ name: String) throws(SQLiteFailure) -> String {
    let query = try connection.prepare("PRAGMA main.\(name)")
    return try query.step() ? String(decoding: query.text(0) ?? [], as: UTF8.self) : ""
  }
}

/// What a column does to values that are stored in it (https://sqlite.org/datatype3.html, 3.1).
enum Affinity {
  case text, real, number, none

  init(of type: [UInt8]) {
    let name = Self.upper(type)
    func holds(_ words: String...) -> Bool {
      words.contains { word in
        let word = Array(word.utf8)
        return name.count >= word.count && (0...name.count - word.count).contains { name[$0...].starts(with: word) }
      }
    }
    if holds("INT") {
      self = .number
    } else if holds("CHAR", "CLOB", "TEXT") {
      self = .text
    } else if holds("BLOB") || name.isEmpty {
      self = .none
    } else if holds("REAL", "FLOA", "DOUB") {
      self = .real
    } else {
      self = .number
    }
  }

  static func upper(_ text: [UInt8]) -> [UInt8] {
    text.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) ? $0 - 32 : $0 }
  }
}
