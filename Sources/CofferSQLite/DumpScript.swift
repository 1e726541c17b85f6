import CSQLite
import CofferSystem

/// A table as a dump needs to know it. Names and SQL are bytes, because SQLite takes any.
public struct SQLiteTable: Equatable, Sendable {
  public var name: [UInt8]
  /// The statement that creates it, with its semicolon; a virtual table's as the schema has it.
  public var sql: [UInt8]
  /// Columns that can be written, in order.
  public var columns: [[UInt8]]
  /// Columns whose values are computed.
  public var generated: [[UInt8]]
  public var isVirtual: Bool
  /// Whether its row ids are not those of a column, and have a name that no column has.
  public var keepsRowID: Bool
  /// Whether it has row ids that no statement can name, because columns have all their names.
  public var losesRowID: Bool

  /// - Parameter keepsRowID: Whether its row ids are to come back, if they have a name.
  public init(
    name: [UInt8], sql: [UInt8], columns: [[UInt8]], generated: [[UInt8]] = [], isVirtual: Bool, keepsRowID: Bool
  ) {
    self.name = name
    self.sql = sql
    self.columns = columns
    self.isVirtual = isVirtual
    self.generated = generated
    let hasName = Self.freeRowIDName(columns + generated) != nil
    self.keepsRowID = keepsRowID && !isVirtual && hasName
    losesRowID = keepsRowID && !isVirtual && !hasName
  }

  /// What the row id can be called beside the columns.
  public var rowIDName: String? { Self.freeRowIDName(columns + generated) }

  private static func freeRowIDName(_ columns: [[UInt8]]) -> String? {
    let taken = Set(columns.map { String(decoding: $0.map(lowercased), as: UTF8.self) })
    return ["_rowid_", "oid", "rowid"].first { !taken.contains($0) }
  }

  private static func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte + 32 : byte
  }

  var isInternal: Bool { name.starts(with: Array("sqlite_".utf8)) }
}

/// A database's settings, as far as they come back.
public struct SQLiteSettings: Equatable, Sendable {
  public enum TextEncoding: String, Sendable {
    case utf8 = "UTF-8"
    case utf16LittleEndian = "UTF-16le"
    case utf16BigEndian = "UTF-16be"
  }

  public var pageSize: Int64
  public var encoding: TextEncoding
  public var autoVacuum: Int64
  public var userVersion: Int64
  public var applicationID: Int64
  public var hasWriteAheadLog: Bool

  public init(
    pageSize: Int64, encoding: TextEncoding, autoVacuum: Int64, userVersion: Int64, applicationID: Int64,
    hasWriteAheadLog: Bool
  ) {
    self.pageSize = pageSize
    self.encoding = encoding
    self.autoVacuum = autoVacuum
    self.userVersion = userVersion
    self.applicationID = applicationID
    self.hasWriteAheadLog = hasWriteAheadLog
  }
}

/// The SQL that builds a database anew: lossless, and readable by the program sqlite3.
///
/// sqlite3's own `.dump` drops user_version, application_id and the journal mode, and cuts texts at NUL.
public struct SQLiteDumpScript: Sendable {
  /// A part of the dump.
  public enum Step: Equatable, Sendable {
    /// A statement, with its semicolon and without the line's end.
    case statement([UInt8])
    /// An INSERT for each row of the table, each on a line.
    case rows(SQLiteTable)
  }

  /// The last line.
  public static let endMark = "-- End of this dump."

  public let settings: SQLiteSettings
  public let tables: [SQLiteTable]
  /// The statements of all else in the schema, with their semicolons.
  public let others: [[UInt8]]

  public init(settings: SQLiteSettings, tables: [SQLiteTable], others: [[UInt8]]) {
    self.settings = settings
    self.tables = tables
    self.others = others
  }

  /// A statement of the schema with its semicolon, which a comment at its end does not swallow.
  public static func closed(_ sql: [UInt8]) -> [UInt8] {
    let plain = sql + [UInt8(ascii: ";")]
    // More than it needs would stand in the restored schema: SQLite keeps some statements up to their semicolon.
    let isComplete = (plain + [0]).withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { text in text.baseAddress.map { sqlite3_complete($0) } == 1 }
    }
    return isComplete ? plain : sql + Array("\n;".utf8)
  }

  /// The dump without its last line.
  public var steps: [Step] {
    var steps: [Step] = []
    func say(_ text: String) { steps.append(.statement(Array(text.utf8))) }
    say("PRAGMA page_size = \(settings.pageSize);")
    say("PRAGMA encoding = '\(settings.encoding.rawValue)';")
    say("PRAGMA auto_vacuum = \(settings.autoVacuum);")
    say("PRAGMA foreign_keys = OFF;")
    // Rows come back as they are, also those that a check would refuse today.
    say("PRAGMA ignore_check_constraints = ON;")
    say("BEGIN;")
    let hasVirtual = tables.contains(where: \.isVirtual)
    if hasVirtual { say("PRAGMA writable_schema = ON;") }
    for table in tables where !table.isInternal {
      if table.isVirtual {
        // Its module need not be there: its content is in other tables.
        let name = Quoting.sqliteLiteral(table.name)
        let head = Array("INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES('table', ".utf8)
        steps.append(
          .statement(
            head + name + Array(", ".utf8) + name + Array(", 0, ".utf8) + Quoting.sqliteLiteral(table.sql)
              + Array(");".utf8)))
      } else {
        steps.append(.statement(table.sql))
        steps.append(.rows(table))
      }
    }
    for table in tables where table.name == Array("sqlite_sequence".utf8) {
      // The tables that count may all have been dropped since: SQLite makes it for a table that counts.
      if !tables.contains(where: { Self.counts($0) }) {
        let spare = Self.freeName(tables.map(\.name))
        say("CREATE TABLE \(spare)(id INTEGER PRIMARY KEY AUTOINCREMENT);")
        say("DROP TABLE \(spare);")
      }
      say("DELETE FROM sqlite_sequence;")
      steps.append(.rows(table))
    }
    for sql in others { steps.append(.statement(sql)) }
    // Statistics of the first kind only: the others depend on how the program that restores was built.
    for table in tables where table.name == Array("sqlite_stat1".utf8) {
      say("ANALYZE sqlite_schema;")
      say("DELETE FROM sqlite_stat1;")
      steps.append(.rows(table))
    }
    if hasVirtual { say("PRAGMA writable_schema = OFF;") }
    say("PRAGMA user_version = \(settings.userVersion);")
    say("PRAGMA application_id = \(settings.applicationID);")
    say("COMMIT;")
    if settings.hasWriteAheadLog { say("PRAGMA journal_mode = wal;") }
    return steps
  }

  /// Whether a table's definition may have a column that counts.
  private static func counts(_ table: SQLiteTable) -> Bool {
    String(decoding: Affinity.upper(table.sql), as: UTF8.self).holds("AUTOINCREMENT")
  }

  /// A name that no table has.
  private static func freeName(_ taken: [[UInt8]]) -> String {
    let all = Set(taken.map { Affinity.upper($0) })
    var name = "coffer_counter"
    while all.contains(Affinity.upper(Array(name.utf8))) { name += "_" }
    return name
  }
}
