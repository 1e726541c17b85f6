import CofferConfiguration
import CofferSystem

/// MariaDB through mariadb-dump and mariadb, MySQL through mysqldump and mysql.
public struct MariaDBHook: DatabaseHook {
  public var name: String { dialect.databases.name }
  public let defaultPort: Int? = 3306
  private let dialect: MariaDBDialect

  public init(_ dialect: MariaDBDialect) {
    self.dialect = dialect
  }

  public func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump] {
    try root[dialect.databases].flatMap { section -> [any PlannedDump] in
      let server = ServerEntry(section, hook: name, name: section[MariaDBOptions.name])
      let entry = try MariaDBEntry(
        section, dialect, server.identity, try server.address(context: context), for: .dump)
      do {
        return try dumps(of: entry, context)
      } catch {
        return [ImpossibleDump(identity: entry.identity, section: section, cause: error)]
      }
    }
  }

  private func dumps(of entry: MariaDBEntry, _ context: HookContext) throws -> [any PlannedDump] {
    switch try entry.selection(context: context) {
    case .one(let database): [MariaDBDump(entry: entry, name: database, databases: [database])]
    case .together(let databases): [MariaDBDump(entry: entry, name: "all", databases: databases)]
    case .each(let databases): databases.map { MariaDBDump(entry: entry, name: $0, databases: [$0]) }
    }
  }

  public func restore(
    of facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    let section = try EntryMatching.section(
      for: facts.identity, in: (root ?? .empty)[dialect.databases], defaultPort: defaultPort)
    let server =
      section.map { ServerEntry($0, hook: name, name: facts.identity.database) }
      ?? ServerEntry(remembering: facts.identity)
    let entry = try MariaDBEntry(
      section ?? ConfigurationSection(), dialect, server.identity,
      try server.address(for: target, context: context), for: .restore)
    return try MariaDBRestore(facts: facts, entry: entry, target: target, context: context)
  }
}
