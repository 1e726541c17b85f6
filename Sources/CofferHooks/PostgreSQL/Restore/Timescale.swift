import CofferSystem

/// What TimescaleDB asks for around a restore: its own extension of the same version first, its background workers
/// stopped and its triggers out of the way until the content is complete, and nothing to be cleaned away.
struct Timescale: Sendable {
  private let identity: DumpIdentity
  private var database: String
  private let version: String
  /// Of the extension's functions.
  private let schema: String
  private let connection: PostgreSQLConnection

  /// - Returns: nil for a dump without TimescaleDB in it.
  /// - Throws: `RestoreError.refused` where such a dump cannot go.
  init?(
    _ facts: DumpFacts, _ destination: PostgreSQLDestination, _ way: RestoreWay, _ connection: PostgreSQLConnection,
    _ context: HookContext
  ) throws {
    guard let version = facts.details["timescaledb"] else { return nil }
    identity = facts.identity
    database = destination.name
    self.version = version
    schema = facts.details["timescaledb_schema"] ?? "public"
    self.connection = connection
    guard destination.state != .filled || way == .swap else {
      throw RestoreError.refused(
        identity, problem: "a database with TimescaleDB cannot be restored in place over what is there",
        suggestion: "Set restore_strategy: swap, or restore under another name with --target-name")
    }
    let sql: PostgreSQLStatement = """
      SELECT pg_catalog.count(*) FROM pg_catalog.pg_available_extension_versions v
      WHERE v.name OPERATOR(pg_catalog.=) 'timescaledb'
      AND v.version OPERATOR(pg_catalog.=) \(literal: version)
      """
    guard try connection.queryServer(sql, context: context).text.begins(with: "1") else {
      throw RestoreError.refused(
        identity, problem: "the server lacks TimescaleDB \(version), which the dump was made with",
        suggestion: "Install that version of the extension on the server")
    }
  }

  /// The same for a database that is built under another name.
  func moved(to name: String) -> Timescale {
    var other = self
    other.database = name
    return other
  }

  /// - Throws: `RestoreError`.
  func prepare(_ context: HookContext) throws {
    let creation: PostgreSQLStatement =
      "CREATE EXTENSION timescaledb WITH SCHEMA \(identifier: schema) VERSION \(literal: version)"
    // One that is there already is somebody else's by now, and not taken away again.
    try connection.execute(creation, database: database, of: identity, context: context)
    do {
      try connection.execute(call("timescaledb_pre_restore"), database: database, of: identity, context: context)
    } catch {
      undo(context)
      throw error
    }
  }

  /// - Returns: Warnings.
  func complete(_ context: HookContext) -> [String] {
    connection.executeEach([call("timescaledb_post_restore")], database: database, of: identity, context: context)
      .map { problem in
        "\(identity.title): restored, but run 'SELECT timescaledb_post_restore()' in '\(database)' by hand: \(problem)"
      }
  }

  /// Leaves a database that was empty empty again.
  func undo(_ context: HookContext) {
    for statement in [call("timescaledb_post_restore"), "DROP EXTENSION IF EXISTS timescaledb"] {
      try? connection.execute(statement, database: database, of: identity, isCleanup: true, context: context)
    }
  }

  private func call(_ function: String) -> PostgreSQLStatement {
    "SELECT \(identifier: schema).\(identifier: function)()"
  }
}
