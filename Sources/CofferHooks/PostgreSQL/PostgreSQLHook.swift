import CofferConfiguration
import CofferSystem

/// PostgreSQL, through pg_dump, pg_dumpall, pg_restore and psql.
public struct PostgreSQLHook: DatabaseHook {
  public let name = GeneralOptions.postgresqlDatabases.name

  public let defaultPort: Int? = 5432

  public init() {}

  public func dumps(of root: ConfigurationSection, context: HookContext) throws -> [any PlannedDump] {
    var planned: [any PlannedDump] = []
    for section in root[GeneralOptions.postgresqlDatabases] ?? [] {
      let server = ServerEntry(section, hook: name, name: section[PostgreSQLOptions.name] ?? "")
      let entry = try PostgreSQLEntry(section, server.identity, try server.address(context: context))
      do {
        for database in try entry.databases(context: context) {
          planned.append(PostgreSQLDump(entry: entry, database: database))
        }
      } catch let error as DumpError {
        planned.append(ImpossibleDump(identity: entry.identity, section: section, cause: error))
      }
    }
    return planned
  }

  public func restore(
    of facts: DumpFacts, to target: RestoreTarget, root: ConfigurationSection?, context: HookContext
  ) throws -> any PlannedRestore {
    let sections = root?[GeneralOptions.postgresqlDatabases] ?? []
    let section = try EntryMatching.section(for: facts.identity, in: sections, defaultPort: defaultPort)
    let server =
      section.map { ServerEntry($0, hook: name, name: facts.identity.database) }
      ?? ServerEntry(remembering: facts.identity)
    let entry = try PostgreSQLEntry(
      section ?? ConfigurationSection(), server.identity, try server.address(for: target, context: context))
    if facts.identity.database == "all" {
      return try PostgreSQLClusterRestore(facts: facts, connection: entry.connection, entry: entry, context: context)
    }
    return try PostgreSQLRestore(facts: facts, connection: entry.connection, entry: entry, context: context)
  }
}

/// One entry of `postgresql_databases`, read.
struct PostgreSQLEntry: Sendable {
  let identity: DumpIdentity
  let section: ConfigurationSection
  let connection: PostgreSQLConnection
  let format: String?
  let noOwner: Bool
  let compression: String?
  let dumpOptions: [String]
  let restoreOptions: [String]
  let listOptions: [String]
  let analyzeOptions: [String]

  private static let unlisted: Set<String> = ["template0", "template1"]

  init(_ section: ConfigurationSection, _ identity: DumpIdentity, _ server: ServerAddress) throws {
    self.identity = identity
    self.section = section
    do {
      connection = try PostgreSQLConnection(section, to: server)
      dumpOptions = try ShellWords.split(section[ServerOptions.options] ?? "")
      restoreOptions = try ShellWords.split(section[ServerOptions.restoreOptions] ?? "")
      listOptions = try ShellWords.split(section[ServerOptions.listOptions] ?? "")
      analyzeOptions = try ShellWords.split(section[PostgreSQLOptions.analyzeOptions] ?? "")
    } catch {
      throw DumpError.misconfigured(
        identity, problem: "A quote in its options or commands is not closed", suggestion: "Close the quote")
    }
    format = section[PostgreSQLOptions.format]
    noOwner = section[PostgreSQLOptions.noOwner] ?? false
    compression = section[PostgreSQLOptions.compression]
    guard !identity.database.contains("/") else {
      throw DumpError.misconfigured(
        identity, problem: "A database whose name holds a '/' cannot be named in an archive",
        suggestion: "Dump it with name: all, or rename the database")
    }
  }

  /// The databases that the entry stands for: its own name, or with `all` and a format, every one of the server.
  func databases(context: HookContext) throws -> [String] {
    guard identity.database == "all", format != nil else { return [identity.database] }
    let sql = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname"
    let result = try Self.maintenance { database in
      try connection.query(sql, database: database, context: context)
    }
    guard result.status.isSuccess else {
      throw DumpError.listingFailed(identity, program: "psql", lines: result.errorLines)
    }
    let names = result.text.split(separator: "\n").map(String.init).filter { !Self.unlisted.contains($0) }
    guard !names.isEmpty else {
      throw DumpError.listingFailed(identity, program: "psql", lines: ["the server has no databases to dump"])
    }
    return names
  }

  /// Runs something in the database that every server has, or failing that the next one.
  static func maintenance(_ body: (String) throws -> CommandResult) rethrows -> CommandResult {
    let first = try body("postgres")
    guard !first.status.isSuccess, first.errorLines.joined().contains("does not exist") else { return first }
    return try body("template1")
  }
}
