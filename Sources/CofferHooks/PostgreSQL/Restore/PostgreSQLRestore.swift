import CofferSystem

/// The restore of one database: beside the one that is there, to take its name at the end, or inside of it in one
/// transaction.
struct PostgreSQLRestore: PlannedRestore {
  private let facts: DumpFacts
  private let entry: PostgreSQLEntry
  private let connection: PostgreSQLConnection
  private let destination: PostgreSQLDestination
  private let schemas: [String]
  private let timescale: Timescale?
  private let way: RestoreWay
  private let continuesOnErrors: Bool

  private var name: String { destination.name }

  /// Checks programs, connection and rights.
  ///
  /// - Throws: `RestoreError`; `LaunchError`.
  init(
    facts: DumpFacts, target: RestoreTarget, entry: PostgreSQLEntry, installations: PostgreSQLInstallations,
    context: HookContext
  ) throws {
    self.facts = facts
    self.entry = entry
    schemas = target[SharedChoices.schemas]
    continuesOnErrors = target[PostgreSQLChoices.continueOnError]
    try Self.check(facts, target, entry)
    destination = try PostgreSQLDestination(
      target.databaseName ?? facts.identity.database, connection: entry.connection, of: facts.identity,
      context: context)
    try Self.checkMoney(facts, destination, entry.connection, context)
    connection =
      facts.has(PostgreSQLOptions.Format.plain)
      ? entry.connection
      : try Self.client(facts, entry, destination, installations, context)
    way = try RestoreWay.choose(
      target[PostgreSQLChoices.strategy] ?? entry.restoreStrategy, for: destination, schemas: schemas,
      options: entry.restoreOptions, half: Self.half(facts, entry), part: Self.part(facts, entry), of: facts.identity)
    timescale = try Timescale(facts, destination, way, connection, context)
    guard case .inPlace = way else { return }
    try destination.checkRights(facts.identity)
    try checkList()
    guard !continuesOnErrors else {
      throw RestoreError.refused(
        facts.identity, problem: "--continue-on-error needs a database that is built beside the one that is there",
        suggestion: "Restore under another name with --target-name, or leave the flag out")
    }
  }

  /// Archives that were made before this was kept do not tell, so the configuration does.
  private static func part(_ facts: DumpFacts, _ entry: PostgreSQLEntry) -> String? {
    facts.details[PostgreSQLDumpFacts.partKey] ?? entry.partOption
  }

  /// What options leave out of all. psql has none that do.
  fileprivate static func half(_ facts: DumpFacts, _ entry: PostgreSQLEntry) -> DumpHalf? {
    if let half = DumpHalf(facts.details) { return half }
    // Archives that were made before this was kept do not tell, but where the blocks are: this one has none.
    if let half = entry.dumpHalf, half.missing == .rows, facts.details[BlockPlaces.key]?.holds(":") == false {
      return half
    }
    guard !facts.has(PostgreSQLOptions.Format.plain) else { return nil }
    let own = (entry.connection.override(of: .restore) ?? []).words { $0.ends(with: "pg_restore") }
    return DumpHalf(own + entry.restoreOptions, before: RestoreWay.restoreValues + "nNtIPTL")
  }

  /// Where extensions stay as they are, the list of what is restored is ours.
  private func checkList() throws {
    guard !facts.has(PostgreSQLOptions.Format.plain), connection.override(of: .restore) == nil,
      !destination.keptExtensions.isEmpty,
      let option = entry.restoreOptions.first(where: RestoreWay.namesList)
    else { return }
    let names = destination.keptExtensions.map(\.shown).joined(separator: ", ")
    throw RestoreError.refused(
      facts.identity,
      problem: "'\(option)' in restore_options names what to restore, and so has a restore that leaves alone the "
        + "extensions that belong to somebody else: \(names)",
      suggestion: "Take it out of restore_options, or connect as the extensions' owner or as a superuser (--username)")
  }

  /// Where a pooler ignores the settings of sessions, or a service's stand in place of ours, the dump's amounts of money
  /// may be read as others.
  static func checkMoney(
    _ facts: DumpFacts, _ destination: PostgreSQLDestination, _ connection: PostgreSQLConnection, _ context: HookContext
  ) throws {
    guard !facts.postgreSQLSettings.isEmpty else { return }
    let connection = connection.session(nil, facts.postgreSQLSettings)
    let sql: PostgreSQLStatement = "SELECT '-$1,234,567.89'::pg_catalog.money::pg_catalog.numeric"
    let result =
      destination.state == .missing
      ? try connection.queryServer(sql, context: context)
      : try connection.query(sql, database: destination.name, context: context)
    guard result.status.isSuccess || PostgreSQLFailure.isRefusal(result.status, result.errorLines) else {
      throw RestoreError.refused(
        facts.identity, problem: PostgreSQLFailure.telling(result.errorLines),
        suggestion: facts.identity.advice.suggestion(result.errorLines))
    }
    guard !result.status.isSuccess || !result.text.isSame(as: "-1234567.89\n") else { return }
    throw RestoreError.refused(
      facts.identity,
      problem: "its amounts of money are written as lc_monetary C has them, and the sessions that it is to be restored "
        + "in read them as others, because they do not take that setting",
      suggestion: "Connect to the server itself rather than through a pooler, and without PGSERVICE; or put "
        + "options=-c lc_monetary=C into the service")
  }

  /// What can be seen without a server.
  private static func check(_ facts: DumpFacts, _ target: RestoreTarget, _ entry: PostgreSQLEntry) throws {
    let isPlain = facts.has(PostgreSQLOptions.Format.plain)
    guard target[SharedChoices.schemas].isEmpty || !isPlain else {
      throw RestoreError.refused(
        facts.identity, problem: "a plain dump cannot be taken apart into schemas",
        suggestion: "Restore it whole under another name with --target-name and copy the schema from there; dumps of "
          + "format custom, directory or tar can be")
    }
    if let option = entry.restoreOptions.first(where: { Self.leadsElsewhere($0, isPlain: isPlain) }) {
      throw RestoreError.refused(
        facts.identity, problem: "'\(option)' in restore_options says where to restore to, or not to restore at all",
        suggestion: "Leave it out; --target-name, --hostname and --port say where to")
    }
  }

  /// Whether an option of psql or pg_restore would lead it to another database, or to none.
  static func leadsElsewhere(_ option: String, isPlain: Bool) -> Bool {
    let long = isPlain ? ["dbname", "command", "file", "list"] : ["dbname", "create", "file", "list"]
    let short = isPlain ? "dcfl" : "dCfl"
    if option.utf8.starts(with: "--".utf8) {
      let word = option.utf8.dropFirst(2).prefix { $0 != UInt8(ascii: "=") }
      // Programs take the beginning of an option's name for it, where no other begins so.
      return word.count > 2 && long.contains { $0.utf8.starts(with: word) }
    }
    guard option.utf8.first == UInt8(ascii: "-"), let letter = option.utf8.dropFirst().first else { return false }
    return short.utf8.contains(letter)
  }

  var summary: String {
    let sessions = destination.survey.map { $0.ties.sessions } ?? 0
    let ended = sessions == 0 ? "" : ", which ends the \(sessions == 1 ? "session" : "\(sessions) sessions") in it"
    let end =
      switch (destination.state, way) {
      case (.missing, _): "created: it is missing there"
      case (.empty, .swap): "it is empty there; built beside it and swapped\(ended)"
      case (.empty, .inPlace(let reason)): "it is empty there; filled in place, because \(reason)"
      case (.filled, .swap): "its contents are replaced: built beside it and swapped\(ended)"
      case (.filled, .inPlace(let reason)):
        "\(replacing) in place, in one transaction, because \(reason)"
      }
    let part = schemas.isEmpty ? "" : "schemas \(schemas.joined(separator: ", ")) of "
    return "\(part)\(facts.identity.title) -> '\(name)' at \(connection.place) (\(end)\(leftovers))"
  }

  private var replacing: String {
    if let half = Self.half(facts, entry) {
      return half.missing == .rows
        ? "its tables are replaced by empty ones, as '\(half.option)' has them,"
        : "rows are added to its tables, as '\(half.option)' leaves the tables out,"
    }
    return schemas.isEmpty ? "its contents are replaced" : "these schemas are replaced"
  }

  private var leftovers: String {
    guard let names = destination.survey?.leftovers, !names.isEmpty else { return "" }
    return "; \(names.joined(separator: ", ")), left by a restore that was killed, will be removed"
  }

  var wantsFolder: Bool { facts.has(PostgreSQLOptions.Format.directory) }

  func content(of dump: DumpContent) -> DumpContent? { schemas.isEmpty ? dump : nil }

  /// pg_restore reads the dumps of its own version and of older ones.
  static func client(
    _ facts: DumpFacts, _ entry: PostgreSQLEntry, _ destination: PostgreSQLDestination,
    _ installations: PostgreSQLInstallations, _ context: HookContext
  ) throws -> PostgreSQLConnection {
    let made = facts.clientVersion.flatMap(PostgreSQLVersion.major(ofProgram:))
    let wanted = max(made ?? 0, destination.serverMajor ?? 0)
    let newest: Int
    do {
      let client = try PostgreSQLClient(
        .restore, of: entry.connection, atLeast: made, wanted: wanted, installations: installations, context: context)
      guard client.version != nil else {
        throw RestoreError.refused(
          facts.identity, problem: "pg_restore does not tell its version: \(client.complaint ?? "it says nothing")",
          suggestion: "Correct pg_restore_command")
      }
      guard let made, let own = client.major, own < made else { return client.connection }
      newest = own
    } catch let error as PostgreSQLClient.TooOld {
      newest = error.newest
    }
    throw RestoreError.refused(
      facts.identity,
      problem: "it was dumped by pg_dump \(made ?? 0), and the newest pg_restore here is version \(newest)",
      suggestion: "Install postgresql-client-\(made ?? 0), or set pg_restore_command")
  }

  // MARK: - Running

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    let destination = try lookAgain(context)
    let job = RestoreJob(
      facts: facts, entry: entry, connection: connection, destination: destination, schemas: schemas,
      timescale: timescale, continuesOnErrors: continuesOnErrors, token: RestoreToken(), context: context)
    if way == .swap, let survey = destination.survey {
      return try PostgreSQLSwapRestore(job, survey, folder: folder)
    }
    return try PostgreSQLRunningRestore(job, folder: folder)
  }
}

extension PostgreSQLRestore {
  /// What is there when the restore begins: since the planning, another restore of the same run may have put a database
  /// in place of the one that was there, or somebody else may have.
  ///
  /// - Throws: `RestoreError.refused` where what was planned cannot be any more, or would replace what nobody has seen.
  private func lookAgain(_ context: HookContext) throws -> PostgreSQLDestination {
    let now = try PostgreSQLDestination(
      destination.name, connection: entry.connection, of: facts.identity, context: context)
    guard destination.state != .missing || now.state == .missing else {
      throw RestoreError.refused(
        facts.identity, problem: "somebody has made a database '\(destination.name)' since the restore was planned",
        suggestion: "Look at it, and restore again")
    }
    try checkSame(now, context)
    guard way == .swap else { return now }
    _ = try RestoreWay.choose(
      .swap, for: now, schemas: schemas, options: entry.restoreOptions, half: Self.half(facts, entry),
      part: Self.part(facts, entry), of: facts.identity)
    return now
  }

  private func checkSame(_ now: PostgreSQLDestination, _ context: HookContext) throws {
    guard let planned = destination.survey?.database, let found = now.survey?.database,
      !context.restored.contains(ServerText(destination.name), number: found.oid)
    else { return }
    let name = destination.name
    let wasFilled = destination.state == .empty && now.state == .filled
    guard planned.oid != found.oid || wasFilled else { return }
    throw RestoreError.refused(
      facts.identity,
      problem: planned.oid == found.oid
        ? "the database '\(name)' was empty when the restore was planned, and is not any more"
        : "'\(name)' is not the database any more that was there when the restore was planned",
      suggestion: "Look at it, and restore again")
  }
}

/// Everything that a restore on its way works with.
struct RestoreJob {
  let facts: DumpFacts
  let entry: PostgreSQLEntry
  let connection: PostgreSQLConnection
  let destination: PostgreSQLDestination
  let schemas: [String]
  let timescale: Timescale?
  let continuesOnErrors: Bool
  let token: RestoreToken
  let context: HookContext

  var identity: DumpIdentity { facts.identity }
  var isPlain: Bool { facts.has(PostgreSQLOptions.Format.plain) }
  /// Whether there are statements that make room for what is restored.
  var makesRoom: Bool { PostgreSQLRestore.half(facts, entry)?.missing != .definitions }
  var properties: DatabaseProperties { DatabaseProperties(details: facts.details) }
  var leavesPrivileges: Bool {
    entry.restoreOptions.contains { ["-x", "--no-acl", "--no-privileges"].contains($0) }
  }

  /// A session of this restore's own, which ends at the server when its client is gone.
  func session(_ settings: [PostgreSQLPins.Setting] = []) -> PostgreSQLConnection {
    var settings = settings + facts.postgreSQLSettings
    if destination.serverMajor ?? 0 >= 14 {
      settings.append(.init(name: "client_connection_check_interval", value: "5s"))
    }
    return connection.session(token.sessionName, settings)
  }

  /// Makes the schemas that are chosen and missing: pg_restore then takes only what is in them.
  func createSchemas(in database: String) throws -> [String] {
    var made: [String] = []
    for schema in schemas where !destination.schemas.contains(ServerText(schema)) {
      let result = try connection.query(
        "CREATE SCHEMA \(identifier: schema)", database: database, context: context)
      guard result.status.isSuccess else {
        throw RestoreError.programFailed(
          identity, program: "CREATE SCHEMA", status: result.status, lines: result.errorLines)
      }
      made.append(schema)
    }
    return made
  }

  var plainOwnerWarning: [String] {
    guard isPlain, entry.noOwner, facts.details["no_owner"] == nil else { return [] }
    return ["\(identity.title): restored with the owners in it; no_owner works on plain dumps when they are made"]
  }
}
