import CofferConfiguration
import CofferSystem

/// MongoDB, through mongodump and mongorestore.
public struct MongoDBHook: DatabaseHook {
  public let databases = MongoDBOptions.databases
  public let kind = DatabaseKind.server(defaultPort: 27017)
  public let advice = FailureAdvice(MongoDBFailure.suggestion)

  public init() {}

  public func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump] {
    try ServerEntry.all(in: root, of: self).map { server in
      let entry = try MongoDBEntry(server.section, server.identity, try server.address(context: context))
      return try MongoDBDump(entry)
    }
  }

  public func plan(
    restoring facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    let server = try ServerEntry.matching(facts.identity, in: root, of: self)
    let entry = try MongoDBEntry(
      server.section, server.identity, try server.address(for: target, context: context))
    let restore = try MongoDBRestore(facts, to: target, entry)
    try restore.rehearse(context: context)
    return restore
  }
}

/// One entry of `mongodb_databases`, read.
struct MongoDBEntry: Sendable {
  let identity: DumpIdentity
  let section: ConfigurationSection
  let client: MongoDBClient
  let format: String
  let dumpOptions: [String]
  let restoreOptions: [String]

  init(_ section: ConfigurationSection, _ identity: DumpIdentity, _ server: ServerAddress) throws {
    self.identity = identity
    self.section = section
    do {
      client = try MongoDBClient(section, to: server)
      dumpOptions = try ShellWords.split(section[ServerOptions.options])
      restoreOptions = try ShellWords.split(section[ServerOptions.restoreOptions])
    } catch {
      throw DumpError.openQuote(in: identity)
    }
    format = section[MongoDBOptions.format].rawValue
  }

  var isWholeServer: Bool { identity.database == "all" }
}
