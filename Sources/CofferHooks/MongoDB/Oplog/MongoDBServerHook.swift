import CofferConfiguration
import CofferSystem

/// MongoDB servers as a whole, of which there is nothing to dump: their databases are of `mongodb_databases`.
public struct MongoDBServerHook: DatabaseHook {
  public let databases = MongoDBServerOptions.servers
  public let kind = DatabaseKind.server(defaultPort: 27017)
  public let advice = FailureAdvice(MongoDBFailure.suggestion)

  public init() {}

  public func isBackedUp(_ entry: ConfigurationSection) -> Bool { false }

  public func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump] { [] }

  public func plan(
    restoring facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    throw RestoreError.refused(facts.identity, problem: "it is no dump of a database", suggestion: nil)
  }
}
