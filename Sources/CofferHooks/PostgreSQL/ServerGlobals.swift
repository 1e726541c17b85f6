import CofferSystem
import Foundation

/// Puts roles and tablespaces back so that nothing has changed if the restore fails later on.
///
/// New roles and tablespaces are made first, because databases are to belong to them; no old one is touched by that,
/// and they are removed again if need be. What changes old ones is for the transaction that ends the restore.
struct ServerGlobals {
  /// The statements that are left for the end.
  let changes: [String]
  let warnings: [String]
  private let identity: DumpIdentity
  private let connection: PostgreSQLConnection
  private let context: HookContext
  private var undoSteps = UndoSteps()

  private static let database = "template1"

  /// Makes what is missing.
  ///
  /// - Throws: `RestoreError`; everything is then as it was.
  init(
    _ statements: GlobalStatements, facts: DumpFacts, connection: PostgreSQLConnection, options: [String],
    context: HookContext
  ) throws {
    identity = facts.identity
    self.connection = connection
    self.context = context
    let newRoles = try Set(statements.roles).subtracting(
      Self.names("rolname", of: "pg_roles", facts.identity, connection, context))
    let known = try Self.names("spcname", of: "pg_tablespace", facts.identity, connection, context)
    try ScriptClient.run(
      statements.making(newRoles), in: Self.database, options: options, connection: connection, of: facts.identity,
      context: context)
    var warnings: [String] = []
    var missing: Set<String> = []
    var made: [String] = newRoles.map { "DROP ROLE \(PostgreSQLText.identifier($0))" }
    // No transaction can hold these.
    for tablespace in statements.tablespaces where !known.contains(tablespace.name) {
      let result = try? connection.query(tablespace.creation, database: Self.database, context: context)
      if result?.status.isSuccess == true {
        made.append("DROP TABLESPACE \(PostgreSQLText.identifier(tablespace.name))")
      } else {
        missing.insert(tablespace.name)
        warnings.append(
          "\(facts.identity.title): The tablespace '\(tablespace.name)' could not be made: "
            + (result?.errorLines.last ?? "psql failed"))
      }
    }
    if facts.details["passwords"] == "none", !newRoles.isEmpty {
      warnings.append(
        "\(facts.identity.title): These roles have no passwords, because they were saved without: "
          + newRoles.sorted().joined(separator: ", "))
    }
    self.warnings = warnings
    changes = statements.changes(besides: newRoles, without: missing)
    for statement in made {
      undoSteps.add {
        _ = try? connection.query(statement, database: Self.database, isCleanup: true, context: context)
      }
    }
  }

  /// Removes what was made; to be called when nothing belongs to it any more.
  mutating func undo() {
    undoSteps.run()
  }

  private static func names(
    _ column: String, of table: String, _ identity: DumpIdentity, _ connection: PostgreSQLConnection,
    _ context: HookContext
  ) throws -> Set<String> {
    let result = try connection.query(
      "SELECT json_agg(\(column)) FROM \(table)", database: database, context: context)
    guard result.status.isSuccess, let names = try? JSONDecoder().decode(Set<String>.self, from: Data(result.output))
    else {
      throw RestoreError.programFailed(identity, program: "psql", status: result.status, lines: result.errorLines)
    }
    return names
  }
}
