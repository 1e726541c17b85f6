import CofferSystem

/// Builds a schema in memory by the statements that a dump will have, to learn whether they make it.
struct SchemaRehearsal {
  private let scratch: SQLiteConnection
  /// Why the statements do not make the schema.
  private(set) var obstacle: String?
  /// What is left out of the statements.
  private(set) var notes: [String] = []

  init(_ scratch: SQLiteConnection) {
    self.scratch = scratch
  }

  /// Returns the statement of each entry, with its semicolon, as SQLite reads it: what stands behind a statement in the
  /// schema table means nothing to SQLite and could mean anything to who runs the dump.
  ///
  /// - Returns: nil inside for entries without one, and for virtual tables, which are not built; nil when the statements
  ///   fail, or make another schema.
  mutating func statements(for entries: [DatabaseReader.Entry]) -> [[UInt8]?]? {
    var statements = [[UInt8]?](repeating: nil, count: entries.count)
    do {
      // As in the dump: first the tables.
      for wantsTable in [true, false] {
        for (index, entry) in entries.enumerated() where entry.isTable == wantsTable && Self.isBuilt(entry) {
          statements[index] = try entry.sql.map { sql throws(SQLiteFailure) in try perform(sql, of: entry) }
        }
      }
      let built = try DatabaseReader(connection: scratch).entries()
      let wanted = zip(entries, statements).filter { Self.isCompared($0.0) }.map { Self.described($0, Self.plain($1)) }
      let found = built.filter(Self.isCompared).map { Self.described($0, $0.sql) }
      guard Set(found) == Set(wanted), found.count == wanted.count else {
        obstacle = "its schema is not what its statements make"
        return nil
      }
    } catch {
      obstacle = error.description
      return nil
    }
    return statements
  }

  private static let made = Set(["sqlite_sequence", "sqlite_stat1", "sqlite_stat2", "sqlite_stat3", "sqlite_stat4"])

  /// Tables that SQLite makes by itself.
  private static func isMade(_ entry: DatabaseReader.Entry) -> Bool {
    entry.isTable && made.contains(String(decoding: entry.name, as: UTF8.self))
  }

  private static func isBuilt(_ entry: DatabaseReader.Entry) -> Bool { !entry.isVirtual && !isMade(entry) }

  private static func isCompared(_ entry: DatabaseReader.Entry) -> Bool { isBuilt(entry) }

  private static func described(_ entry: DatabaseReader.Entry, _ sql: [UInt8]?) -> [[UInt8]] {
    [entry.type, entry.name, entry.table, sql ?? []]
  }

  /// The statement as the schema table has it.
  private static func plain(_ statement: [UInt8]?) -> [UInt8]? {
    guard var text = statement else { return nil }
    if text.last == UInt8(ascii: ";") { text.removeLast() }
    while text.last == newline { text.removeLast() }
    return text
  }

  private static let newline = UInt8(ascii: "\n")

  private mutating func perform(
    _ sql: [UInt8], of entry: DatabaseReader.Entry
  ) throws(SQLiteFailure) -> [UInt8] {
    // A comment at the end would swallow the semicolon; one that is not closed swallows everything.
    for ending in [[UInt8(ascii: ";")], [Self.newline, UInt8(ascii: ";")]] {
      let text = sql + ending
      let (statement, count) = try scratch.prepareCopied(text + Array(" SELECT 1".utf8))
      guard count <= text.count else { continue }
      while try statement?.step() == true {}
      if count < sql.count {
        notes.append(
          "what stands behind the statement of \(DumpPlan.shown(entry.name)) in the schema is left out: SQLite does not read it"
        )
      }
      return Array(text[..<count])
    }
    throw SQLiteFailure(code: 1, "a comment in its schema is not closed")
  }
}
