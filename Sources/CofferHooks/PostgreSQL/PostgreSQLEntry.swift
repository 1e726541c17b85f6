import CofferConfiguration
import CofferSystem

/// One entry of `postgresql_databases`, read.
struct PostgreSQLEntry: Sendable {
  /// Its database is what stands in the configuration: a name, a pattern, or `all`.
  let identity: DumpIdentity
  let section: ConfigurationSection
  private(set) var connection: PostgreSQLConnection
  let format: String?
  let globals: PostgreSQLOptions.Globals
  let noOwner: Bool
  let restoreStrategy: RestoreStrategy
  let compression: String
  let dumpOptions: [String]
  let restoreOptions: [String]
  let listOptions: [String]
  let analyzeOptions: [String]

  init(_ section: ConfigurationSection, _ identity: DumpIdentity, _ server: ServerAddress) throws {
    self.identity = identity
    self.section = section
    do {
      connection = try PostgreSQLConnection(section, to: server)
      dumpOptions = try ShellWords.split(section[ServerOptions.options])
      restoreOptions = try ShellWords.split(section[ServerOptions.restoreOptions])
      listOptions = try ShellWords.split(section[ServerOptions.listOptions])
      analyzeOptions = try ShellWords.split(section[PostgreSQLOptions.analyzeOptions])
    } catch {
      throw DumpError.openQuote(in: identity)
    }
    format = section[PostgreSQLOptions.format]?.rawValue
    globals = section[PostgreSQLOptions.globals]
    noOwner = section[PostgreSQLOptions.noOwner]
    restoreStrategy = section[PostgreSQLOptions.restoreStrategy]
    compression = section[PostgreSQLOptions.compression]
  }

  /// The same entry, with a psql that can be found.
  func finding(_ installations: PostgreSQLInstallations, context: HookContext) -> PostgreSQLEntry {
    guard connection.override(of: .psql) == nil, let command = installations.psqlElsewhere(context: context) else {
      return self
    }
    var other = self
    other.connection = connection.using(command, for: .psql)
    return other
  }

  /// Whether one dump of pg_dumpall holds everything.
  var isWholeServer: Bool { identity.database == "all" && format == nil }

  /// Whether the server has to be asked which databases are meant.
  var isPattern: Bool { identity.database == "all" && format != nil || identity.database.holds("*") }

  /// What dumps of the globals are made with; nil when the configured command cannot make them.
  ///
  /// The command that stands in for pg_dump names it as a rule, with what it takes to run it elsewhere:
  /// `docker exec db pg_dump`. pg_dumpall is then found beside it.
  var globalsConnection: PostgreSQLConnection? {
    guard var words = connection.override(of: .dump) else { return connection }
    let name = PostgreSQLConnection.Program.dump.rawValue
    guard let place = words.lastIndex(where: { $0 == name || $0.ends(with: "/" + name) }) else { return nil }
    words[place] = words[place].dropLast(name.count) + PostgreSQLConnection.Program.dumpAll.rawValue
    return connection.using(words, for: .dumpAll)
  }
}
