import CofferConfiguration
import CofferSystem

/// One entry of `postgresql_databases`, read.
struct PostgreSQLEntry: Sendable {
  /// Its database is what stands in the configuration: a name, a pattern, or `all`.
  let identity: DumpIdentity
  let section: ConfigurationSection
  private(set) var connection: PostgreSQLConnection
  let format: PostgreSQLOptions.Format?
  let globals: PostgreSQLOptions.Globals
  private(set) var noOwner: Bool
  /// Whether a restored database gets its statistics.
  private(set) var analyzes = true
  let restoreStrategy: RestoreStrategy
  let compression: String
  /// How much of a dump's time may be spent on counting, in per cent.
  let countPercentage: Int
  /// Seconds; nil where nobody wants to know.
  let maxReplicaLag: Int?
  /// What the application is asked for its version.
  let versionQuery: String?
  let dumpOptions: [String]
  private(set) var restoreOptions: [String]
  let listOptions: [String]
  let analyzeOptions: [String]

  init(_ section: ConfigurationSection, _ identity: DumpIdentity, _ server: ServerAddress) {
    self.identity = identity
    self.section = section
    connection = PostgreSQLConnection(section, to: server)
    dumpOptions = section[ServerOptions.options].words
    restoreOptions = section[ServerOptions.restoreOptions].words
    listOptions = section[ServerOptions.listOptions].words
    analyzeOptions = section[PostgreSQLOptions.analyzeOptions].words
    format = section[PostgreSQLOptions.format]
    globals = section[PostgreSQLOptions.globals]
    noOwner = section[PostgreSQLOptions.noOwner]
    restoreStrategy = section[PostgreSQLOptions.restoreStrategy]
    compression = section[PostgreSQLOptions.compression]
    countPercentage = section[PostgreSQLOptions.countPercentage]
    maxReplicaLag = section[ServerOptions.maxReplicaLag]
    versionQuery = section[ServerOptions.versionQuery]
  }

  /// The same entry, with a psql that can be found, and programs that nothing chooses first where there is nothing to choose.
  func finding(_ installations: PostgreSQLInstallations, context: HookContext) -> PostgreSQLEntry {
    var other = self
    other.connection = connection.passingWrappers(of: installations)
    guard connection.override(of: .psql) == nil, let command = installations.psqlElsewhere(context: context) else {
      return other
    }
    other.connection = other.connection.using(command, for: .psql)
    return other
  }

  /// The same entry, which gives nothing to an owner and no rights.
  ///
  /// - Parameter isPlain: Of a plain dump, both are in the script.
  func leavingOwners(isPlain: Bool) -> PostgreSQLEntry {
    var other = self
    other.noOwner = true
    if !isPlain { other.restoreOptions.append("--no-acl") }
    return other
  }

  /// The same entry, for a restore that is to see whether a dump restores.
  var forDrill: PostgreSQLEntry {
    var other = self
    other.analyzes = false
    return other
  }

  /// The first option of dumps that leaves objects of the database out of them; nil for none.
  var partOption: String? { ownDumpOptions.first(where: RestoreWay.leavesOut) }

  /// What options leave out of dumps; nil for nothing of all.
  var dumpHalf: DumpHalf? { DumpHalf(ownDumpOptions, before: RestoreWay.dumpValues + "nNtTe") }

  /// What the patterns of options leave out of a dump that has turned out to have rows of no table.
  var emptyHalf: DumpHalf? {
    // The programs take the beginning of its name for it; that of version 15 also this one, which others leave open.
    ownDumpOptions.first { $0.begins(with: "--exclude-table-d") || $0.isSame(as: "--exclude-table-") }
      .map { DumpHalf(missing: .rows, option: $0) }
  }

  /// Whether options of dumps choose tables by names, which need no schema where the database's or the user's search path has it;
  /// a command of the user's own may have any.
  var choosesTables: Bool {
    let isHidden = connection.override(of: .dump).map { !$0.contains { $0.ends(with: "pg_dump") } } ?? false
    return isHidden || ownDumpOptions.contains(where: RestoreWay.choosesTables)
  }

  /// Whether something else than pg_dump itself makes the dumps, perhaps at another place than where psql runs.
  var dumpsElsewhere: Bool {
    guard section[PostgreSQLOptions.psqlCommand] == nil, let command = connection.override(of: .dump) else {
      return false
    }
    return command.count > 1 || command.first?.parts(by: "/").last?.isSame(as: "pg_dump") != true
  }

  private var ownDumpOptions: [String] {
    let command = connection.override(of: .dump) ?? []
    return command.words { $0.ends(with: "pg_dump") || $0.ends(with: "pg_dumpall") } + dumpOptions
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
    let name = PostgreSQLConnection.Tool.dump.rawValue
    guard let place = words.lastIndex(where: { $0 == name || $0.ends(with: "/" + name) }) else { return nil }
    words[place] = words[place].dropLast(name.count) + PostgreSQLConnection.Tool.dumpAll.rawValue
    return connection.using(words, for: .dumpAll)
  }
}
