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

  public func isBackedUp(_ entry: ConfigurationSection) -> Bool { false }

  public func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump] { [] }

  public func plan(
    restoring facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    throw RestoreError.refused(
      facts.identity, problem: "it is of a whole server, and none of a database",
      suggestion: "Look with 'coffer info' what the archive has of it")
  }
}
