import CofferConfiguration
import CofferSystem

/// A dump of one database, of a whole server, or of what a server's databases have in common.
struct PostgreSQLDump: PlannedDump {
  enum Scope: Sendable, Equatable {
    case database(String)
    case server
    /// Roles and tablespaces. Who may not read the roles' passwords gets the roles without; nil where that is not known yet.
    case globals(withPasswords: Bool?)
  }

  let identity: DumpIdentity
  var section: ConfigurationSection { entry.section }
  private let entry: PostgreSQLEntry
  private var scope: Scope
  private let connection: PostgreSQLConnection
  private let installations: PostgreSQLInstallations
  private let conversations: PostgreSQLConversations
  private let warnings: [String]
  /// Whether a dump that would be a folder is a stream instead: of a folder nothing is seen before it is done.
  private var isRehearsal = false
  /// Whether nothing is to be beside it that the server may have no room for.
  private var isAlone = false
  private var preparation: PostgreSQLPreparedOpening?

  /// - Parameters:
  ///   - conversations: Sessions with the server, for all dumps of its databases.
  ///   - warnings: What was noticed while the dump was planned.
  init(
    _ entry: PostgreSQLEntry, _ scope: Scope, _ conversations: PostgreSQLConversations,
    installations: PostgreSQLInstallations, warnings: [String] = []
  ) {
    self.entry = entry
    self.scope = scope
    self.conversations = conversations
    self.installations = installations
    self.warnings = warnings
    switch scope {
    case .database(let name): identity = entry.identity.naming(name)
    case .server: identity = entry.identity
    case .globals: identity = entry.identity.globals
    }
    conversations.expect(identity)
    if case .globals = scope, let globals = entry.globalsConnection {
      connection = globals
    } else {
      connection = entry.connection
    }
  }

  private var program: PostgreSQLConnection.Tool {
    if case .database = scope { .dump } else { .dumpAll }
  }

  /// Scripts of pg_dumpall have none of pg_dump's.
  private var format: PostgreSQLOptions.Format {
    guard case .database = scope else { return .plain }
    return isRehearsal && isFolder ? .custom : entry.format ?? .custom
  }

  private var isFolder: Bool { entry.format == .directory }

  var rehearsal: any PlannedDump {
    var copy = self
    copy.isRehearsal = true
    return copy
  }

  var alone: any PlannedDump {
    var copy = self
    copy.isAlone = true
    return copy
  }

  var needsRoom: Bool { format == .directory }

  /// The size of the database's files, or of all databases'.
  func estimatedSize(context: HookContext) throws -> UInt64? {
    let question: PostgreSQLStatement
    switch scope {
    case .database(let name):
      question = "SELECT pg_catalog.pg_database_size(\(literal: name)::pg_catalog.name)"
    case .server:
      question = """
        SELECT pg_catalog.sum(pg_catalog.pg_database_size(d.oid)) FROM pg_catalog.pg_database d WHERE d.datallowconn
        """
    case .globals: return 0
    }
    let result = try entry.connection.queryServer(question, context: context)
    guard let rows = PostgreSQLAnswer(result, columns: 1)?.rows, rows.count == 1, let size = rows[0][0]?.text else {
      throw DumpError.programFailed(
        identity, program: "psql", status: result.status, lines: PostgreSQLFailure.told(result.errorLines))
    }
    return UInt64(size)
  }

  func prepared(context: HookContext) -> any PlannedDump {
    guard case .database(let name) = scope, !isRehearsal, !conversations.areTight else { return self }
    // What fails is asked again, and told, when the dump starts.
    guard var opening = try? opening(context), opening.server.isKnown, opening.session?.isOpen == true else {
      return self
    }
    if opening.server.role != nil, PostgreSQLDumpCensus.reasonAgainst(entry, isCounted: !isAlone) == nil {
      opening.witness = try? PostgreSQLSnapshotWitness(in: name, conversations, context)
    }
    if let version = opening.server.version { _ = try? client(serverVersion: version, context: context) }
    let preparation = PostgreSQLPreparedOpening(opening)
    guard conversations.keep(preparation) else { return self }
    var copy = self
    copy.preparation = preparation
    return copy
  }

  /// - Returns: What was prepared; nil without that, and where the server has ended it since, as one does that is restarted.
  /// - Throws: `RunCancelled`.
  private func preparedOpening() throws -> PostgreSQLDumpOpening? {
    guard let opening = preparation?.take() else { return nil }
    do {
      try opening.confirm()
      return opening
    } catch let error as RunCancelled {
      throw error
    } catch {
      return nil
    }
  }

  /// Asks once more where the server is lost meanwhile: without what it tells, a database is not made again as it was.
  ///
  /// - Throws: `DumpError`; `RunCancelled`.
  private func opening(_ context: HookContext) throws -> PostgreSQLDumpOpening {
    do { return try asked(context) } catch is PostgreSQLDumpFacts.Lost {}
    do { return try asked(context) } catch let lost as PostgreSQLDumpFacts.Lost {
      throw failure(lost.lines, lost.status)
    }
  }

  private func failure(_ lines: [String], _ status: ExitStatus?) -> DumpError {
    .programFailed(identity, program: "psql", status: status ?? .exited(2), lines: PostgreSQLFailure.told(lines))
  }

  private func asked(_ context: HookContext) throws -> PostgreSQLDumpOpening {
    var session: PostgreSQLConversation?
    let server = try PostgreSQLDumpFacts(scope, of: entry) { question, columns in
      if case .database(let name) = scope { session = try conversations.session(in: name, context) }
      return try ask(question, columns: columns, in: session, context)
    }
    return PostgreSQLDumpOpening(server: server, session: session)
  }

  func start(context: HookContext) throws -> any RunningDump {
    if scope == .globals(withPasswords: nil) {
      var copy = self
      copy.scope = .globals(withPasswords: try mayReadPasswords(context))
      return try copy.start(context: context)
    }
    var format = format
    var facts = DumpFacts(identity: identity, format: format)
    if case .globals = scope { facts.format = DumpIdentity.globalsName }
    conversations.begin(identity)
    if isAlone { conversations.makeRoom() }
    let opening = try preparedOpening() ?? opening(context)
    let conversation = opening.session
    var server = opening.server
    facts.serverVersion = server.version
    facts.details = server.details
    if !isOfDatabase { facts.details[PostgreSQLDumpFacts.firstRoleKey] = try firstRole(opening.server, context) }
    if let limit = entry.maxReplicaLag {
      let lag = try replicaLag(server, conversation, context)
      facts.details[DumpFacts.replicaLagKey] = try lag.judged(by: limit, of: identity)
    }
    if let query = entry.versionQuery, case .database(let name) = scope {
      do {
        facts.details[DumpFacts.applicationVersionKey] = try applicationVersion(query, in: name, conversation, context)
        if facts.applicationVersion == nil { server.warnings.append(ApplicationVersion.warning("gives no row")) }
      } catch let error as RunCancelled {
        throw error
      } catch is PostgreSQLVersionQuery.NobodyToAskAs {
        server.warnings.append(ApplicationVersion.warning(PostgreSQLVersionQuery.nobody))
      } catch let end as PostgreSQLConversation.Ended {
        server.warnings.append(ApplicationVersion.warning("fails: \(PostgreSQLFailure.telling(end.lines))"))
      } catch {
        server.warnings.append(ApplicationVersion.warning("fails: \(Diagnosis(of: error).problem)"))
      }
    }
    let monetary = server.monetary ?? PostgreSQLPins.monetary.value
    if case .database(let name) = scope, session(server, name, context) != nil,
      monetary.isSame(as: PostgreSQLPins.monetary.value)
    {
      facts.details[PostgreSQLDumpFacts.monetaryKey] = PostgreSQLPins.monetary.value
    }
    var connection = connection
    // A program that cannot be run, or hangs, says more about it when it is to dump.
    if let version = facts.serverVersion, let client = try client(serverVersion: version, context: context) {
      connection = client.connection
      facts.clientVersion = client.version
    }
    server.warnings = warnings + server.warnings
    let census = try census(opening, context)
    if format == .directory {
      do {
        let arguments = arguments(format, server, context) + (census?.arguments ?? [])
        return try PostgreSQLFolder.dump(
          command: { [connection] in connection.command(program, arguments + ["--file", $0], context: context) },
          facts: facts, warnings: server.warnings, content: census, context: context)
      } catch DumpError.programFailed(_, _, _, let lines) where isKeptFromFolder(lines) {
        format = .custom
        facts.format = format.rawValue
        server.warnings.append(
          "Dumped in format custom: pg_dump_command runs pg_dump where, or as a user who, cannot write into the run's "
            + "folder")
      } catch let error as DumpError where census?.isCounting == true && error.isWorthARetry && !error.isOvertaken {
        census?.close()
        return try alone.start(context: context)
      }
    }
    let stream = try DumpStream(
      connection.command(
        program, arguments(format, server, context) + (census?.arguments ?? []), context: context), of: identity,
      context: context)
    let places = format == .custom ? BlockPlacesWatch() : nil
    let tar = format == .tar ? TarEndWatch() : nil
    let script = scriptCensus(facts)
    // pg_dump itself is believed: what it leaves out stands in the options, and nothing is counted then.
    let isOwn = entry.connection.override(of: .dump) != nil
    lazy var lacking = isOwn ? census?.lacking(in: places) : nil
    let details = { [entry] () -> [String: String] in
      guard let found = places?.places() else { return [:] }
      let half = found.blocks.isEmpty ? entry.emptyHalf?.detail ?? [:] : [:]
      return half.merging([BlockPlaces.key: found.text]) { $1 }.merging(lacking?.details ?? [:]) { $1 }
    }
    var hasBegun = false
    stream.observer = { bytes in
      if !hasBegun { census?.begin() }
      hasBegun = true
      places?.take(bytes)
      tar?.take(bytes)
      script?.write(bytes)
    }
    return StreamedDump(
      stream, facts: facts, program: "pg_dump", warnings: server.warnings + passwordWarnings,
      content: census ?? script, isAwaited: !isAlone && !isOfDatabase && conversations.areAwaited, details: details,
      remarks: { lacking.map { [$0.warning] } ?? [] },
      overtaken: { census?.overtaken(in: places?.smallTables()) ?? [] },
      missing: { try PostgreSQLStreamEnd.missing($0, facts) ?? places?.lacking() ?? tar?.lacking() })
  }

  private func mayReadPasswords(_ context: HookContext) throws -> Bool {
    do {
      return try PostgreSQLGlobalsPlan.mayReadPasswords(conversations, context)
    } catch let end as PostgreSQLConversation.Ended {
      throw failure(end.lines, end.status)
    }
  }

  /// - Returns: nil where the server does not tell.
  private func firstRole(_ server: PostgreSQLDumpFacts, _ context: HookContext) throws -> String? {
    guard server.isKnown else { return nil }
    do {
      return try ask(PostgreSQLDumpFacts.firstRole, columns: 1, in: nil, context).first?[0]?.text
    } catch let end as PostgreSQLConversation.Ended {
      guard end.isLost else { return nil }
      throw failure(end.lines, end.status)
    }
  }

  private var isOfDatabase: Bool { if case .database = scope { true } else { false } }

  /// What counts a script that holds more than one database: where it can be read as a server has it, in its own encoding, by what
  /// pg_dumpall writes since version 10.
  private func scriptCensus(_ facts: DumpFacts) -> PostgreSQLScriptCensus? {
    let isEncoded = entry.dumpOptions.contains { $0.begins(with: "-E") || $0.begins(with: "--encoding") }
    guard !isOfDatabase, !isRehearsal, entry.countPercentage > 0, !isEncoded,
      let major = facts.clientVersion.flatMap(PostgreSQLVersion.major(ofProgram:)), major >= 10
    else { return nil }
    return PostgreSQLScriptCensus()
  }

  /// Asks in a session in the database, or where there is none of one database, the server.
  private func ask(
    _ question: PostgreSQLStatement, columns: Int, in conversation: PostgreSQLConversation?, _ context: HookContext
  ) throws -> [PostgreSQLAnswer.Row] {
    if case .database(let name) = scope, let conversation {
      return try conversations.ask(question, columns: columns, in: conversation, of: name, context)
    }
    return try conversations.askServer(question, columns: columns, context)
  }

  private func replicaLag(
    _ server: PostgreSQLDumpFacts, _ conversation: PostgreSQLConversation?, _ context: HookContext
  ) throws -> ReplicaLag {
    let major = server.version.flatMap { PostgreSQLVersion.major($0[...]) } ?? 10
    let question = major < 10 ? PostgreSQLReplicaLag.oldQuestion : PostgreSQLReplicaLag.question
    do {
      return PostgreSQLReplicaLag.lag(try ask(question, columns: 3, in: conversation, context))
    } catch let error as RunCancelled {
      throw error
    } catch let end as PostgreSQLConversation.Ended {
      return .unknown(PostgreSQLFailure.telling(end.lines))
    } catch {
      return .unknown(Diagnosis(of: error).problem)
    }
  }

  private func applicationVersion(
    _ query: String, in database: String, _ conversation: PostgreSQLConversation?, _ context: HookContext
  ) throws -> String? {
    guard let conversation else { throw PostgreSQLConversation.Ended(lines: ["there is no session to ask in"]) }
    let rows = try conversations.ask(
      PostgreSQLVersionQuery.owner, columns: 1, in: conversation, of: database, context)
    guard let owner = rows.first?[0] else { throw PostgreSQLVersionQuery.NobodyToAskAs() }
    return try PostgreSQLVersionQuery(query).ask(entry.connection, in: database, as: owner, context)
  }

  /// What tells what is in the database, counted in the snapshot that pg_dump is to see where that can be.
  private func census(
    _ opening: PostgreSQLDumpOpening, _ context: HookContext
  ) throws -> PostgreSQLDumpCensus? {
    guard case .database(let name) = scope, let session = opening.session else { return nil }
    guard opening.server.role != nil, !isRehearsal else {
      conversations.giveBack(session)
      return nil
    }
    return try PostgreSQLDumpCensus(
      of: name, entry, in: session, opening.witness, conversations, isCounted: !isAlone, context: context)
  }

  /// Whether a command of the user's own could not make the folder, and would do without it: several jobs need one.
  private func isKeptFromFolder(_ lines: [String]) -> Bool {
    entry.connection.override(of: .dump) != nil && lines.contains { $0.holds("could not create directory") }
      && !entry.dumpOptions.contains { $0.begins(with: "-j") || $0.begins(with: "--jobs") }
  }

  /// The dump is in the encoding of what is dumped, whatever the user's sessions have.
  private func arguments(_ format: PostgreSQLOptions.Format, _ server: PostgreSQLDumpFacts, _ context: HookContext)
    -> [String]
  {
    let owner = entry.noOwner ? ["--no-owner"] : []
    let encoded = server.encoding.map { ["--encoding=" + $0] } ?? []
    switch scope {
    case .database(let name):
      // pg_dump has to be told the name from a connection string.
      let string = session(server, name, context) ?? PostgreSQLText.connectionString(name)
      let options = isRehearsal && isFolder ? Self.withoutJobs(entry.dumpOptions) : entry.dumpOptions
      return owner + ["--format", format.rawValue] + formatArguments(format) + encoded + options + [
        "--dbname=" + string
      ]
    case .server: return owner + encoded + all(server, context) + entry.dumpOptions
    case .globals(let withPasswords):
      return owner + ["--globals-only"] + encoded + all(server, context)
        + (withPasswords == false ? ["--no-role-passwords"] : [])
    }
  }

  private func all(_ server: PostgreSQLDumpFacts, _ context: HookContext) -> [String] {
    session(server, nil, context).map { ["--dbname=" + $0] } ?? []
  }

  /// A connection string that fixes the session; nil where the server has not shown that it takes one.
  private func session(_ server: PostgreSQLDumpFacts, _ database: String?, _ context: HookContext) -> String? {
    guard let role = server.role, context.environment["PGSERVICE"] == nil else { return nil }
    // What pg_dumpall writes is restored in sessions that it opens itself.
    // pg_dump looks for tables by patterns with the session's path, and for nothing else.
    let own = entry.choosesTables ? PostgreSQLPins.always : PostgreSQLPins.own
    let settings = own + (database == nil ? [] : [PostgreSQLPins.monetary])
    return connection.withRole(role, context).pinnedString(database, settings, readsBytes: false, context: context)
  }

  /// Several jobs need a folder.
  private static func withoutJobs(_ options: [String]) -> [String] {
    var rest: [String] = []
    var isNumber = false
    for option in options {
      defer { isNumber = option.isSame(as: "-j") || option.isSame(as: "--jobs") }
      if !isNumber && !option.begins(with: "-j") && !option.begins(with: "--jobs") { rest.append(option) }
    }
    return rest
  }

  /// Plain dumps get the statements that make room; the archive formats get theirs from pg_restore. Compressed dumps do
  /// not deduplicate; blocks are compressed after that.
  private func formatArguments(_ format: PostgreSQLOptions.Format) -> [String] {
    switch format {
    case .plain: ["--clean", "--if-exists"]
    case .custom, .directory: ["--compress", entry.compression.isSame(as: "none") ? "0" : entry.compression]
    case .tar: []
    }
  }

  /// Told at every run only to who asked for the globals; else when they are restored.
  private var passwordWarnings: [String] {
    guard scope == .globals(withPasswords: false), entry.globals == .always else { return [] }
    return ["The user may not read pg_authid, so the roles are saved without their passwords"]
  }

  private func client(serverVersion: String, context: HookContext) throws -> PostgreSQLClient? {
    let major = PostgreSQLVersion.major(serverVersion[...])
    do {
      return try PostgreSQLClient(
        program, of: connection, atLeast: major, wanted: major, installations: installations, context: context)
    } catch let error as PostgreSQLClient.TooOld {
      throw DumpError.misconfigured(
        identity,
        problem: "The server is version \(major ?? 0), and the newest \(program.rawValue) here is \(error.newest)",
        suggestion: PostgreSQLFailure.installation(major ?? 0))
    } catch is LaunchError {
      return nil
    } catch is CommandTimedOut {
      return nil
    }
  }
}
