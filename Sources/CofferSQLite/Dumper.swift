import CSQLite
import CofferSystem

/// Dumps the database that the file layer leads to, as one moment of it.
struct Dumper {
  let connection: SQLiteConnection
  let fileSize: Int64
  let output: any ByteSink
  let warn: (String) -> Void
  /// Takes what was dumped.
  var tell: (SQLiteContent) throws -> Void = { _ in }
  /// Asked when SQLite's lock is held, where it keeps the file as it is.
  var held: () throws -> HeldFile? = { nil }

  /// Bytes that are gathered before they are written.
  private static let portion = 1 << 16
  /// A statement's longest length (SQLITE_MAX_SQL_LENGTH).
  private static let longestStatement = 1_000_000_000

  func run() throws {
    try connection.check(coffer_sqlite_accept_unknown_collations(connection.handle))
    try connection.check(coffer_sqlite_add_conversion_test(connection.handle))
    try connection.execute("BEGIN")
    // What begins the transaction takes no lock; the first that is read does.
    try connection.execute("SELECT 1 FROM main.sqlite_schema LIMIT 1")
    let reader = DatabaseReader(connection: connection)
    let held = try reader.hasWriteAheadLog() ? nil : held()
    switch try DumpPlan.make(for: reader, fileSize: fileSize) {
    case .script(let script, let notes):
      for note in notes { warn(note) }
      try tell(SQLiteContent(of: connection, known: try write(script)))
    case .copy(let reason):
      warn("dumped as a copy of the file, because SQL would not bring everything back: \(reason)")
      try FileCopy(connection).write(to: output)
      // Nothing is read again: it would take as long as the copy, and a damaged page is no matter of the copy's.
      try tell(SQLiteContent(of: connection, countsRows: false))
    }
    try held?.checkUnchanged()
    try connection.execute("COMMIT")
  }

  /// - Returns: How many rows were written of each table.
  private func write(_ script: SQLiteDumpScript) throws -> [[UInt8]: UInt64] {
    var counts: [[UInt8]: UInt64] = [:]
    let writer = RowWriter(script.settings.encoding)
    for step in script.steps {
      switch step {
      case .statement(let text): writer.append(text)
      case .rows(let table): counts[table.name] = try write(table, writer)
      }
      try flush(writer, above: Self.portion)
    }
    writer.append(Array(SQLiteDumpScript.endMark.utf8))
    try flush(writer, above: 0)
    return counts
  }

  /// - Returns: The number of rows; nil for a table without any of its own.
  private func write(_ table: SQLiteTable, _ writer: RowWriter) throws -> UInt64? {
    guard let texts = RowWriter.texts(for: table) else { return nil }
    var count: UInt64 = 0
    let rows = try connection.prepare(texts.query)
    while try rows.step() {
      let before = writer.bytes.count
      try writer.append(texts.head, rows)
      guard writer.bytes.count - before < Self.longestStatement else {
        throw SQLiteFailure(code: SQLITE_TOOBIG, "a row of \(DumpPlan.shown(table.name)) is too long for a statement")
      }
      try flush(writer, above: Self.portion)
      count += 1
    }
    return count
  }

  private func flush(_ writer: RowWriter, above limit: Int) throws {
    guard writer.bytes.count > limit else { return }
    try writer.bytes.withUnsafeBytes { try output.write($0) }
    writer.removeAll()
  }
}
