import CofferSystem

/// The restore of a dump: loaded into scratch databases, then put in place of what is there.
struct MariaDBRestore: PlannedRestore {
  private let facts: DumpFacts
  private let entry: MariaDBEntry
  private let session: MariaDBSession
  private let server: MariaDBChecks.Server
  /// As the server spells it.
  private let databaseName: String
  /// Of a drill; nil for a restore for good.
  private let mark: String?
  private let isDrill: Bool
  let warnings: [String]

  private var identity: DumpIdentity { facts.identity }
  private var isWholeServer: Bool { identity.database.isSame(as: "all") }
  private var isAccounts: Bool { entry.isAccounts(identity.database) }

  /// Checks programs, connection and permissions.
  init(facts: DumpFacts, entry: MariaDBEntry, target: RestoreTarget, context: HookContext) throws {
    self.facts = facts
    self.entry = entry
    mark = target.mark
    isDrill = target.isDrill
    let (options, warnings) = Self.strict(entry.restoreOptions)
    session = MariaDBSession(
      identity: facts.identity, connection: entry.connection, options: options, context: context)
    let name = target.databaseName ?? facts.identity.database
    try Self.checkTarget(target, facts.identity, entry)
    let checks = MariaDBChecks(session: session, entry: entry)
    server = try checks.server()
    databaseName = try checks.spelling(of: name, server)
    // What is restored now needs no other restore.
    let isReplaced = Self.replaced(databaseName, facts.identity, isAccounts: entry.isAccounts(facts.identity.database))
    let unmade = server.unmadeViews.filter { !isReplaced($0.database) }.map(\.warning)
    self.warnings =
      warnings + entry.warnings + server.warnings + unmade + MariaDBLosses(facts.details).restoreWarnings
      + [facts.details[MariaDBDump.triggersKey]].compactMap(\.self).map {
        "'\($0)' left the triggers out of the dump: the tables come back without any"
      }
    if isWholeServer || isAccounts {
      try checks.mayChangeAccounts(server, isNeeded: entry.dialect.dumpsAccounts)
    }
    guard !isAccounts else { return }
    try checks.mayRestore(databaseName, isWholeServer: isWholeServer, server)
    try checks.refuseHalf(facts, isWholeServer ? nil : databaseName, server)
  }

  /// Tells whether a database of the server is one that is put in place anew. Which ones a dump of a whole server has is not
  /// known before it is read.
  private static func replaced(
    _ databaseName: String, _ identity: DumpIdentity, isAccounts: Bool
  ) -> (String) -> Bool {
    { name in !isAccounts && !identity.database.isSame(as: "all") && name.isSame(as: databaseName) }
  }

  var summary: String {
    if isAccounts { return "\(identity.title) -> users, roles and servers at \(session.connection.place)" }
    if isWholeServer {
      return "\(identity.title) -> every database of it at \(session.connection.place), "
        + "put in place of the ones of the same names once all are loaded"
    }
    let exists = server.databases.contains(ExactName(databaseName))
    let isPart = facts.details[MariaDBDump.partKey] != nil || entry.leavesPart(of: facts.identity.database)
    let replaced =
      isPart ? "the tables of it are replaced, and what it does not have stays" : "its contents are replaced"
    let end = exists ? replaced : "created: it is missing there"
    return "\(identity.title) -> '\(databaseName)' at \(session.connection.place) (\(end))"
  }

  var wantsFolder: Bool { false }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    try start(folder: folder, before: [], context: context)
  }

  func start(folder: String?, before later: [any PlannedRestore], context: HookContext) throws -> any RunningRestore {
    var rules = MariaDBScript.Rules(mark: mark ?? MariaDBScratch.mark())
    rules.leavesEvents = mark != nil
    rules.isOfOne = !isWholeServer && !isAccounts
    rules.takesAccounts = (isWholeServer || isAccounts) && entry.dialect.dumpsAccounts
    rules.countsMissingRights = isAccounts && isDrill
    rules.makesDefiners = isDrill
    rules.actsForInvokers = mark != nil
    rules.leavesDirectories = isDrill || mark != nil
    rules.foldsCase = server.facts.foldsCase
    rules.rehearsesViews = !isWholeServer
    rules.seal = server.facts.seal
    // Dumps of before this was looked at when they were made.
    let isPart = facts.details[MariaDBDump.partKey] != nil
    rules.isPart = { [entry] in isPart || entry.leavesPart(of: $0) }
    rules.target = targetName
    let snapshot = MariaDBSnapshot(entry: entry, identity: identity, rules: rules, context: context)
    return MariaDBRunningRestore(
      MariaDBScript(rules), session: session, snapshot: snapshot, server: server.facts,
      sharedRights: rules.takesAccounts ? MariaDBSharedRights(facts.details).statements : [],
      isLater: isRestored(by: later), warnings: warnings)
  }

  /// Tells whether a database of this server is one that others restore.
  private func isRestored(by others: [any PlannedRestore]) -> (String) -> Bool {
    let folds = server.facts.foldsCase
    func key(_ name: String) -> ExactName { ExactName(folds ? name.lowercased() : name) }
    let place = session.connection.place
    let known = Set(
      others.compactMap { $0 as? MariaDBRestore }
        .filter { !$0.isWholeServer && !$0.isAccounts && $0.session.connection.place.isSame(as: place) }
        .map { key($0.databaseName) })
    return { known.contains(key($0)) }
  }

  /// Gives the name that a database of the dump is restored under.
  private var targetName: @Sendable (String) throws -> String {
    let (dumped, target, server) = (identity.database, databaseName, server)
    let checks = MariaDBChecks(session: session, entry: entry)
    if isWholeServer { return { name in try checks.spelling(of: name, server) } }
    return { name in
      guard name.lowercased().isSame(as: dumped.lowercased()) else {
        throw StatementSplitter.Unreadable(problem: "it holds the database '\(name)' besides '\(dumped)'")
      }
      return target
    }
  }

  /// A client that goes on after errors would report half a restore as a whole one.
  static func strict(_ options: [String]) -> (options: [String], warnings: [String]) {
    let kept = options.filter { !["--force", "-f"].contains($0) }
    let note = "restore_options: --force is left out; a restore is whole or changes nothing"
    return (kept, kept == options ? [] : [note])
  }

  static func checkTarget(
    _ target: RestoreTarget, _ identity: DumpIdentity, _ entry: MariaDBEntry
  ) throws(RestoreError) {
    func refuse(_ problem: String, _ suggestion: String) throws(RestoreError) {
      throw .refused(identity, problem: problem, suggestion: suggestion)
    }
    let isOne = !identity.database.isSame(as: "all") && !entry.isAccounts(identity.database)
    guard isOne else {
      if target.databaseName != nil { try refuse("it is more than one database", "Leave the other name out") }
      return
    }
    let name = target.databaseName ?? identity.database
    if MariaDBScript.isSystem(name) {
      try refuse("'\(name)' is the server's own database", "Restore it under another name, and copy what you need")
    }
    if name.unicodeScalars.count > 64 {
      try refuse("names of databases have at most 64 characters", "Choose a shorter one")
    }
    if name.isEmpty || name.unicodeScalars.contains("\0") || name.ends(with: " ") {
      try refuse("no database can have the name '\(name)'", "Choose another one")
    }
  }
}
