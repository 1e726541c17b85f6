import CSQLite
import CofferSystem

/// Lets a definition that a dump holds make what it is to be: a table, or an index or a trigger of it. What stands in a schema
/// need not be a definition: whoever writes a dump can have put any statement there.
final class DefinitionGuard {
  private let connection: SQLiteConnection
  private let table: String
  /// Whether the table itself is made.
  private let makesTable: Bool

  init(_ connection: SQLiteConnection, table: [UInt8], makesTable: Bool) {
    self.connection = connection
    self.table = String(decoding: table, as: UTF8.self).asciiLowercased
    self.makesTable = makesTable
    sqlite3_set_authorizer(
      connection.handle,
      { context, action, first, second, _, _ in
        guard let context else { return SQLITE_DENY }
        let guardian = Unmanaged<DefinitionGuard>.fromOpaque(context).takeUnretainedValue()
        let isAllowed = guardian.allows(
          action, first.map { String(cString: $0) } ?? "", second.map { String(cString: $0) } ?? "")
        return isAllowed ? SQLITE_OK : SQLITE_DENY
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    sqlite3_set_authorizer(connection.handle, nil, nil)
  }

  /// What SQLite asks for the schema's own table is what making something costs; statements of others may not change it.
  private func allows(_ action: Int32, _ first: String, _ second: String) -> Bool {
    switch action {
    case SQLITE_SELECT, SQLITE_READ, SQLITE_REINDEX: true
    case SQLITE_FUNCTION: !["load_extension", "fts3_tokenizer"].contains(second.asciiLowercased)
    case SQLITE_CREATE_TABLE: makesTable && [table, "sqlite_sequence"].contains(first.asciiLowercased)
    case SQLITE_CREATE_INDEX: second.asciiLowercased.isSame(as: table)
    case SQLITE_CREATE_TRIGGER: !makesTable && second.asciiLowercased.isSame(as: table)
    case SQLITE_INSERT, SQLITE_UPDATE: ["sqlite_master", "sqlite_schema"].contains(first.asciiLowercased)
    default: false
    }
  }
}
