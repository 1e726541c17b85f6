import CofferConfiguration
import CofferSystem

/// One entry of `mariadb_databases` or `mysql_databases`, read.
struct MariaDBEntry: Sendable {
  /// What an entry's name stands for.
  enum Selection: Equatable {
    case one(String)
    /// Several databases in one dump.
    case together([String])
    /// Several databases in a dump each.
    case each([String])
  }

  let identity: DumpIdentity
  let section: ConfigurationSection
  private(set) var connection: MariaDBConnection
  let dumpOptions: [String]
  let restoreOptions: [String]
  let switches: [String]
  /// What is odd about the entry.
  let warnings: [String]
  let listOptions: [String]
  /// Seconds; nil where nobody wants to know.
  let maxReplicaLag: Int?
  /// What the application is asked for its version.
  let versionQuery: String?
  /// Whether routines are wanted, and the history of system-versioned tables.
  let dumpsRoutines: Bool
  let dumpsHistory: Bool
  let failsOnMissingRights: Bool
  private let skipped: Set<ExactName>
  private let hasFormat: Bool

  var dialect: MariaDBDialect { connection.dialect }

  init(
    _ section: ConfigurationSection, _ dialect: MariaDBDialect, _ identity: DumpIdentity, _ server: ServerAddress,
    for options: MariaDBConnection.Options
  ) {
    self.identity = identity
    self.section = section
    connection = MariaDBConnection(section, dialect, to: server, for: options)
    dumpOptions = section[ServerOptions.options].words
    restoreOptions = section[ServerOptions.restoreOptions].words
    listOptions = section[ServerOptions.listOptions].words
    maxReplicaLag = section[ServerOptions.maxReplicaLag]
    versionQuery = section[ServerOptions.versionQuery]
    hasFormat = section[MariaDBOptions.format] != nil
    skipped = Set(section[MariaDBOptions.skipNames].map { ExactName($0) })
    dumpsRoutines = section[MariaDBOptions.routines]
    dumpsHistory = dumpOptions.contains { $0 == "--dump-history" || $0 == "-H" }
    failsOnMissingRights = section[MariaDBOptions.onMissingRights] == .fail
    switches = Self.switches(section)
    let name = section[MariaDBOptions.name]
    let isSeveral = name.isSame(as: "all") || name.holds("*")
    warnings =
      skipped.isEmpty || isSeveral ? [] : ["skip_names means nothing here: it goes with all, or with a pattern"]
  }

  /// The same entry at a server that only this socket leads to; nil changes nothing.
  func only(_ socket: String?) -> MariaDBEntry {
    guard let socket else { return self }
    var other = self
    other.connection = connection.only(socket)
    return other
  }

  /// What has a restore of the dump replace whole databases.
  static let replacing = "--add-drop-database"

  private static func switches(_ section: ConfigurationSection) -> [String] {
    let all: [(OptionKey<Bool>, String)] = [
      (MariaDBOptions.addDropDatabase, replacing), (MariaDBOptions.events, "--events"),
      (MariaDBOptions.routines, "--routines"), (MariaDBOptions.tablespaces, "--all-tablespaces"),
    ]
    return all.filter { section[$0.0] }.map(\.1)
  }

  /// Whether options leave tables of a database out of its dump (`--ignore-table=shop.sessions`), or routines or events: they would be
  /// lost where a restore replaces the whole database.
  func leavesPart(of database: String) -> Bool {
    // Of a dump of what is beside tables, they stay, too.
    guard dumpsPrograms, leftOut(of: Self.definitions) == nil else { return true }
    return longOption { name, value in
      if name.isSame(as: "ignore-views") { return true }
      return name.utf8.count > "ignore-".utf8.count && "ignore-table".begins(with: name)
        && value.lowercased().begins(with: database.lowercased() + ".")
    } != nil
  }

  /// The option that leaves the rows of a table out of dumps; nil for none.
  func option(leavingRowsOf table: String, in database: String) -> String? {
    longOption { name, value in
      name.utf8.count > "ignore-table".utf8.count && "ignore-table-data".begins(with: name)
        && value.lowercased().isSame(as: "\(database).\(table)".lowercased())
    }
  }

  /// A long option of dumps.
  private func longOption(where isMeant: (_ name: String, _ value: String) -> Bool) -> String? {
    let words = connection.words(of: .dump) + dumpOptions
    return words.indices.first { index in
      guard let option = words[index].after(beginning: "--") else { return false }
      let parts = option.parts(by: "=", limit: 2)
      // The programs take both signs, and the beginning of a name for it.
      return isMeant(
        parts[0].swapping("_", for: "-"),
        parts.count > 1 ? parts[1] : index + 1 < words.count ? words[index + 1] : "")
    }
    .map { words[$0] }
  }

  private static let definitions = (long: "no-create-info", letter: "t")

  /// Whether routines and events are dumped, so that what a restore finds of them may go.
  private var dumpsPrograms: Bool { dumpsRoutines && section[MariaDBOptions.events] }

  /// The option that leaves triggers out of dumps; nil for none.
  var triggersOption: String? {
    dumpOptions.last { option in
      ["--skip-triggers", "--disable-triggers", "--triggers=0", "--triggers=false", "--triggers=off"].contains {
        option.swapping("_", for: "-").lowercased().isSame(as: $0)
      }
    }
  }

  /// The option that leaves rows out of all tables that are dumped; nil for none.
  var rowsOption: String? {
    [("no-data", "d"), ("where", "w")].lazy.compactMap { leftOut(of: $0) }.first
  }

  /// The option that leaves all tables out of dumps; nil for none.
  var definitionsOption: String? { leftOut(of: Self.definitions) }

  /// An option of dumps, in its short or its long form; nil where it is not there, or taken back.
  private func leftOut(of name: (long: String, letter: String)) -> String? {
    let own = connection.words(of: .dump).words { $0.ends(with: "dump") }
    return (own + dumpOptions).last { option in
      guard let long = option.after(beginning: "--") else {
        return option.holdsOption(ofLetters: name.letter, before: "hPSuprTwO#")
      }
      let parts = long.parts(by: "=", limit: 2)
      let isOff = parts.count == 2 && ["0", "off", "false"].contains { parts[1].lowercased().isSame(as: $0) }
      let word = parts[0].swapping("_", for: "-")
      return !isOff && word.utf8.count > 1 && !word.isSame(as: "no") && name.long.begins(with: word)
        && (word.isSame(as: name.long) || !name.long.isSame(as: "no-data"))
    }
  }

  /// The databases that the entry stands for; the server is asked where it must be.
  func selection(context: HookContext) throws -> Selection {
    let name = identity.database
    if name.isSame(as: "all") { return hasFormat ? .each(try list(nil, context)) : .together(try list(nil, context)) }
    // Only a star makes a pattern: the other signs are more likely part of a name.
    return name.holds("*") ? .each(try list(NamePattern(name), context)) : .one(name)
  }

  private func list(_ pattern: NamePattern?, _ context: HookContext) throws -> [String] {
    let program = connection.program(.client)
    let answer = try guarded { try connection.query("show schemas", options: listOptions, context: context) }
    guard answer.status.isSuccess else {
      throw DumpError.listingFailed(
        identity, program: program, lines: MariaDBFailure.lines(answer.errorLines, place: connection.place))
    }
    guard let rows = try? answer.rows(of: 1) else {
      throw DumpError.listingFailed(identity, program: program, lines: ["its answer cannot be understood"])
    }
    let names = rows.compactMap(\.first).filter { name in
      !dialect.unlisted.contains(name.asciiLowercased) && !skipped.contains(ExactName(name))
        && !MariaDBScratch.isOne(name) && DrillName(name) == nil && pattern?.matches(name) ?? true
    }
    guard !names.isEmpty else {
      throw DumpError.listingFailed(identity, program: program, lines: ["the server has no databases to dump"])
    }
    // Accounts last: what they may do can only be granted where it is.
    return names.filter { !isAccounts($0) } + names.filter(isAccounts)
  }

  /// Whether a dump of that name is one of the server's accounts.
  func isAccounts(_ database: String) -> Bool {
    dialect.dumpsAccounts && database.isSame(as: MariaDBDialect.accountsDatabase)
  }

  /// Says where a password and all data can be read on their way.
  func connectionWarnings(_ server: MariaDBServerFacts) -> [String] {
    guard connection.leavesTheHost, connection.hasPassword else { return [] }
    guard server.isEncrypted else {
      return [
        "The connection to \(connection.place) is not encrypted: user, password and data can be read on their way. "
          + "Write 'tls: true', and 'tls_verify: true' where the server has a certificate"
      ]
    }
    guard connection.demandsEncryption, !connection.isVerified else { return [] }
    return [
      "The server at \(connection.place) does not have to prove that it is that host: another one in its place would be "
        + "given user, password and data. Write 'tls_verify: true', and its authority in 'tls_ca'"
    ]
  }

  /// What is wrong with a connection that should be encrypted and is not.
  func missingEncryption(_ server: MariaDBServerFacts) -> (problem: String, suggestion: String)? {
    guard connection.demandsEncryption, !server.isEncrypted else { return nil }
    return (
      "the configuration wants an encrypted connection, and the server at \(connection.place) offers none",
      "Give the server a certificate, or write 'tls: false' (for restores 'restore_tls: false') if the network is safe"
    )
  }

  /// Says which entry has a user or a password that no client could be told.
  func guarded<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch is MariaDBCredentials.Unquotable {
      throw DumpError.misconfigured(
        identity, problem: "The username or the password holds a line break",
        suggestion: "Correct it, or write 'password_transport: environment'")
    }
  }
}
