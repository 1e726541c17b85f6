import CofferConfiguration
import CofferSystem

/// PostgreSQL servers as a whole, by base backups through the replication protocol.
public struct PostgreSQLClusterHook: DatabaseHook {
  public let databases = PostgreSQLClusterOptions.clusters
  public let kind = DatabaseKind.server(defaultPort: 5432)
  public let advice = FailureAdvice { FailureAdvice.first(of: Self.causes, in: $0) }

  private let installations: PostgreSQLInstallations

  /// - Parameter installations: Where to look for versions of the server's programs.
  public init(installations: PostgreSQLInstallations = .standard) {
    self.installations = installations
  }

  public func isBackedUp(_ entry: ConfigurationSection) -> Bool { entry[PostgreSQLClusterOptions.baseBackup] }

  public func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump] {
    try ServerEntry.all(in: root, of: self).map { server in
      BaseBackupDump(
        identity: server.identity, section: server.section,
        connection: PostgreSQLConnection(server.section, to: try server.address(context: context)))
    }
  }

  public func plan(
    restoring facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    throw RestoreError.refused(
      facts.identity, problem: "it is a base backup of a whole server, and none of a database",
      suggestion: "Lay it down with 'coffer restore --cluster NAME --target-directory FOLDER'")
  }

  public func drillPlace(for facts: DumpFacts, bytes: UInt64, on ground: DrillGround) throws -> any DrillPlace {
    try ClusterDrill(of: facts, bytes: bytes, on: ground, installations)
  }

  /// What connections for replication do not know better.
  private static let causes: FailureAdvice.Causes = [
    (
      "checksum verification failure",
      "Pages of the server are damaged: the server's log has all of them. Keep the older base backups, and look at the server's disk"
    ),
    (
      "permission denied for function pg_",
      "Give the user the right, as a superuser in the database postgres: GRANT EXECUTE ON FUNCTION pg_backup_start, pg_backup_stop TO the user (before version 15 pg_start_backup, pg_stop_backup)"
    ),
    (
      "has already been removed",
      "The server has removed log that was written while the backup was made: raise wal_keep_size there, and run the command again"
    ),
  ]
}
