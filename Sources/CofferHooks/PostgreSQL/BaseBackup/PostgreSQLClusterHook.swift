import CofferConfiguration
import CofferSystem

/// PostgreSQL servers as a whole, by base backups through the replication protocol.
public struct PostgreSQLClusterHook: DatabaseHook {
  public let databases = PostgreSQLClusterOptions.clusters
  public let kind = DatabaseKind.server(defaultPort: 5432)
  public let advice = FailureAdvice { FailureAdvice.first(of: Self.causes, in: $0) }

  public init() {}

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

  /// It is laid down as a server of its own, and put into none.
  public func isServerWide(_ facts: DumpFacts) -> Bool { true }

  /// What connections for replication do not know better.
  private static let causes: FailureAdvice.Causes = [
    (
      "checksum verification failure",
      "Pages of the server are damaged: the server's log has all of them. Keep the older base backups, and look at the server's disk"
    ),
    (
      "has already been removed",
      "The server has removed log that was written while the backup was made: raise wal_keep_size there, and run the command again"
    ),
  ]
}
