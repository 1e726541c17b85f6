import CofferConfiguration
import CofferSystem

/// MongoDB, through mongodump and mongorestore.
public struct MongoDBHook: DatabaseHook {
  public let name = GeneralOptions.mongodbDatabases.name
  public let defaultPort: Int? = 27017

  public init() {}

  public func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump] {
    try root[GeneralOptions.mongodbDatabases].map { section in
      let server = ServerEntry(section, hook: name, name: section[MongoDBOptions.name])
      let entry = try MongoDBEntry(section, server.identity, try server.address(context: context))
      return try MongoDBDump(entry)
    }
  }

  public func restore(
    of facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    let sections = (root ?? .empty)[GeneralOptions.mongodbDatabases]
    let section = try EntryMatching.section(for: facts.identity, in: sections, defaultPort: defaultPort)
    let server =
      section.map { ServerEntry($0, hook: name, name: facts.identity.database) }
      ?? ServerEntry(remembering: facts.identity)
    let entry = try MongoDBEntry(
      section ?? ConfigurationSection(), server.identity, try server.address(for: target, context: context))
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
