import CofferSQLite
import CofferSystem
import FoundationEssentials
import Glibc

/// What the program sqlite3 is asked by a script to find out what to dump, and the script that makes it print the dump.
enum SQLiteQuestion {
  static let end = "coffer-answer-end"

  private static let settings = [
    "page_size", "encoding", "auto_vacuum", "user_version", "application_id", "journal_mode",
  ]

  /// Begins the transaction and asks for settings and schema. Every setting is a line, and every entry of the schema is one
  /// of JSON.
  ///
  /// What is in a database cannot stand in for a function or a statement, but for a table: the answers of tables that
  /// begin with `pragma_` count only where nothing in the database has such a name.
  static let text =
    """
    .bail on
    .headers off
    .mode list
    .separator , \\n
    .timeout 30000
    BEGIN;

    """ + settings.map { "PRAGMA main.\($0);\n" }.joined() + """
      SELECT json_array('shadow', name) FROM main.sqlite_schema WHERE lower(substr(name, 1, 7)) = 'pragma_';
      SELECT json_array('table', s.name, s.sql, l.wr = 0 AND NOT (
        (SELECT count(*) FROM pragma_table_xinfo(s.name) WHERE pk > 0 AND upper(type) = 'INTEGER') = 1
        AND (SELECT count(*) FROM pragma_table_xinfo(s.name) WHERE pk > 0) = 1
        AND NOT EXISTS (SELECT 1 FROM pragma_index_list(s.name) WHERE origin = 'pk')),
        (SELECT json_group_array(name) FROM pragma_table_xinfo(s.name) WHERE hidden = 0) || '',
        (SELECT json_group_array(name) FROM pragma_table_xinfo(s.name) WHERE hidden <> 0) || '')
        FROM main.sqlite_schema s JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.name
        WHERE s.type = 'table' AND s.rootpage <> 0 ORDER BY s.rowid;
      SELECT json_array('virtual', name, sql) FROM main.sqlite_schema WHERE type = 'table' AND rootpage = 0 ORDER BY rowid;
      SELECT json_array('other', sql) FROM main.sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY rowid;
      SELECT '\(end)';

      """

  /// A text or a whole number.
  private enum Field: Decodable {
    case text(String)
    case number(Int64)

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      do {
        self = .number(try value.decode(Int64.self))
      } catch {
        self = .text(try value.decode(String.self))
      }
    }

    var bytes: [UInt8] { if case .text(let text) = self { Array(text.utf8) } else { [] } }
  }

  /// - Parameter answer: The lines that answer the question, without the end.
  /// - Throws: `DumpError`.
  static func script(answering answer: [UInt8], of identity: DumpIdentity) throws -> SQLiteDumpScript {
    let lines = answer.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let values = lines.prefix(settings.count).map { String(decoding: $0, as: UTF8.self) }
    let numbers = values.map { Int64($0) }
    guard values.count == settings.count, let pageSize = numbers[0],
      let encoding = SQLiteSettings.TextEncoding(rawValue: values[1]), let autoVacuum = numbers[2],
      let userVersion = numbers[3], let applicationID = numbers[4]
    else { throw unreadable(identity) }
    let settings = SQLiteSettings(
      pageSize: pageSize, encoding: encoding, autoVacuum: autoVacuum, userVersion: userVersion,
      applicationID: applicationID, hasWriteAheadLog: values[5].isSame(as: "wal"))
    var tables: [SQLiteTable] = []
    var others: [[UInt8]] = []
    for line in lines.dropFirst(values.count) where !line.isEmpty {
      try read(line, identity, &tables, &others)
    }
    return SQLiteDumpScript(settings: settings, tables: tables, others: others)
  }

  private static func read(
    _ line: ArraySlice<UInt8>, _ identity: DumpIdentity, _ tables: inout [SQLiteTable], _ others: inout [[UInt8]]
  ) throws {
    guard let fields = try? JSONDecoder().decode([Field].self, from: Data(line)), case .text(let kind)? = fields.first
    else { throw unreadable(identity) }
    let texts = fields.map(\.bytes)
    switch (kind, fields.count) {
    case ("shadow", 2):
      throw DumpError.misconfigured(
        identity, problem: "It has a table or view '\(fields[1].bytes.shown)', which hides what sqlite3 is to be asked",
        suggestion: "Leave out sqlite_command: without it, such a name changes nothing")
    case ("other", 2): others.append(SQLiteDumpScript.closed(texts[1]))
    case ("virtual", 3):
      tables.append(SQLiteTable(name: texts[1], sql: texts[2], columns: [], isVirtual: true, keepsRowID: false))
    case ("table", 6):
      guard let columns = try? JSONDecoder().decode([String].self, from: Data(texts[4])),
        let generated = try? JSONDecoder().decode([String].self, from: Data(texts[5]))
      else { throw unreadable(identity) }
      guard case .number(let keepsRowID) = fields[3] else { throw unreadable(identity) }
      // Its reader of lines drops some, and a column that is not found is a text to it.
      guard !texts[1].contains(carriageReturn), !columns.contains(where: { $0.utf8.contains(carriageReturn) }) else {
        throw DumpError.misconfigured(
          identity,
          problem: "A name in table '\(texts[1].shown)' holds a carriage return, which sqlite3 cannot be told",
          suggestion: "Leave out sqlite_command: without it, every name can be read")
      }
      tables.append(
        SQLiteTable(
          name: texts[1], sql: SQLiteDumpScript.closed(texts[2]), columns: columns.map { Array($0.utf8) },
          generated: generated.map { Array($0.utf8) }, isVirtual: false, keepsRowID: keepsRowID == 1))
    default: throw unreadable(identity)
    }
  }

  private static let carriageReturn = UInt8(ascii: "\r")

  static func unreadable(_ identity: DumpIdentity) -> DumpError {
    .incomplete(identity, program: "sqlite3", missing: "its description of the tables is not readable")
  }

  /// What of the database the script does not bring back.
  static func losses(of script: SQLiteDumpScript) -> [String] {
    script.tables.filter(\.losesRowID).map { table in
      "the row ids of '\(table.name.shown)' are not in the dump, because columns have all their names; without sqlite_command, the dump is a copy of the file, which keeps them"
    }
  }

  // MARK: - The script

  /// The statements that make sqlite3 print the dump and end the transaction.
  static func statements(of script: SQLiteDumpScript) -> [UInt8] {
    var lines: [[UInt8]] = []
    func say(_ text: [UInt8]) { lines.append(Array("SELECT ".utf8) + literal(text) + [UInt8(ascii: ";")]) }
    for step in script.steps {
      switch step {
      case .statement(let text): say(text)
      case .rows(let table):
        if let query = rows(of: table, script.settings.encoding) { lines.append(query) }
      }
    }
    say(Array(SQLiteDumpScript.endMark.utf8))
    lines.append(Array("COMMIT;\n".utf8))
    return Array(lines.joined(separator: [UInt8(ascii: "\n")]))
  }

  /// A query that prints an INSERT for every row.
  private static func rows(of table: SQLiteTable, _ encoding: SQLiteSettings.TextEncoding) -> [UInt8]? {
    var names = table.columns.map { Quoting.sqliteIdentifier(String(decoding: $0, as: UTF8.self)) }
    var values = names.map { value($0, encoding) }
    if table.keepsRowID, let rowID = table.rowIDName {
      names.insert(rowID, at: 0)
      values.insert(rowID, at: 0)
    }
    guard !names.isEmpty else { return nil }
    let name = Quoting.sqliteIdentifier(String(decoding: table.name, as: UTF8.self))
    let head = "INSERT INTO \(name)(\(names.joined(separator: ","))) VALUES("
    values[0] = String(decoding: literal(Array(head.utf8)), as: UTF8.self) + " || \(values[0])"
    values[values.count - 1] += " || ');'"
    return Array("SELECT \(values.joined(separator: ", ")) FROM main.\(name);".utf8)
  }

  /// A value as an SQL literal that gives it back exactly; see `RowWriter`, which writes the same.
  private static func value(_ column: String, _ encoding: SQLiteSettings.TextEncoding) -> String {
    // quote() goes by UTF-8, in which single surrogates are lost.
    let isOdd = encoding == .utf8 ? "" : " OR quote(\(column)) <> '''' || \(column) || ''''"
    return """
      CASE typeof(\(column)) WHEN 'text' THEN CASE WHEN instr(\(column), char(0)) OR instr(\(column), char(13))\(isOdd) \
      THEN 'CAST(X''' || hex(CAST(\(column) AS BLOB)) || ''' AS TEXT)' ELSE quote(\(column)) END \
      WHEN 'real' THEN CASE WHEN \(column) = 9e999 THEN '9e999' WHEN \(column) = -9e999 THEN '-9e999' \
      WHEN \(column) = 0.0 THEN CASE WHEN ieee754_to_blob(\(column)) = ieee754_to_blob(0.0) THEN '0.0' ELSE '-0.0' END \
      WHEN abs(\(column)) < 1e15 AND abs(\(column)) > 1e-9 \
      AND CAST(printf('%!.15g', \(column)) AS REAL) = \(column) THEN printf('%!.15g', \(column)) \
      ELSE 'ieee754(' || ieee754_mantissa(\(column)) || ',' || ieee754_exponent(\(column)) || ')' END \
      ELSE quote(\(column)) END
      """
  }

  /// Texts that hold line ends go as JSON, so that they stay on one line whatever the database's encoding.
  private static func literal(_ text: [UInt8]) -> [UInt8] {
    guard text.contains(where: { $0 < 32 }),
      let json = try? JSONEncoder().encode([String(decoding: text, as: UTF8.self)])
    else { return Quoting.sqliteLiteral(text) }
    return Array("json_extract(".utf8) + Quoting.sqliteLiteral(Array(json)) + Array(", '$[0]')".utf8)
  }
}

extension [UInt8] {
  fileprivate var shown: String { Quoting.terminal(String(decoding: self, as: UTF8.self)) }
}
