import CofferConfiguration
import CofferSystem

/// MariaDB through mariadb-dump and mariadb, MySQL through mysqldump and mysql.
public struct MariaDBHook: DatabaseHook {
  public var databases: OptionKey<[ConfigurationSection]> { dialect.databases }
  public let kind = DatabaseKind.server(defaultPort: 3306)
  public let advice = FailureAdvice(MariaDBFailure.suggestion)
  private let dialect: MariaDBDialect

  public init(_ dialect: MariaDBDialect) {
    self.dialect = dialect
  }

  public func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump] {
    try ServerEntry.all(in: root, of: self).flatMap { server -> [any PlannedDump] in
      let entry = MariaDBEntry(
        server.section, dialect, server.identity, try server.address(context: context), for: .dump)
      let hasStoredLog = root[dialect.servers].contains { MariaDBServerOptions.areSame($0, server.section) }
      do {
        return try dumps(of: entry, hasStoredLog: hasStoredLog, context)
      } catch {
        return [ImpossibleDump(identity: entry.identity, section: server.section, cause: error)]
      }
    }
  }

  private func dumps(
    of entry: MariaDBEntry, hasStoredLog: Bool, _ context: HookContext
  ) throws -> [any PlannedDump] {
    func dump(_ name: String, _ databases: [String]) -> MariaDBDump {
      MariaDBDump(entry: entry, name: name, databases: databases, hasStoredLog: hasStoredLog)
    }
    return switch try entry.selection(context: context) {
    case .one(let database): [dump(database, [database])]
    case .together(let databases): [dump("all", databases)]
    case .each(let databases): databases.map { dump($0, [$0]) }
    }
  }

  public func plan(
    restoring facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    let server = try ServerEntry.matching(facts.identity, in: root, of: self)
    let entry = MariaDBEntry(
      server.section, dialect, server.identity, try server.address(for: target, context: context), for: .restore
    )
    .only(target.socketPath)
    return try MariaDBRestore(facts: facts, entry: entry, target: target, context: context)
  }

  public func plan(
    restoring tables: TableSelection, of facts: DumpFacts, from dump: any StoredDump, to target: RestoreTarget,
    root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    let server = try ServerEntry.matching(facts.identity, in: root, of: self)
    let entry = MariaDBEntry(
      server.section, dialect, server.identity, try server.address(for: target, context: context), for: .restore
    )
    .only(target.socketPath)
    return try MariaDBTableRestore(tables, of: facts, from: dump, to: target, entry: entry, context: context)
  }

  public func isServerWide(_ facts: DumpFacts) -> Bool {
    let database = facts.identity.database
    return database.isSame(as: "all")
      || dialect.dumpsAccounts && database.isSame(as: MariaDBDialect.accountsDatabase)
  }

  public func drillServer(
    for facts: DumpFacts, root: ConfigurationSection, context: HookContext
  ) throws -> (any DrillPlace)? {
    let server = try ServerEntry.matching(facts.identity, in: root, of: self)
    guard let target = try server.drillTarget(context: context) else { return nil }
    let entry = MariaDBEntry(
      server.section, dialect, server.identity, try server.address(for: target, context: context), for: .restore)
    return try MariaDBServerDrill(of: facts, on: target, entry, context)
  }

  public func drillRights(
    in root: ConfigurationSection, context: HookContext
  ) -> [Result<DrillRights, any Error>] {
    ServerEntry.drillRights(in: root, of: self, context: context) { server, address in
      let entry = MariaDBEntry(server.section, dialect, server.identity, address, for: .restore)
      return try MariaDBServerDrill.rights(of: server.identity, entry, context)
    }
  }

  public func drillPlace(for facts: DumpFacts, bytes: UInt64, on ground: DrillGround) throws -> any DrillPlace {
    try MariaDBDrill(of: facts, bytes: bytes, isServerWide: isServerWide(facts), on: ground, dialect)
  }
}
