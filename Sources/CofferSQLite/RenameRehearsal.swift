import CSQLite
import CofferSystem

/// Gives a table of a schema another name in memory, without rows, to learn which of its triggers SQLite cannot follow that name into:
/// those that refer to what is not there, or to views and virtual tables, of which none is made. One of them would stop the renaming.
struct RenameRehearsal {
  private typealias Entry = DatabaseReader.Entry

  /// What renames the table.
  let statement: [UInt8]
  private let tables: [Entry]
  private let triggers: [Entry]

  init(of table: [UInt8], to new: [UInt8], in entries: [DatabaseReader.Entry]) {
    statement =
      Array("ALTER TABLE ".utf8) + Quoting.sqliteIdentifier(table) + Array(" RENAME TO ".utf8)
      + Quoting.sqliteIdentifier(new)
    tables = entries.filter(\.isTable)
    triggers = entries.filter { $0.isTrigger && $0.isOf(table) }
  }

  /// Returns the triggers that stand in the way; none where the renaming fails without them, too.
  func brokenTriggers() -> [DatabaseReader.Entry] {
    guard !triggers.isEmpty, !isPossible(with: triggers), isPossible(with: []) else { return [] }
    return triggers.filter { !isPossible(with: [$0]) }
  }

  private func isPossible(with triggers: [Entry]) -> Bool {
    do {
      let scratch = try SQLiteConnection(
        ":memory:", flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, isDefensive: false)
      // A table that another one made along with itself cannot be made again.
      for table in tables { try? make(table, in: scratch) }
      for trigger in triggers { try make(trigger, in: scratch) }
      _ = try scratch.prepare(statement).step()
      return true
    } catch {
      return false
    }
  }

  private func make(_ entry: Entry, in scratch: SQLiteConnection) throws(SQLiteFailure) {
    guard let sql = entry.sql else { return }
    let authorizer = Authorizer(scratch, DefinitionGuard(table: entry.table, makesTable: entry.isTable).answer)
    defer { withExtendedLifetime(authorizer) {} }
    _ = try scratch.prepare(sql).step()
  }
}
