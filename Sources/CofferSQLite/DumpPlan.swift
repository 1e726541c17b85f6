import CSQLite

/// How a database is dumped: as SQL where that brings everything back, else as a copy of the file.
enum DumpPlan {
  case script(SQLiteDumpScript, notes: [String])
  case copy(reason: String)

  /// Finds out by trial: the schema is built in memory as the dump would build it, and the rows are searched for values
  /// that an INSERT would refuse or change.
  static func make(for reader: DatabaseReader, fileSize: Int64) throws(SQLiteFailure) -> DumpPlan {
    let settings = try reader.settings()
    let entries = try reader.entries()
    let scratch = try SQLiteConnection(
      ":memory:", flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, isDefensive: false)
    var rehearsal = SchemaRehearsal(scratch)
    guard let statements = rehearsal.statements(for: entries) else {
      return .copy(reason: rehearsal.obstacle ?? "its schema cannot be written as statements")
    }
    var tables: [SQLiteTable] = []
    var others: [[UInt8]] = []
    for (entry, statement) in zip(entries, statements) {
      if !entry.isTable {
        if let statement { others.append(statement) }
      } else if let reason = try add(entry, statement ?? [], reader, fileSize, to: &tables) {
        return .copy(reason: reason)
      }
    }
    return .script(
      SQLiteDumpScript(settings: settings, tables: tables, others: others), notes: rehearsal.notes)
  }

  /// Adds a table; or tells why its rows would not come back by SQL.
  private static func add(
    _ entry: DatabaseReader.Entry, _ statement: [UInt8], _ reader: DatabaseReader, _ fileSize: Int64,
    to tables: inout [SQLiteTable]
  ) throws(SQLiteFailure) -> String? {
    guard !entry.isVirtual else {
      tables.append(
        SQLiteTable(name: entry.name, sql: entry.sql ?? [], columns: [], isVirtual: true, keepsRowID: false))
      return nil
    }
    let layout = try reader.layout(of: entry.name)
    let columns = layout.columns.filter { !$0.isGenerated }
    let table = SQLiteTable(
      name: entry.name, sql: statement, columns: columns.map(\.name),
      generated: layout.columns.filter(\.isGenerated).map(\.name), isVirtual: false, keepsRowID: layout.keepsRowID)
    if table.losesRowID { return "\(shown(entry.name)) has columns of all the names that a row id can have" }
    let limit = sqlite3_limit(reader.connection.handle, SQLITE_LIMIT_COLUMN, -1)
    if columns.count + (table.keepsRowID ? 1 : 0) > limit { return "\(shown(entry.name)) has too many columns" }
    tables.append(table)
    if table.isInternal { return nil }
    let search = RowSearch(table: entry.name, columns: columns, isStrict: layout.isStrict, fileSize: fileSize)
    guard let query = search.query else { return nil }
    return try reader.connection.prepare(query).step()
      ? "\(shown(entry.name)) holds values that its own definition does not allow" : nil
  }

  static func shown(_ name: [UInt8]) -> String { "'\(String(decoding: name, as: UTF8.self))'" }
}
