import CSQLite
import CofferSystem
import Glibc

/// Brings tables of a dump into a database that is there, in one transaction.
///
/// The dump is a stranger's text. It builds a temporary database, with the rows of the chosen tables only; what goes on into
/// the one in use is what that one then has: definitions of these tables, of their indexes and triggers, and values.
final class TableLoader {
  private typealias Entry = DatabaseReader.Entry

  private let tables: SQLiteWorkerRequest.Tables
  private let live: SQLiteConnection
  private let warn: (String) -> Void

  /// - Parameters:
  ///   - live: The database in use.
  ///   - warn: Is told what does not come along.
  init(_ tables: SQLiteWorkerRequest.Tables, into live: SQLiteConnection, warn: @escaping (String) -> Void) {
    self.tables = tables
    self.live = live
    self.warn = warn
  }

  /// - Throws: `SQLiteFailure`; what the source throws. Nothing has changed then.
  func run(_ input: any ByteSource) throws {
    var reader = StatementReader(input)
    guard try !reader.begins(with: SQLiteWorker.fileMagic) else {
      throw SQLiteFailure(code: SQLITE_ERROR, "the dump is a copy of the file, from which no table can be taken")
    }
    // Without a name it is a temporary file.
    let scratch = try SQLiteConnection("", flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, isDefensive: false)
    for setting in ["journal_mode = OFF", "synchronous = OFF"] { try scratch.execute("PRAGMA \(setting)") }
    try fill(scratch, &reader)
    let chosen = try self.chosen(in: scratch)
    let names = try rename(chosen, in: scratch)
    try live.execute("BEGIN IMMEDIATE")
    do {
      for name in names { try makeRoom(for: name) }
      for name in names { try bring(name, from: scratch) }
      // Whoever asks this process to end must not be left without a word about what has been committed.
      signal(SIGTERM, SIG_IGN)
      try live.execute("COMMIT")
    } catch {
      if live.isInTransaction { try live.execute("ROLLBACK") }
      throw error
    }
  }

  // MARK: - The dump

  private func fill(_ scratch: SQLiteConnection, _ reader: inout StatementReader) throws {
    let guardian = StatementGuard(scratch)
    while true {
      guardian.insertion = nil
      guard let statement = try reader.next(scratch, guardian) else { break }
      if let table = guardian.insertion, !isWanted(table), !table.begins(with: "sqlite_") { continue }
      while try statement.step() {}
    }
    guard !scratch.isInTransaction else {
      throw SQLiteFailure(code: SQLITE_ABORT, "the dump ends within its transaction")
    }
  }

  private func isWanted(_ table: String) -> Bool {
    tables.names.contains { $0.isSame(as: table) || NamePattern($0).matches(table) }
  }

  private func chosen(in scratch: SQLiteConnection) throws -> [Entry] {
    let all = try DatabaseReader(connection: scratch).entries()
      .filter { $0.isTable && !$0.name.starts(with: "sqlite_".utf8) }
    for name in tables.names {
      let exact = all.contains { Self.shown($0.name).isSame(as: name) }
      guard exact || all.contains(where: { NamePattern(name).matches(Self.shown($0.name)) }) else {
        let known = all.prefix(20).map { Self.shown($0.name) }.joined(separator: ", ")
        throw SQLiteFailure(code: SQLITE_ERROR, "the dump has no table '\(name)'; it has \(known)")
      }
    }
    let chosen = all.filter { isWanted(Self.shown($0.name)) }
    if let virtual = chosen.first(where: \.isVirtual) {
      throw SQLiteFailure(
        code: SQLITE_ERROR, "'\(Self.shown(virtual.name))' is a virtual table, whose rows are in other tables")
    }
    return chosen
  }

  /// SQLite itself changes what refers to a table that gets another name.
  ///
  /// - Returns: The tables' names from then on.
  private func rename(_ chosen: [Entry], in scratch: SQLiteConnection) throws -> [[UInt8]] {
    guard let newName = tables.newName else { return chosen.map(\.name) }
    guard chosen.count == 1, let table = chosen.first else {
      throw SQLiteFailure(code: SQLITE_ERROR, "\(chosen.count) tables would get the same name")
    }
    let new = Array(newName.utf8)
    guard new != table.name else { return [new] }
    // What stands in the way of SQLite's following a name does not come along.
    let entries = try DatabaseReader(connection: scratch).entries()
    let rehearsal = RenameRehearsal(of: table.name, to: new, in: entries)
    let broken = rehearsal.brokenTriggers()
    for entry in entries where entry.isView || entry.isTrigger && (!entry.isOf(table.name) || broken.contains(entry)) {
      let drop = "DROP \(entry.isView ? "VIEW" : "TRIGGER") IF EXISTS main."
      _ = try scratch.prepare(Array(drop.utf8) + Quoting.sqliteIdentifier(entry.name)).step()
    }
    for trigger in broken {
      warn(
        "the trigger '\(Self.shown(trigger.name))' refers to what is not there, to a view or to a virtual table, and does not "
          + "come along under another name"
      )
    }
    _ = try scratch.prepare(rehearsal.statement).step()
    return [new]
  }

  // MARK: - The database in use

  private func makeRoom(for name: [UInt8]) throws(SQLiteFailure) {
    let query = try live.prepare("SELECT type FROM main.sqlite_schema WHERE name = ?1 COLLATE NOCASE")
    try query.bind(1, text: name)
    guard try query.step() else { return }
    let isTable = query.text(0) == Array("table".utf8)
    query.reset()
    guard isTable, tables.replaces else {
      throw SQLiteFailure(code: SQLITE_ERROR, "'\(Self.shown(name))' is there already")
    }
    _ = try live.prepare(Array("DROP TABLE main.".utf8) + Quoting.sqliteIdentifier(name)).step()
  }

  private func bring(_ name: [UInt8], from scratch: SQLiteConnection) throws(SQLiteFailure) {
    let reader = DatabaseReader(connection: scratch)
    let entries = try reader.entries().filter { $0.isOf(name) && $0.sql != nil }
    for entry in entries where entry.isTable { try make(entry) }
    let layout = try reader.layout(of: name)
    let table = SQLiteTable(
      name: name, sql: [], columns: layout.columns.filter { !$0.isGenerated }.map(\.name),
      generated: layout.columns.filter(\.isGenerated).map(\.name), isVirtual: false, keepsRowID: layout.keepsRowID)
    try copyRows(of: table, from: scratch)
    try copyCounter(of: name, from: scratch)
    // Behind the rows: an index is made faster, and triggers have nothing to say about what comes back.
    for entry in entries where !entry.isTable { try make(entry) }
  }

  private func copyRows(of table: SQLiteTable, from scratch: SQLiteConnection) throws(SQLiteFailure) {
    var columns = table.columns.map { Quoting.sqliteIdentifier($0) }
    if table.keepsRowID, let name = table.rowIDName { columns.insert(Array(name.utf8), at: 0) }
    let list = Array(columns.joined(separator: [UInt8(ascii: ",")]))
    let places = Array(
      [[UInt8]](repeating: [UInt8(ascii: "?")], count: columns.count).joined(separator: [UInt8(ascii: ",")]))
    let name = Quoting.sqliteIdentifier(table.name)
    let query = try scratch.prepare(Array("SELECT ".utf8) + list + Array(" FROM main.".utf8) + name)
    let insertion = try live.prepare(
      Array("INSERT INTO main.".utf8) + name + Array("(".utf8) + list + Array(") VALUES (".utf8) + places
        + Array(")".utf8))
    while try query.step() {
      for column in 0..<Int32(columns.count) { try insertion.bind(column + 1, query, column) }
      _ = try insertion.step()
      insertion.reset()
    }
  }

  /// What an AUTOINCREMENT has come to.
  private func copyCounter(of table: [UInt8], from scratch: SQLiteConnection) throws(SQLiteFailure) {
    let exists = try scratch.prepare("SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'")
    guard try exists.step() else { return }
    let query = try scratch.prepare("SELECT seq FROM main.sqlite_sequence WHERE name = ?1")
    try query.bind(1, text: table)
    guard try query.step() else { return }
    for sql in [
      "DELETE FROM main.sqlite_sequence WHERE name = ?1",
      "INSERT INTO main.sqlite_sequence (name, seq) VALUES (?1, ?2)",
    ] {
      let statement = try live.prepare(sql)
      try statement.bind(1, text: table)
      if sql.begins(with: "INSERT") { try statement.bind(2, query, 0) }
      _ = try statement.step()
    }
  }

  /// Makes a table, an index or a trigger; the last two by another name where theirs is taken.
  private func make(_ entry: Entry) throws(SQLiteFailure) {
    guard var sql = entry.sql else { return }
    if !entry.isTable, try isTaken(entry.name) {
      guard let range = Self.nameRange(in: sql) else {
        throw SQLiteFailure(code: SQLITE_ERROR, "'\(Self.shown(entry.name))' is there already")
      }
      sql.replaceSubrange(range, with: Quoting.sqliteIdentifier(try freeName(for: entry)))
    }
    let authorizer = Authorizer(live, DefinitionGuard(table: entry.table, makesTable: entry.isTable).answer)
    defer { withExtendedLifetime(authorizer) {} }
    let (statement, count) = try live.prepareCopied(sql)
    guard count == sql.count, let statement else {
      throw SQLiteFailure(
        code: SQLITE_ERROR, "the definition of '\(Self.shown(entry.name))' is more than one statement")
    }
    _ = try statement.step()
  }

  private func isTaken(_ name: [UInt8]) throws(SQLiteFailure) -> Bool {
    let query = try live.prepare("SELECT 1 FROM main.sqlite_schema WHERE name = ?1 COLLATE NOCASE")
    try query.bind(1, text: name)
    return try query.step()
  }

  private func freeName(for entry: Entry) throws(SQLiteFailure) -> [UInt8] {
    for number in 1...1000 {
      let name = entry.name + Array("_\(number)".utf8)
      if try !isTaken(name) { return name }
    }
    throw SQLiteFailure(code: SQLITE_ERROR, "'\(Self.shown(entry.name))' is there already")
  }

  /// Where the name stands in `CREATE UNIQUE INDEX "a" ON ...`: SQLite keeps the words before it as it writes them itself.
  static func nameRange(in sql: [UInt8]) -> Range<Int>? {
    let beginnings = ["CREATE INDEX ", "CREATE UNIQUE INDEX ", "CREATE TRIGGER "].map { Array($0.utf8) }
    guard let beginning = beginnings.first(where: { sql.starts(with: $0) }),
      let first = sql.dropFirst(beginning.count).first
    else {
      return nil
    }
    let start = beginning.count
    let closing: [UInt8: UInt8] = [
      UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "`"): UInt8(ascii: "`"),
      UInt8(ascii: "'"): UInt8(ascii: "'"),
      UInt8(ascii: "["): UInt8(ascii: "]"),
    ]
    guard let close = closing[first] else {
      return sql[start...].firstIndex { $0.isBlank || $0 == UInt8(ascii: "(") }.map { start..<$0 }
    }
    var position = start + 1
    while let end = sql[position...].firstIndex(of: close) {
      guard first != UInt8(ascii: "["), end + 1 < sql.count, sql[end + 1] == close else { return start..<end + 1 }
      position = end + 2
    }
    return nil
  }

  private static func shown(_ name: [UInt8]) -> String { String(decoding: name, as: UTF8.self) }
}
