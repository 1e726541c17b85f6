import CofferConfiguration
import CofferSystem

/// MariaDB and MySQL servers as a whole.
public struct MariaDBServerHook: DatabaseHook {
  public var databases: OptionKey<[ConfigurationSection]> { dialect.servers }
  public let kind = DatabaseKind.server(defaultPort: 3306)
  public let advice = FailureAdvice(MariaDBFailure.suggestion)
  private let dialect: MariaDBDialect

  public init(_ dialect: MariaDBDialect) {
    self.dialect = dialect
  }

  public func isBackedUp(_ entry: ConfigurationSection) -> Bool { entry[MariaDBServerOptions.baseBackup] }

  public func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump] {
    try ServerEntry.all(in: root, of: self).map { server in
      let entry = MariaDBEntry(
        server.section, dialect, server.identity, try server.address(context: context), for: .dump)
      do throws(DumpError) {
        return try PhysicalBackupDump(entry)
      } catch {
        return ImpossibleDump(identity: entry.identity, section: server.section, cause: error)
      }
    }
  }

  public func plan(
    restoring facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    throw RestoreError.refused(
      facts.identity, problem: "it is a physical backup of a whole server, and none of a database",
      suggestion: "Lay it down with 'coffer restore --cluster NAME --target-directory FOLDER'")
  }

  public func drillPlace(for facts: DumpFacts, bytes: UInt64, on ground: DrillGround) throws -> any DrillPlace {
    try PhysicalBackupDrill(of: facts, bytes: bytes, on: ground)
  }
}
