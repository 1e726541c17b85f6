import CSQLite
import CofferSystem

/// Lets a definition that a dump holds make what it is to be: a table, or an index or a trigger of it. What stands in a schema
/// need not be a definition: whoever writes a dump can have put any statement there.
struct DefinitionGuard {
  private let table: String
  /// Whether the table itself is made.
  private let makesTable: Bool

  init(table: [UInt8], makesTable: Bool) {
    self.table = String(decoding: table, as: UTF8.self).asciiLowercased
    self.makesTable = makesTable
  }

  func answer(_ action: Int32, _ first: String, _ second: String) -> Int32 {
    allows(action, first, second) ? SQLITE_OK : SQLITE_DENY
  }

  /// What SQLite asks for the schema's own table is what making something costs; statements of others may not change it.
  private func allows(_ action: Int32, _ first: String, _ second: String) -> Bool {
    switch action {
    case SQLITE_SELECT, SQLITE_READ, SQLITE_REINDEX: true
    case SQLITE_FUNCTION: !Authorizer.isLoader(second)
    case SQLITE_CREATE_TABLE: makesTable && [table, "sqlite_sequence"].contains(first.asciiLowercased)
    case SQLITE_CREATE_INDEX: second.asciiLowercased.isSame(as: table)
    case SQLITE_CREATE_TRIGGER: !makesTable && second.asciiLowercased.isSame(as: table)
    case SQLITE_INSERT, SQLITE_UPDATE: ["sqlite_master", "sqlite_schema"].contains(first.asciiLowercased)
    default: false
    }
  }
}
