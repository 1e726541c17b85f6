import CofferConfiguration
import CofferSystem

/// A dump of one database, of several in one stream, or of a server's accounts.
struct MariaDBDump: PlannedDump {
  let identity: DumpIdentity
  private var entry: MariaDBEntry
  private let databases: [String]
  /// Whether the server's log is stored, so that MySQL's lock for the place is worth it.
  private let hasStoredLog: Bool

  static let format = "sql"

  /// The options that left the rows of all tables, or all tables of rows, out of a dump.
  static let rowsKey = "without_rows"
  static let definitionsKey = "without_definitions"
  /// What tells that what the dump does not have stays where it is restored.
  static let partKey = "part"
  /// The option that left triggers out.
  static let triggersKey = "without_triggers"

  /// What options and a user's option files could have changed of the form of a dump. The end mark is in a comment, without which a
  /// dump that was cut short could not be told from a whole one; a compact dump also lacks the time zone that its times
  /// are in; another character set than the fullest one loses what it does not know; and `--skip-opt` takes AUTO_INCREMENT, engines
  /// and character sets from tables.
  static let form = [
    "--skip-compact", "--comments", "--set-charset", "--default-character-set=utf8mb4", "--quote-names",
    "--create-options", "--tz-utc",
  ]

  init(entry: MariaDBEntry, name: String, databases: [String], hasStoredLog: Bool = false) {
    self.entry = entry
    self.hasStoredLog = hasStoredLog
    self.databases = databases
    identity = entry.identity.naming(name)
  }

  var section: ConfigurationSection { entry.section }

  /// The size of the tables' data, as the server keeps it; of accounts nothing.
  func estimatedSize(context: HookContext) throws -> UInt64? {
    let names = databases.filter { !entry.isAccounts($0) }.map { "CONVERT(X'\($0.hexadecimal)' USING utf8mb3)" }
    guard !names.isEmpty else { return 0 }
    let sql = """
      SELECT CAST(IFNULL(SUM(DATA_LENGTH), 0) AS UNSIGNED) FROM information_schema.TABLES
      WHERE TABLE_SCHEMA IN (\(names.joined(separator: ", ")))
      """
    return try ask(sql, 1, context).first?.first.flatMap { UInt64($0) }
  }

  func start(context: HookContext) throws -> any RunningDump {
    var own = self
    own.entry = try entry.knowingOptionFiles(context: context)
    return try own.startKnowing(context)
  }

  private func startKnowing(_ context: HookContext) throws -> any RunningDump {
    var (facts, warnings, server) = try facts(context)
    warnings += entry.foundLosses.map {
      "'\($0)', which stands in an option file or in the command itself, leaves out what the dump should have: take it out of there"
    }
    if let limit = entry.maxReplicaLag {
      let lag = try replicaLag(facts.serverVersion ?? "", context)
      facts.details[DumpFacts.replicaLagKey] = try lag.judged(by: limit, of: identity)
    }
    if let query = entry.versionQuery, databases.count == 1, !entry.isAccounts(databases[0]) {
      warnings += try askVersion(query, of: databases[0], &facts, context)
    }
    let placeForm = try placeForm(server, client: facts.clientVersion ?? "", context)
    let arguments = arguments(placeForm)
    let stream = try entry.guarded {
      try entry.connection.withCommand(.dump, entry.dumpOptions, arguments, context: context) { command in
        try DumpStream(command, of: identity, context: context)
      }
    }
    let census = MariaDBDumpCensus()
    let places = MariaDBTablePlacesWatch(census: census)
    // Of a whole server, no single tables are restored.
    let isOne = !identity.database.isSame(as: "all")
    let logPlace = placeForm.isEmpty ? nil : MariaDBLogPlaceWatch(clock: context.clock, server: server?.uuid)
    stream.observer = { bytes in
      places.take(bytes)
      logPlace?.take(bytes)
    }
    return StreamedDump(
      stream, facts: facts, program: entry.connection.program(.dump), warnings: entry.warnings + warnings,
      content: census, details: { isOne ? places.found().map { [MariaDBTablePlaces.key: $0.text] } ?? [:] : [:] },
      remarks: { Self.remarks(places) }, log: { logPlace?.found(tail: stream.tail) }
    ) { [identity, program = entry.connection.program(.dump)] stream in
      // No restore would take a greeting: that is to be known now.
      if let odd = places.odd, odd.isFirst { throw DumpError.mixed(identity, program: program, with: odd.head) }
      return Self.missingEnd(stream) ?? places.missing
    }
  }

  /// What no dump program writes may still be the database's own, and a dump that has to be loaded by hand is better than none.
  private static func remarks(_ places: MariaDBTablePlacesWatch) -> [String] {
    guard let odd = places.odd else { return [] }
    return [
      "The dump holds '\(Quoting.terminal(odd.head))', which no dump program is known to write: 'coffer restore' will refuse it, and "
        + "what 'coffer dump' gives has to be loaded by hand"
    ]
  }

  /// The clients end a dump that is whole with a line that says so.
  private static func missingEnd(_ stream: DumpStream) -> String? {
    let lines = stream.tail.split(separator: UInt8(ascii: "\n"))
    let isWhole =
      stream.tail.last == UInt8(ascii: "\n") && lines.last?.starts(with: StatementSplitter.endMark.utf8) == true
    return isWhole ? nil : "it does not end with '\(StatementSplitter.endMark)'"
  }

  /// What has the dump say in comments where the server's log is; nothing where it cannot.
  ///
  /// - Parameter client: The dump program's version.
  /// - Throws: `RunCancelled`.
  private func placeForm(
    _ server: MariaDBServerFacts?, client: String, _ context: HookContext
  ) throws -> [String] {
    guard let server, server.keepsLog else { return [] }
    guard server.uuid != nil else {
      return try client.holds("MariaDB") && tellsPlace(context) ? ["--master-data=2"] : []
    }
    // For a moment it locks all tables.
    let mayLock = server.grants.hasEverywhere("RELOAD")
    let mayAsk = server.grants.hasEverywhere("REPLICATION CLIENT") || server.grants.hasEverywhere("SUPER")
    return hasStoredLog && mayLock && mayAsk && Self.knowsSources(client) ? ["--source-data=2"] : []
  }

  /// Whether a dump program is MySQL's own of version 8.0.26 or newer: `mysqldump  Ver 8.0.36 for Linux on x86_64 (...)`.
  private static func knowsSources(_ client: String) -> Bool {
    let words = client.words
    guard !client.holds("MariaDB"), let place = words.firstIndex(where: { $0.isSame(as: "Ver") }),
      place + 1 < words.count
    else { return false }
    return !words[place + 1].parts(by: "-")[0].parts(by: ".").map { Int($0) ?? 0 }.lexicographicallyPrecedes([8, 0, 26])
  }

  /// Whether the server answers what the dump program will ask it for the place. Otherwise that would lock all tables, or give the dump up.
  ///
  /// - Throws: `RunCancelled`.
  private func tellsPlace(_ context: HookContext) throws -> Bool {
    do {
      // What every file begins with is enough to see whether it can tell.
      let answer = try ask(
        """
        SELECT BINLOG_GTID_POS(VARIABLE_VALUE, 4) IS NOT NULL FROM information_schema.SESSION_STATUS \
        WHERE VARIABLE_NAME = 'BINLOG_SNAPSHOT_FILE' AND VARIABLE_VALUE <> ''
        """, 1, context)
      return answer.first?.first?.isSame(as: "1") == true
    } catch let error as RunCancelled {
      throw error
    } catch {
      return false
    }
  }

  /// Whether its restore leaves nothing of the old ones.
  private var replacesDatabases: Bool {
    entry.switches.contains(MariaDBEntry.replacing) && !databases.contains(where: entry.leavesPart)
  }

  private func arguments(_ more: [String]) -> [String] {
    let switches = entry.switches.filter { replacesDatabases || !$0.isSame(as: MariaDBEntry.replacing) }
    // This comes after the configuration's own options, some of which change it.
    var arguments = Self.form + ["--single-transaction", "--max-allowed-packet=1G"] + more + switches
    if databases.contains(where: entry.isAccounts) { arguments.append("--system=users,udfs,servers") }
    return arguments + ["--databases", "--"] + databases.filter { !entry.isAccounts($0) }
  }

  /// What is worth knowing later, and what the dump will lack. A server that does not answer will make the dump fail with
  /// a better message than could be given here.
  ///
  /// - Throws: `DumpError` when what it lacks is not to be taken.
  private func facts(
    _ context: HookContext
  ) throws -> (DumpFacts, warnings: [String], server: MariaDBServerFacts?) {
    var facts = DumpFacts(identity: identity, format: Self.format)
    facts.clientVersion = entry.connection.version(.dump, context: context)
    let (rows, definitions) = (entry.rowsOption, entry.definitionsOption)
    facts.details[Self.rowsKey] = definitions == nil ? rows : nil
    facts.details[Self.definitionsKey] = rows == nil ? definitions : nil
    if !replacesDatabases { facts.details[Self.partKey] = "1" }
    facts.details[Self.triggersKey] = definitions == nil ? entry.triggersOption : nil
    try refuseSystem()
    let server: MariaDBServerFacts
    do {
      server = try MariaDBServerFacts { try ask($0, $1, context) }
    } catch {
      if entry.connection.demandsEncryption, let failure = encryptionUnknown(error) { throw failure }
      return (facts, [try unknown(error, isNeeded: false)], nil)
    }
    try refuseSettings(context)
    if let (problem, suggestion) = entry.missingEncryption(server) {
      throw DumpError.misconfigured(identity, problem: "Not dumped: \(problem)", suggestion: suggestion)
    }
    facts.serverVersion = server.version.isEmpty ? nil : server.version
    if server.foldsCase { facts.details[MariaDBServerFacts.foldingKey] = "1" }
    if hasStoredLog, server.keepsLog {
      facts.details[SystemTimeZone.key] = try SystemTimeZone.offsets { try ask($0, 1, context) }
    }
    var warnings = entry.connectionWarnings(server)
    if let option = entry.compatibleOption {
      warnings.append(
        "'\(option)' writes triggers, routines and events so that no server reads them: where there are any, the dump cannot be "
          + "restored")
    }
    if rows != nil, let definitions, entry.triggersOption == nil, try hasTriggers(context) {
      warnings.append(
        "'\(definitions)' leaves out the tables that the dump's triggers are on, so that it cannot be restored: write "
          + "--skip-triggers, too, or load what 'coffer extract' gives by hand")
    }
    let losses: MariaDBLosses
    do {
      if try hasStoredLog && server.keepsLog && lacksReplicated(server, context) {
        warnings.append("\(identity.title): It cannot be brought to every moment: \(ReplicaLogging.problem)")
      }
      losses = try MariaDBLosses(
        of: databases.filter { !entry.isAccounts($0) }, entry: entry, facts: server
      ) { try ask($0, $1, context) }
      if databases.contains(where: entry.isAccounts), server.version.holds("MariaDB") {
        facts.details.merge(try sharedRights(server, context).details) { $1 }
      }
    } catch {
      return (facts, warnings + [try unknown(error, isNeeded: false)], server)
    }
    if entry.failsOnMissingRights, let (problem, suggestion) = losses.missingRights {
      throw DumpError.misconfigured(identity, problem: "Not dumped: \(problem)", suggestion: suggestion)
    }
    facts.details.merge(losses.details) { $1 }
    return (facts, warnings + losses.warnings, server)
  }

  private func hasTriggers(_ context: HookContext) throws -> Bool {
    let list = databases.map { "X'\($0.hexadecimal)'" }.joined(separator: ", ")
    let sql = "SELECT 1 FROM information_schema.TRIGGERS WHERE BINARY TRIGGER_SCHEMA IN (\(list)) LIMIT 1"
    return try !ask(sql, 1, context).isEmpty
  }

  /// A database's dump that has accounts, too, is restored by nobody.
  private func refuseSystem() throws {
    guard !databases.contains(where: entry.isAccounts), let option = entry.systemOption else { return }
    throw DumpError.misconfigured(
      identity,
      problem: "Not dumped: '\(option)' puts accounts, or what else is the server's, into the dump of a database",
      suggestion:
        "Take it out of options, or of the option file; an entry of the name mysql, or all, dumps MariaDB's accounts")
  }

  /// The dump programs leave out, without a word, the rows and the tables that a default limit of the server holds back; and they
  /// take what it shows without quotes for what it always shows.
  private func refuseSettings(_ context: HookContext) throws {
    let answer = try entry.connection.query(
      "SELECT \(MariaDBConnection.foundSelectLimit), @@SESSION.sql_quote_show_create", options: entry.listOptions,
      context: context)
    guard answer.status.isSuccess, let row = answer.rows.first, row.count == 2 else { return }
    guard row[1].isSame(as: "1") else {
      throw DumpError.misconfigured(
        identity,
        problem:
          "Not dumped: the server shows this user names without quotes (sql_quote_show_create is off), and nobody can tell "
          + "them from other words when such a dump is restored",
        suggestion: "SET GLOBAL sql_quote_show_create = 1, and take it out of the server's settings and of init_connect"
      )
    }
    // Without a limit it is the largest number that there is on the server's machine.
    guard let rows = UInt64(row[0]), rows < UInt32.max else { return }
    throw DumpError.misconfigured(
      identity,
      problem:
        "Not dumped: the server gives this user no more than \(rows) rows of an answer, so that the dump would lack the "
        + "others (sql_select_limit)",
      suggestion:
        "Take the limit out of the server's settings and of init_connect, or dump as a user that it is not for")
  }

  private func lacksReplicated(_ server: MariaDBServerFacts, _ context: HookContext) throws -> Bool {
    guard server.mayLackReplicated else { return false }
    return try ReplicaLogging.isReplica(version: server.version) {
      try entry.connection.query($0, options: entry.listOptions, context: context)
    }
  }

  private func replicaLag(_ version: String, _ context: HookContext) throws -> ReplicaLag {
    let questions = MariaDBReplicaLag.questions(version)
    for (number, question) in questions.enumerated() {
      let answer: MariaDBAnswer
      do {
        answer = try entry.connection.query(question, options: entry.listOptions, namesColumns: true, context: context)
      } catch let error as RunCancelled {
        throw error
      } catch {
        return .unknown(Diagnosis(of: error).problem)
      }
      if answer.status.isSuccess { return MariaDBReplicaLag.lag(answer.rows) }
      if number < questions.count - 1, MariaDBReplicaLag.isUnknownForm(answer.errorLines) { continue }
      return .unknown(told(answer))
    }
    return .unknown("the server is not asked")
  }

  private func told(_ answer: MariaDBAnswer) -> String {
    ClientFailure.telling(MariaDBFailure.lines(answer.errorLines, place: entry.connection.place))
      ?? "\(entry.connection.program(.client)) failed and said nothing"
  }

  /// Asks for the application's version, in a transaction that only reads.
  ///
  /// - Returns: Warnings.
  /// - Throws: `RunCancelled`.
  private func askVersion(
    _ query: String, of database: String, _ facts: inout DumpFacts, _ context: HookContext
  ) throws -> [String] {
    func ask(_ sql: String) throws -> MariaDBAnswer {
      try entry.connection.query(
        "SET ROLE NONE; " + sql, options: entry.listOptions, limit: 1 << 16, seconds: 30, context: context)
    }
    do {
      let rights = try ask(MariaDBServerRights.question)
      guard rights.status.isSuccess else { return [ApplicationVersion.warning("fails: \(told(rights))")] }
      let held = rights.rows.compactMap(\.first)
      if let much = MariaDBServerRights.first(beyondReading: held) {
        return [ApplicationVersion.warning(Self.refusal(much))]
      }
      let answer = try ask(
        "USE \(Quoting.mariadbIdentifier(database)); START TRANSACTION READ ONLY; \(query)")
      guard answer.status.isSuccess else { return [ApplicationVersion.warning("fails: \(told(answer))")] }
      let version = ApplicationVersion.kept(answer.rows.first?.first)
      facts.details[DumpFacts.applicationVersionKey] = version
      return version == nil ? [ApplicationVersion.warning("gives no row")] : []
    } catch let error as RunCancelled {
      throw error
    } catch {
      return [ApplicationVersion.warning("fails: \(Diagnosis(of: error).problem)")]
    }
  }

  private static func refusal(_ right: String) -> String {
    "is not asked: the user who connects has \(Quoting.terminal(right)) over the whole server, and whoever can change "
      + "what the query reads would have it, too. Back up as a user who has only what backups need, or leave version_query out"
  }

  /// Dump programs take encryption for a wish, so that without an answer nothing may be sent.
  private func encryptionUnknown(_ error: any Error) -> DumpError? {
    guard let diagnosis = (error as? any DiagnosableError)?.diagnosis, !(error is RunCancelled) else { return nil }
    let client = entry.connection.program(.client)
    let option = entry.dialect.clientCommand.name
    let remedy = diagnosis.suggestion.map { error is LaunchError ? "\($0), or correct \(option)" : $0 }
    return .misconfigured(
      identity,
      problem: "Not dumped: the configuration wants an encrypted connection; dump programs do not insist on one, "
        + "and '\(client)', which is to ask the server for it, failed: \(diagnosis.problem)",
      suggestion: remedy
        ?? "Correct \(option), or what it complains of; without 'tls: true', 'tls_verify' and 'tls_ca' the dump is made "
        + "without asking")
  }

  /// - Returns: A warning, for what a dump can be made without.
  private func unknown(_ error: any Error, isNeeded: Bool) throws -> String {
    if isNeeded || entry.failsOnMissingRights || error is RunCancelled { throw error }
    return "It could not be found out what the user may not see: \(error)"
  }

  /// Servers have them from 10.11 on.
  private func sharedRights(_ server: MariaDBServerFacts, _ context: HookContext) throws -> MariaDBSharedRights {
    guard server.knowsPublic else { return MariaDBSharedRights(lines: []) }
    return MariaDBSharedRights(lines: try ask("SHOW GRANTS FOR PUBLIC", 1, context).compactMap(\.first))
  }

  private func ask(_ sql: String, _ fields: Int, _ context: HookContext) throws -> [[String]] {
    let program = entry.connection.program(.client)
    let answer = try entry.connection.query(sql, options: entry.listOptions, context: context)
    guard answer.status.isSuccess else {
      throw DumpError.programFailed(
        identity, program: program, status: answer.status,
        lines: MariaDBFailure.lines(answer.errorLines, place: entry.connection.place))
    }
    return try answer.rows(of: fields)
  }
}
