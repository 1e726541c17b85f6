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
  var dumpsHistory: Bool { last(of: "dump-history", "H") != nil }
  let failsOnMissingRights: Bool
  private let skipped: Set<ExactName>
  private let hasFormat: Bool
  /// What option files say.
  private var foundOptions: [String] = []

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
    guard dumpsPrograms, definitionsOption == nil else { return true }
    return longOption { option, value in
      if option.stands(for: "ignore-views", from: "ignore-v") { return true }
      return option.stands(for: "ignore-table", from: "ignore-t")
        && value.lowercased().begins(with: database.lowercased() + ".")
    } != nil
  }

  /// The option that leaves the rows of a table out of dumps; nil for none.
  func option(leavingRowsOf table: String, in database: String) -> String? {
    longOption { option, value in
      option.stands(for: "ignore-table-data", from: "ignore-table-")
        && value.lowercased().isSame(as: "\(database).\(table)".lowercased())
    }
  }

  /// A long option of dumps, with its value, which may be the next word.
  private func longOption(where isMeant: (_ option: MariaDBLongOption, _ value: String) -> Bool) -> String? {
    // Also those of a script that goes by another name.
    let words = foundOptions + connection.words(of: .dump) + dumpOptions
    return words.indices.first { index in
      guard let option = MariaDBLongOption(words[index]) else { return false }
      return isMeant(option, option.value ?? (index + 1 < words.count ? words[index + 1] : ""))
    }
    .map { words[$0] }
  }

  /// What dump programs are told by option files, by their command and by the configuration, in the order in which they take it.
  private var dumpWords: [String] {
    foundOptions + connection.words(of: .dump).words { $0.ends(with: "dump") } + dumpOptions
  }

  /// Whether routines and events are dumped, so that what a restore finds of them may go.
  private var dumpsPrograms: Bool { dumpsRoutines && section[MariaDBOptions.events] }

  /// The option that leaves triggers out of dumps; nil for none.
  var triggersOption: String? { last(of: "triggers", isOn: false) }

  /// The option that leaves rows out of all tables that are dumped; nil for none.
  var rowsOption: String? { last(of: "no-data", "d") ?? last(of: "where", "w", isSwitch: false) }

  /// The option that leaves all tables out of dumps; nil for none.
  var definitionsOption: String? { last(of: "no-create-info", "t") }

  /// The option of dumps that puts what is the server's own into them; nil for none.
  var systemOption: String? { last(of: "system", isSwitch: false) }

  /// The option that has dumps written for another program than the server; nil for none.
  var compatibleOption: String? { last(of: "compatible", isSwitch: false) }

  /// Options that leave something out and stand in nothing that is configured.
  var foundLosses: [String] {
    let halves = [rowsOption, definitionsOption, triggersOption].compactMap(\.self)
    return foundOptions.map(Self.withoutValue).filter { option in
      halves.contains { $0.isSame(as: option) }
        || MariaDBLongOption(option)?.stands(for: "ignore-table-data", from: "ignore-t") == true
    }
  }

  /// As an option of option files is shown and kept: they come without quotes, so that what looks like a value may be of a password.
  private static func withoutValue(_ option: String) -> String { option.parts(by: "=", limit: 2)[0] }

  /// An option of dumps, in its short or its long form, if the last that is said of it is this.
  ///
  /// - Parameter isSwitch: Whether it is on or off; what has a value of another kind is there with each (`--where=0`).
  private func last(of name: String, _ letter: String? = nil, isOn: Bool = true, isSwitch: Bool = true) -> String? {
    let said = dumpWords.enumerated().compactMap { index, word -> (word: String, isOn: Bool)? in
      if let option = MariaDBLongOption(word) {
        guard option.stands(for: name) else { return nil }
        return (index < foundOptions.count ? Self.withoutValue(word) : word, option.isOn || !isSwitch)
      }
      return letter.map { word.holdsOption(ofLetters: $0, before: "hPSuprTwO#") } == true ? (word, true) : nil
    }
    return said.last.flatMap { $0.isOn == isOn ? $0.word : nil }
  }

  /// The same entry, which knows what option files on the way of dump programs say, and scripts that stand for them.
  ///
  /// - Throws: `RunCancelled`.
  func knowingOptionFiles(context: HookContext) throws(RunCancelled) -> MariaDBEntry {
    var other = self
    let first = dumpOptions.filter { $0.begins(with: "--defaults-") || $0.isSame(as: "--no-defaults") }
    other.foundOptions = try context.optionFiles.options(of: connection.words(of: .dump), first, context)
    return other
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
