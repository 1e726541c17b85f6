import CofferConfiguration
import CofferSystem

/// PostgreSQL, through pg_dump, pg_dumpall, pg_restore and psql.
public struct PostgreSQLHook: DatabaseHook {
  public let databases = PostgreSQLOptions.databases
  public let kind = DatabaseKind.server(defaultPort: 5432)
  public let advice = PostgreSQLFailure.advice
  public let choices = [
    SharedChoices.schemas.choice, PostgreSQLChoices.strategy.choice, PostgreSQLChoices.continueOnError.choice,
  ]
  private let installations: PostgreSQLInstallations

  /// - Parameter installations: Where to look for versions of the client programs beside those on the PATH.
  public init(installations: PostgreSQLInstallations = .standard) {
    self.installations = installations
  }

  public func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump] {
    let entries = try ServerEntry.all(in: root, of: self).map { server in
      PostgreSQLEntry(server.section, server.identity, try server.address(context: context))
        .finding(installations, context: context)
    }
    var globals = PostgreSQLGlobalsPlan(entries)
    var conversations: [[ExactName]: PostgreSQLConversations] = [:]
    defer { for shared in conversations.values { shared.endPlanning() } }
    return entries.flatMap { entry -> [any PlannedDump] in
      let way = entry.connection.way(context)
      let shared =
        conversations[way] ?? PostgreSQLConversations(entry.connection.session(nil, [PostgreSQLPins.monetary]))
      conversations[way] = shared
      do {
        return try dumps(of: entry, shared, &globals, context)
      } catch {
        return [ImpossibleDump(identity: entry.identity, section: entry.section, cause: error)]
      }
    }
  }

  private func dumps(
    of entry: PostgreSQLEntry, _ conversations: PostgreSQLConversations, _ globals: inout PostgreSQLGlobalsPlan,
    _ context: HookContext
  ) throws -> [any PlannedDump] {
    if entry.isWholeServer { return [PostgreSQLDump(entry, .server, conversations, installations: installations)] }
    let listing = try PostgreSQLListing(entry, conversations, context: context)
    // Before the databases, and restored before them, too: they belong to the roles.
    let scope = try globals.scope(for: entry, conversations, context: context)
    let beside = scope.map { [PostgreSQLDump(entry, $0, conversations, installations: installations)] } ?? []
    let databases = listing.databases.enumerated().map { number, database in
      PostgreSQLDump(
        entry, .database(database), conversations, installations: installations,
        warnings: number == 0 ? listing.warnings : [])
    }
    return beside + databases + listing.unnameable.map { impossible($0, entry) }
  }

  private func impossible(_ database: ServerText, _ entry: PostgreSQLEntry) -> ImpossibleDump {
    let identity = entry.identity.naming(database.shown)
    let cause = DumpError.misconfigured(
      identity, problem: "Its name is no UTF-8, which every name in an archive is: bytes \(database.hex)",
      suggestion: "Rename it (ALTER DATABASE ... RENAME TO), or dump the whole server: name: all, without a format")
    return ImpossibleDump(identity: identity, section: entry.section, cause: cause)
  }

  public func plan(
    restoring facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    let entry = try entry(for: facts, target, root, context)
    // A database may be called so, too; a whole server is always one script.
    if facts.identity.isGlobals || facts.identity.database == "all" && facts.has(PostgreSQLOptions.Format.plain) {
      guard target.databaseName == nil, target[SharedChoices.schemas].isEmpty else {
        throw RestoreError.refused(
          facts.identity, problem: "it is of a whole server, and neither a name nor schemas can be chosen",
          suggestion: "Choose the dump of one database; 'name: all' with a format makes one of each")
      }
      return try PostgreSQLClusterRestore(
        facts: facts, entry: entry, placing: target.tablespaceFolder, context: context)
    }
    return try PostgreSQLRestore(
      facts: facts, target: target, entry: entry, installations: installations, context: context)
  }

  public func isServerWide(_ facts: DumpFacts) -> Bool {
    facts.identity.isGlobals
      || facts.identity.database.isSame(as: "all") && facts.has(PostgreSQLOptions.Format.plain)
  }

  public func plan(
    restoring tables: TableSelection, of facts: DumpFacts, from dump: any StoredDump, to target: RestoreTarget,
    root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    try PostgreSQLTableRestore(
      tables, of: facts, from: dump, to: target, entry: entry(for: facts, target, root, context),
      installations: installations, context: context)
  }

  public func drillServer(
    for facts: DumpFacts, root: ConfigurationSection, context: HookContext
  ) throws -> (any DrillPlace)? {
    let server = try ServerEntry.matching(facts.identity, in: root, of: self)
    guard let target = try server.drillTarget(context: context) else { return nil }
    let entry = PostgreSQLEntry(server.section, server.identity, try server.address(for: target, context: context))
      .finding(installations, context: context)
    return try PostgreSQLServerDrill(of: facts, on: target, entry.connection, context)
  }

  public func drillRights(
    in root: ConfigurationSection, context: HookContext
  ) -> [Result<DrillRights, any Error>] {
    ServerEntry.drillRights(in: root, of: self, context: context) { server, address in
      let entry = PostgreSQLEntry(server.section, server.identity, address).finding(installations, context: context)
      return try PostgreSQLServerDrill.rights(of: server.identity, address.username, at: entry.connection, context)
    }
  }

  public func drillPlace(for facts: DumpFacts, bytes: UInt64, on ground: DrillGround) throws -> any DrillPlace {
    guard isServerWide(facts) else { return try PostgreSQLDrill(of: facts, bytes: bytes, on: ground, installations) }
    return try PostgreSQLScriptDrill(of: facts, bytes: bytes, on: ground, installations)
  }

  /// Today's entry, or what the archive remembers, with the address to restore to.
  private func entry(
    for facts: DumpFacts, _ target: RestoreTarget, _ root: ConfigurationSection?, _ context: HookContext
  ) throws -> PostgreSQLEntry {
    let sections = (root ?? .empty)[databases]
    let names = facts.identity.isGlobals ? Self.neighbours(facts, sections) : [facts.identity.database]
    var wanted = facts.identity
    var found: ServerEntry?
    for name in names where found == nil {
      wanted = facts.identity.naming(name)
      found = try ServerEntry.found(wanted, in: root, of: self)
    }
    let server = found ?? ServerEntry(remembering: wanted)
    let own = PostgreSQLEntry(
      server.section, server.identity, try server.address(for: target, context: context)
    )
    .finding(installations, context: context)
    let entry = target.isDrill ? own.forDrill : own
    return target.leavesOwners ? entry.leavingOwners(isPlain: facts.has(PostgreSQLOptions.Format.plain)) : entry
  }

  /// Globals are no database of an entry. They were saved beside one, or else belong to whatever is dumped there now.
  private static func neighbours(_ facts: DumpFacts, _ sections: [ConfigurationSection]) -> [String] {
    [facts.details["entry"] ?? "all"] + sections.map { $0[PostgreSQLOptions.name] }
  }
}
