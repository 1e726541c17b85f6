import CofferSystem

/// What TimescaleDB asks for around a restore: its own extension of the same version first, its background workers
/// stopped and its triggers out of the way until the content is complete, and nothing to be cleaned away.
struct Timescale: Sendable {
  private let identity: DumpIdentity
  private let database: String
  private let version: String
  private let connection: PostgreSQLConnection

  /// - Returns: nil for a dump without TimescaleDB in it.
  /// - Throws: `RestoreError.refused` where such a dump cannot go.
  init?(
    _ facts: DumpFacts, _ destination: PostgreSQLDestination, _ connection: PostgreSQLConnection,
    _ context: HookContext
  ) throws {
    guard let version = facts.details["timescaledb"] else { return nil }
    identity = facts.identity
    database = destination.name
    self.version = version
    self.connection = connection
    guard destination.state != .filled else {
      throw RestoreError.refused(
        identity, problem: "a database with TimescaleDB cannot be restored over what is there",
        suggestion: "Drop the database '\(database)' first, or restore under another name with --target-name")
    }
    let sql = """
      SELECT count(*) FROM pg_available_extension_versions
      WHERE name = 'timescaledb' AND version = \(PostgreSQLText.literal(version))
      """
    guard try connection.queryServer(sql, context: context).text.hasPrefix("1") else {
      throw RestoreError.refused(
        identity, problem: "the server lacks TimescaleDB \(version), which the dump was made with",
        suggestion: "Install that version of the extension on the server")
    }
  }

  /// - Throws: `RestoreError`.
  func prepare(_ context: HookContext) throws {
    for sql in [
      "CREATE EXTENSION IF NOT EXISTS timescaledb VERSION \(PostgreSQLText.literal(version))",
      "SELECT timescaledb_pre_restore()",
    ] {
      let result = try connection.query(sql, database: database, context: context)
      guard result.status.isSuccess else {
        throw RestoreError.programFailed(
          identity, program: "psql", status: result.status, lines: result.errorLines)
      }
    }
  }

  /// - Returns: Warnings.
  func complete(_ context: HookContext) -> [String] {
    let result = try? connection.query("SELECT timescaledb_post_restore()", database: database, context: context)
    guard result?.status.isSuccess != true else { return [] }
    return ["\(identity.title): restored, but run 'SELECT timescaledb_post_restore()' in '\(database)' by hand"]
  }

  /// Leaves a database that was empty empty again.
  func undo(_ context: HookContext) {
    for sql in ["SELECT timescaledb_post_restore()", "DROP EXTENSION IF EXISTS timescaledb CASCADE"] {
      _ = try? connection.query(sql, database: database, isCleanup: true, context: context)
    }
  }
}
