import Foundation

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

  /// Begins the transaction and asks for settings and tables. Every row of the answer is a line of JSON.
  static let question = """
    .bail on
    .headers off
    .mode list
    .separator , \\n
    .timeout 30000
    BEGIN;
    SELECT json_array('setting', 'page_size', page_size) FROM pragma_page_size;
    SELECT json_array('setting', 'encoding', encoding) FROM pragma_encoding;
    SELECT json_array('setting', 'auto_vacuum', auto_vacuum) FROM pragma_auto_vacuum;
    SELECT json_array('setting', 'user_version', user_version) FROM pragma_user_version;
    SELECT json_array('setting', 'application_id', application_id) FROM pragma_application_id;
    SELECT json_array('setting', 'journal_mode', journal_mode) FROM pragma_journal_mode;
    SELECT json_array('table', s.name, s.sql, l.type, l.wr = 0 AND NOT (
      (SELECT count(*) FROM pragma_table_xinfo(s.name) WHERE pk > 0 AND upper(type) = 'INTEGER') = 1
      AND (SELECT count(*) FROM pragma_table_xinfo(s.name) WHERE pk > 0) = 1
      AND NOT EXISTS (SELECT 1 FROM pragma_index_list(s.name) WHERE origin = 'pk')),
      (SELECT json_group_array(name) FROM pragma_table_xinfo(s.name) WHERE hidden = 0) || '')
      FROM sqlite_schema s JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.name
      WHERE s.type = 'table' ORDER BY s.rowid;
    SELECT json_array('other', sql) FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY rowid;
    SELECT '\(answerEnd)';

    """

  private(set) var settings: [String: String] = [:]
  private(set) var tables: [Table] = []
  private var others: [String] = []

  /// - Parameter answer: The lines that answer the question, without the end.
  /// - Returns: nil when a line is not as it should be.
  init?(answer: [String]) {
    for line in answer {
      guard let fields = try? JSONDecoder().decode([Field].self, from: Data(line.utf8)) else { return nil }
      switch (fields.first?.text, fields.count) {
      case ("setting", 3): settings[fields[1].text] = fields[2].text
      case ("other", 2): others.append(fields[1].text)
      case ("table", 6):
        guard let columns = try? JSONDecoder().decode([String].self, from: Data(fields[5].text.utf8)) else {
          return nil
        }
        let names = Set(columns.map { $0.lowercased() })
        tables.append(
          Table(
            name: fields[1].text, sql: fields[2].text, columns: columns, isVirtual: fields[3].text == "virtual",
            keepsRowID: fields[4].text == "1" && fields[3].text != "virtual" && !names.isSuperset(of: Self.rowIDNames)))
      default: return nil
      }
    }
    guard Self.settings.allSatisfy({ settings[$0] != nil }) else { return nil }
  }

  /// A text or a whole number, as text.
  private struct Field: Decodable {
    let text: String

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if let number = try? value.decode(Int.self) {
        text = String(number)
      } else {
        text = try value.decode(String.self)
      }
    }
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
    return "SELECT \(values.joined(separator: ", ")) FROM \(Self.identifier(table.name));"
  }

  /// A value as an SQL literal that gives it back exactly.
  ///
  /// SQLite's versions differ in the last bit when they read long or extreme numbers. Numbers that few digits tell are
  /// written in decimal; all others as a whole number and a power of two, by a function that sqlite3 has built in.
  private static func value(_ column: String) -> String {
    """
    CASE typeof(\(column)) WHEN 'text' THEN CASE WHEN instr(\(column), char(0)) OR instr(\(column), char(13)) \
    THEN 'CAST(X''' || hex(\(column)) || ''' AS TEXT)' ELSE quote(\(column)) END \
    WHEN 'real' THEN CASE WHEN \(column) = 9e999 THEN '9e999' WHEN \(column) = -9e999 THEN '-9e999' \
    WHEN abs(\(column)) < 1e15 AND (abs(\(column)) > 1e-9 OR \(column) = 0.0) \
    AND CAST(printf('%!.15g', \(column)) AS REAL) = \(column) THEN printf('%!.15g', \(column)) \
    ELSE 'ieee754(' || ieee754_mantissa(\(column)) || ',' || ieee754_exponent(\(column)) || ')' END \
    ELSE quote(\(column)) END
    """
  }

  private static func identifier(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  /// Texts that hold line ends go as JSON, so that they stay on one line whatever the database's encoding.
  private static func literal(_ text: String) -> String {
    let isPlain = !text.utf8.contains { $0 < 32 }
    let json = try? JSONEncoder().encode([text])
    let content = isPlain ? text : json.map { String(decoding: $0, as: UTF8.self) } ?? text
    let quoted = "'" + content.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    return isPlain ? quoted : "json_extract(\(quoted), '$[0]')"
  }
}
