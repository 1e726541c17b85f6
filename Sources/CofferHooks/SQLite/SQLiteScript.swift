/// Writes the SQL that makes sqlite3 write a dump: lossless, and all in one read transaction.
///
/// sqlite3's own `.dump` drops user_version, application_id and the journal mode, and cuts texts at NUL; sqlite3's
/// line reader drops a carriage return before a line feed. Hence a script of our own.
struct SQLiteScript {
  /// A table as the first question's answer describes it.
  struct Table: Equatable {
    let name: String
    let sql: String
    /// Columns that can be written, in order.
    let columns: [String]
    let isVirtual: Bool
    let keepsRowID: Bool
  }

  static let endMark = "-- End of this dump."
  static let answerEnd = "coffer-answer-end"
  private static let settings = ["page_size", "encoding", "auto_vacuum"]

  /// Begins the transaction and asks for settings and tables. Every text comes back in hex, fields parted by `|`.
  static let question = """
    .bail on
    .headers off
    .mode list
    .separator | \\n
    .timeout 30000
    BEGIN;
    SELECT 'setting', 'page_size', page_size FROM pragma_page_size;
    SELECT 'setting', 'encoding', encoding FROM pragma_encoding;
    SELECT 'setting', 'auto_vacuum', auto_vacuum FROM pragma_auto_vacuum;
    SELECT 'setting', 'user_version', user_version FROM pragma_user_version;
    SELECT 'setting', 'application_id', application_id FROM pragma_application_id;
    SELECT 'setting', 'journal_mode', journal_mode FROM pragma_journal_mode;
    SELECT 'table', hex(s.name), hex(s.sql), l.type, l.wr,
      (SELECT count(*) FROM pragma_table_xinfo(s.name) WHERE pk > 0 AND upper(type) = 'INTEGER') = 1
      AND (SELECT count(*) FROM pragma_table_xinfo(s.name) WHERE pk > 0) = 1
      AND NOT EXISTS (SELECT 1 FROM pragma_index_list(s.name) WHERE origin = 'pk'),
      (SELECT group_concat(hex(name), ',') FROM pragma_table_xinfo(s.name) WHERE hidden = 0)
      FROM sqlite_schema s JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.name
      WHERE s.type = 'table' ORDER BY s.rowid;
    SELECT 'other', hex(sql) FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY rowid;
    SELECT '\(answerEnd)';

    """

  private(set) var settings: [String: String] = [:]
  private(set) var tables: [Table] = []
  private var others: [String] = []

  /// - Parameter answer: The lines that answer the question, without the end.
  /// - Returns: nil when a line is not as it should be.
  init?(answer: [String]) {
    for line in answer {
      let fields = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
      switch (fields.first, fields.count) {
      case ("setting", 3): settings[fields[1]] = fields[2]
      case ("other", 2):
        guard let sql = Self.text(fields[1]) else { return nil }
        others.append(sql)
      case ("table", 7):
        guard let name = Self.text(fields[1]), let sql = Self.text(fields[2]) else { return nil }
        let columns = fields[6].split(separator: ",").compactMap { Self.text(String($0)) }
        let names = Set(columns.map { $0.lowercased() })
        let keepsRowID =
          fields[3] == "table" && fields[4] == "0" && fields[5] == "0" && !names.isSuperset(of: Self.rowIDNames)
        tables.append(
          Table(name: name, sql: sql, columns: columns, isVirtual: fields[3] == "virtual", keepsRowID: keepsRowID))
      default: return nil
      }
    }
    guard Self.settings.allSatisfy({ settings[$0] != nil }) else { return nil }
  }

  private static let rowIDNames: Set<String> = ["rowid", "_rowid_", "oid"]

  /// The statements that make sqlite3 print the dump and end the transaction.
  var statements: String {
    var lines: [String] = []
    func say(_ text: String) { lines.append("SELECT \(Self.literal(text));") }
    for name in Self.settings {
      say("PRAGMA \(name) = \(name == "encoding" ? "'\(settings[name] ?? "")'" : settings[name] ?? "");")
    }
    say("PRAGMA foreign_keys = OFF;")
    say("BEGIN;")
    if tables.contains(where: \.isVirtual) { say("PRAGMA writable_schema = ON;") }
    for table in tables where !Self.isInternal(table.name) {
      if table.isVirtual {
        say(
          "INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES('table', "
            + "\(Self.literal(table.name)), \(Self.literal(table.name)), 0, \(Self.literal(table.sql)));")
      } else {
        say(table.sql + ";")
        lines.append(rows(of: table))
      }
    }
    if tables.contains(where: { $0.name == "sqlite_sequence" }) {
      say("DELETE FROM sqlite_sequence;")
      for table in tables where table.name == "sqlite_sequence" { lines.append(rows(of: table)) }
    }
    for sql in others { say(sql + ";") }
    // Statistics of the first kind only: the others depend on how the program that restores was built.
    for table in tables where table.name == "sqlite_stat1" {
      say("ANALYZE sqlite_schema;")
      say("DELETE FROM sqlite_stat1;")
      lines.append(rows(of: table))
    }
    if tables.contains(where: \.isVirtual) { say("PRAGMA writable_schema = OFF;") }
    for name in ["user_version", "application_id"] { say("PRAGMA \(name) = \(settings[name] ?? "0");") }
    say("COMMIT;")
    if settings["journal_mode"] == "wal" { say("PRAGMA journal_mode = wal;") }
    say(Self.endMark)
    lines.append("COMMIT;")
    return lines.joined(separator: "\n") + "\n"
  }

  private static func isInternal(_ table: String) -> Bool {
    table.hasPrefix("sqlite_")
  }

  /// A query that prints an INSERT for every row.
  private func rows(of table: Table) -> String {
    let rowIDName = Self.rowIDNames.sorted().first { name in !table.columns.contains { $0.lowercased() == name } }
    var names = table.columns.map(Self.identifier)
    var values = names.map(Self.value)
    if table.keepsRowID, let rowIDName {
      names.insert(rowIDName, at: 0)
      values.insert(rowIDName, at: 0)
    }
    guard !names.isEmpty else { return "" }
    let head = "INSERT INTO \(Self.identifier(table.name))(\(names.joined(separator: ","))) VALUES("
    values[0] = "\(Self.literal(head)) || \(values[0])"
    values[values.count - 1] += " || ');'"
    return
      ".separator , \\n\nSELECT \(values.joined(separator: ", ")) FROM \(Self.identifier(table.name));\n.separator | \\n"
  }

  /// A value as an SQL literal that gives it back exactly.
  private static func value(_ column: String) -> String {
    """
    CASE typeof(\(column)) WHEN 'text' THEN CASE WHEN instr(\(column), char(0)) OR instr(\(column), char(13)) \
    THEN 'CAST(X''' || hex(\(column)) || ''' AS TEXT)' ELSE quote(\(column)) END \
    WHEN 'real' THEN CASE WHEN \(column) = 9e999 THEN '9e999' WHEN \(column) = -9e999 THEN '-9e999' \
    ELSE printf('%!.20e', \(column)) END ELSE quote(\(column)) END
    """
  }

  private static func identifier(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  /// Texts that hold line ends go in hex, so that they stay on one line.
  private static func literal(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 < 32 }) else {
      return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }
    let digits = Array("0123456789ABCDEF")
    return "CAST(X'" + String(text.utf8.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }) + "' AS TEXT)"
  }

  private static func text(_ hex: String) -> String? {
    var bytes: [UInt8] = []
    var rest = Substring(hex)
    while !rest.isEmpty {
      guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
      bytes.append(byte)
      rest = rest.dropFirst(2)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
