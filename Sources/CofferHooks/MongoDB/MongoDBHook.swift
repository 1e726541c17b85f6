import CofferConfiguration
import CofferSystem

/// MongoDB, through mongodump and mongorestore.
public struct MongoDBHook: DatabaseHook {
  public let databases = MongoDBOptions.databases
  public let kind = DatabaseKind.server(defaultPort: 27017)
  public let choices = [SharedChoices.schemas.choice]
  public let advice = FailureAdvice(MongoDBFailure.suggestion)

  public init() {}

  public func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump] {
    try ServerEntry.all(in: root, of: self).map { server in
      let entry = MongoDBEntry(server.section, server.identity, try server.address(context: context))
      return try MongoDBDump(entry)
    }
  }

  public func plan(
    restoring facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    let server = try ServerEntry.matching(facts.identity, in: root, of: self)
    let entry = MongoDBEntry(
      server.section, server.identity, try server.address(for: target, context: context)
    )
    .only(target.socketPath)
    let restore = try MongoDBRestore(facts, to: target, entry)
    try restore.rehearse(context: context)
    return restore
  }

  public func drillServer(
    for facts: DumpFacts, root: ConfigurationSection, context: HookContext
  ) throws -> (any DrillPlace)? {
    guard try ServerEntry.matching(facts.identity, in: root, of: self).drillTarget(context: context) != nil else {
      return nil
    }
    throw DrillError.impossible(
      facts.identity, problem: "dumps of MongoDB cannot be restored to a server of verify_hostname",
      suggestion: "Leave verify_hostname out: then they are restored to a throw-away mongod of this machine, or read")
  }

  public func drillPlace(for facts: DumpFacts, bytes: UInt64, on ground: DrillGround) throws -> any DrillPlace {
    // Of what is a server's own nothing could be compared.
    let isOwn = MongoDBCollections.isOwn(facts.identity.database)
    guard !isOwn, let installed = try MongoDBInstalledServer.find(on: ground) else {
      return try MongoDBReading(of: facts, isOwn: isOwn)
    }
    return try MongoDBDrill(of: facts, bytes: bytes, on: ground, installed)
  }
}

/// One entry of `mongodb_databases`, read.
struct MongoDBEntry: Sendable {
  let identity: DumpIdentity
  let section: ConfigurationSection
  private(set) var client: MongoDBClient
  let format: MongoDBOptions.Format
  let takesOplog: Bool
  let dumpOptions: [String]
  let restoreOptions: [String]

  init(_ section: ConfigurationSection, _ identity: DumpIdentity, _ server: ServerAddress) {
    self.identity = identity
    self.section = section
    client = MongoDBClient(section, to: server)
    dumpOptions = section[ServerOptions.options].words
    restoreOptions = section[ServerOptions.restoreOptions].words
    format = section[MongoDBOptions.format]
    takesOplog = section[MongoDBOptions.oplog]
  }

  /// The same at a socket of this machine and nowhere else; nil changes nothing.
  func only(_ socket: String?) -> MongoDBEntry {
    guard let socket else { return self }
    var entry = self
    entry.client = client.only(socket)
    return entry
  }

  var isWholeServer: Bool { identity.database == "all" }
}
