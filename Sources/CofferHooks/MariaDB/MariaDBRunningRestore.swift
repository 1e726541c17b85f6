import CofferSystem

/// A restore on its way: loading, then the swap, then the accounts.
final class MariaDBRunningRestore: RunningRestore {
  private var script: MariaDBScript
  private let session: MariaDBSession
  private let snapshot: MariaDBSnapshot
  private let server: MariaDBServerFacts
  private let warnings: [String]
  /// Rights that everybody has, for a dump of accounts.
  private let sharedRights: [MariaDBStatement]
  /// Tells whether a database is restored later in the same run.
  private let isLater: (String) -> Bool
  /// Views that wait for such a database, with their settings.
  private var postponed: [MariaDBScript.StoredProgram] = []
  private var load: MariaDBLoad?
  private var keepsAsides = false
  private var isCleanedUp = false
  private var definers: MariaDBDefiners?

  private var identity: DumpIdentity { session.identity }
  private var seal: SealedScript.Seal { snapshot.rules.seal }

  init(
    _ script: MariaDBScript, session: MariaDBSession, snapshot: MariaDBSnapshot, server: MariaDBServerFacts,
    sharedRights: [MariaDBStatement], isLater: @escaping (String) -> Bool, warnings: [String]
  ) {
    self.server = server
    self.script = script
    self.session = session
    self.snapshot = snapshot
    self.sharedRights = sharedRights
    self.isLater = isLater
    self.warnings = warnings
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    do {
      try readable {
        try script.feed(bytes) { part in
          let client = try load ?? session.input()
          load = client
          try client.write(part)
        }
      }
    } catch {
      throw givenUp(error)
    }
  }

  /// Says which dump holds what cannot be run.
  private func readable<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as StatementSplitter.Unreadable {
      throw RestoreError.refused(
        identity, problem: error.problem, suggestion: "Extract it, look at it, and restore it by hand")
    } catch let error as SealedScript.Ambiguous {
      throw RestoreError.refused(
        identity, problem: "clients and the server could read '\(error.statement)' differently",
        suggestion: "Restore it to MariaDB from 10.6.2 on, or extract it, look at it, and restore it by hand")
    }
  }

  func finish() throws -> [String] {
    do {
      return try readable(restore).map { "\(identity.title): \($0)" }
    } catch {
      throw givenUp(error)
    }
  }

  private func restore() throws -> [String] {
    guard script.tables?.names == nil ? script.isComplete : script.isBetweenStatements else {
      throw RestoreError.refused(
        identity, problem: "the dump does not end with '\(StatementSplitter.endMark)'; it is cut short",
        suggestion: "Restore another archive")
    }
    guard !script.databases.isEmpty || !script.accounts.isEmpty else {
      throw RestoreError.refused(identity, problem: "the dump holds nothing", suggestion: nil)
    }
    try checkTables()
    if script.accounts.isEmpty, snapshot.rules.makesDefiners { try makeDefiners(among: nil) }
    try rehearse()
    try load?.finish()
    load = nil
    // Written down before anything changes: it may fail.
    let accounts = try script.accounts.isEmpty ? nil : accountsRestore()
    if accounts != nil {
      try makeDefiners(
        among: snapshot.rules.makesDefiners ? nil : Set(script.accounts.compactMap(MariaDBAccounts.made)))
    }
    let notes = try script.databases.isEmpty ? [] : swap()
    let complaints = try accounts.map(run) ?? []
    return warnings + passedOver + lostViews + leadingBack + notes + cleanUp() + complaints
  }

  private func makeDefiners(among known: Set<MariaDBAccounts.Account>?) throws {
    definers = try MariaDBDefiners(
      of: script.programs, among: known, on: script.databases.map(\.target), session: session)
  }

  /// Whether the tables that were chosen have all come.
  private func checkTables() throws {
    guard let choice = script.tables else { return }
    let found = script.databases.reduce(into: Set<ExactName>()) { $0.formUnion($1.tables) }
    guard !found.isEmpty, choice.names?.isSubset(of: found) ?? true else {
      let missing = (choice.names ?? []).subtracting(found).sorted().map { Quoting.terminal($0.text) }
      throw RestoreError.refused(
        identity,
        problem: "the dump has no such table" + (missing.isEmpty ? "" : ": " + missing.joined(separator: ", ")),
        suggestion: "Look what it has with 'coffer dump'")
    }
    guard choice.newName == nil || found.count == 1 else {
      throw RestoreError.refused(
        identity, problem: "\(found.count) tables would be restored under the same name",
        suggestion: "Choose one with --table")
    }
  }

  /// What is there may have come since the restore was planned.
  private func checkStanding(_ swap: MariaDBSwap) throws {
    guard let choice = script.tables else { return }
    let views = swap.catalogue.views.filter(Set(swap.moves.map(\.to)).contains)
    guard views.isEmpty else { throw MariaDBTableRestore.isNoTable(views.map(\.name), identity) }
    guard choice.replaces || swap.standing.isEmpty else {
      throw MariaDBTableRestore.isThere(swap.standing.map(\.name), identity)
    }
  }

  /// Tries views, triggers and routines in the scratch databases.
  private func rehearse() throws {
    guard script.hasRehearsals, let load else { return }
    for statement in script.rehearsals {
      try SealedScript.sealed(statement, seal).withUnsafeBytes { try load.write($0) }
    }
  }

  func abandon() { _ = givenUp(RunCancelled()) }

  /// Removes what was made.
  ///
  /// - Returns: The error, with what is left where the server does not answer any more.
  private func givenUp(_ error: any Error) -> any Error {
    load?.abandon()
    load = nil
    definers?.remove()
    guard let left = cleanUp().first else { return error }
    return switch error {
    case RestoreError.programFailed(let identity, let program, let status, let lines):
      RestoreError.notRestored(
        identity, standing: "the database is as it was",
        problem: "\(ClientFailure.problem(program, status, lines)); \(left)",
        suggestion: identity.advice.suggestion(lines))
    case RestoreError.endedInPart(let identity, let problem, let suggestion):
      RestoreError.endedInPart(identity, problem: "\(problem); \(left)", suggestion: suggestion)
    default: error
    }
  }

  /// Of dumps that were taken before that was looked at.
  private var lostViews: [String] {
    var places = MariaDBHeldPlaces()
    for program in script.programs { places.take(program.statement) }
    guard script.tables == nil, let lost = places.lost else { return [] }
    return ["The dump has only the places of \(lost), which give ones or nothing: take them from another archive"]
  }

  private var passedOver: [String] {
    script.passedOver.sorted().map { "The tables of the server's own database '\($0)' were not restored" }
  }

  private var leadingBack: [String] {
    guard let database = script.databases.first else { return [] }
    return script.leadingBack.map {
      "The \($0.title) names the database '\(database.name)': in '\(database.target)' it works on that one too, "
        + "until it is written anew"
    }
  }

  private func accountsRestore() throws -> MariaDBAccountsRestore {
    try MariaDBAccountsRestore(script.accounts, shared: sharedRights, session: session, snapshot: snapshot)
  }

  /// - Returns: Warnings.
  private func run(_ accounts: MariaDBAccountsRestore) throws -> [String] {
    do {
      return try accounts.run()
    } catch RestoreError.notRestored(_, let found, let problem, let suggestion) where !script.databases.isEmpty {
      throw RestoreError.endedInPart(
        identity, problem: "the databases are restored, \(found): \(problem)", suggestion: suggestion)
    }
  }

  private func catalogue(_ session: MariaDBSession) throws -> MariaDBCatalogue {
    let databases = script.databases.flatMap { [$0.target, $0.scratch, $0.aside] }
    return try MariaDBCatalogue(of: databases, query: session.query)
  }

  // MARK: - The swap

  /// - Returns: Warnings.
  private func swap() throws -> [String] {
    let names = MariaDBNames(session: session)
    try names.checkDistinct(script.databases, identity)
    let catalogue = try catalogue(session)
    let missing = script.databases.filter { catalogue.properties[ExactName($0.target)] == nil }
    let existing = script.databases.map(\.target).filter { catalogue.properties[ExactName($0)] != nil }
    let old = try existing.isEmpty ? [] : programs(of: existing, catalogue)
    try checkWritten(old, of: existing, catalogue)
    try checkDefiners(script.programs + old)
    let views = MariaDBPostponedViews(script.programs, isLater: isLater)
    let rights = try MariaDBRoutineRights(on: existing, session: session, seal: seal)
    var swap = MariaDBSwap(
      databases: script.databases, catalogue: catalogue, programs: views.now,
      viewKeys: try names.keys(of: script.databases.flatMap(\.views)), seal: seal)
    swap.isOfTables = script.tables != nil
    if let choice = script.tables, let name = choice.newName.map({ ExactName($0) }) {
      swap.newName = MariaDBCatalogue.Object(
        database: choice.target, name: name.text, key: try names.keys(of: [name])[name])
    }
    try checkStanding(swap)
    let moving = try swap.script()
    try session.context.cancellation.check()
    let unstoppable = try session.unstoppable()
    var created: [String] = []
    // From here on what is set aside may be all that there is of the old.
    keepsAsides = true
    do {
      for database in missing {
        try unstoppable.run(swap.creation(of: database))
        created.append(database.target)
      }
      try unstoppable.run(moving)
    } catch let error as any DiagnosableError {
      let undo = MariaDBUndo(
        swap: swap, session: unstoppable, snapshot: snapshot.on(unstoppable.context), created: created, programs: old,
        isMariaDB: server.version.holds("MariaDB"))
      try report(undo.run(), after: error, rights.restore(catalogue.routines))
    }
    keepsAsides = false
    postponed = views.later
    let now: MariaDBCatalogue
    do {
      now = try self.catalogue(unstoppable)
    } catch {
      return rights.restore(catalogue.routines)
        + ["The databases are in place, but could not be looked at afterwards: \(RestoreError.cause(of: error))"]
    }
    return rights.restore(now.routines) + (rights.areKnown ? [] : unseenRights(catalogue)) + sleeping(now)
      + waiting(views.waiting)
  }

  /// Programs whose text the user may not see could not be put back, if the swap failed.
  ///
  /// - Throws: `RestoreError.refused`.
  private func checkWritten(
    _ old: [MariaDBScript.StoredProgram], of databases: [String], _ catalogue: MariaDBCatalogue
  ) throws(RestoreError) {
    let written = Set(old.compactMap(\.object))
    let targets = Set(databases.map { ExactName($0) })
    let unwritten = catalogue.programs.first {
      targets.contains(ExactName($0.database)) && !written.contains($0)
    }
    guard let unwritten else { return }
    throw .refused(
      identity, problem: "the \(unwritten.title) that is there could not be written down, and could not be put back",
      suggestion: "Let the user see it (SHOW CREATE), or drop it before")
  }

  /// What is to be put back if need be. Dump programs leave out views that refer to what is gone; the server has them.
  private func programs(of databases: [String], _ catalogue: MariaDBCatalogue) throws -> [MariaDBScript.StoredProgram] {
    let known = try snapshot.programs(of: databases)
    let names = Set(known.compactMap(\.object))
    let targets = Set(databases.map(ExactName.init))
    let views = catalogue.views.filter { targets.contains(ExactName($0.database)) }
    let rest = try views.compactMap { view -> [MariaDBScript.StoredProgram]? in
      let name = ProgramName(type: "VIEW", database: view.database, name: view.name)
      guard !names.contains(name), let row = try session.query("SHOW CREATE VIEW \(view.quoted)", 4).first else {
        return nil
      }
      let use = MariaDBStatement("USE \(Quoting.mariadbIdentifier(view.database))")
      return [.init(object: nil, statement: use), .init(object: name, statement: MariaDBStatement(row[1]))]
    }
    return known + rest.flatMap(\.self)
  }

  /// Only some may make what acts for others; who may not could not put back either what is there.
  private func checkDefiners(_ programs: [MariaDBScript.StoredProgram]) throws {
    let rights = ["SUPER", "SET USER", "SET_USER_ID", "SET_ANY_DEFINER"]
    guard !rights.contains(where: server.grants.hasEverywhere) else { return }
    let others = programs.filter { program in
      program.statement.definer.map { !$0.quoted.asciiLowercased.isSame(as: server.account.asciiLowercased) } ?? false
    }
    guard let first = others.first, let object = first.object, let definer = first.statement.definer else { return }
    // They may have been granted since the restore was planned.
    guard try !rights.contains(where: MariaDBGrants(session.query("SHOW GRANTS", 1).compactMap(\.first)).hasEverywhere)
    else { return }
    let right = server.version.holds("MariaDB") ? "SET USER" : "SET_USER_ID"
    throw RestoreError.refused(
      identity,
      problem: "the \(object.title) acts for \(definer.quoted), and the user may not make what acts for others",
      suggestion: "As an administrator: GRANT \(right) ON *.* TO \(server.account)")
  }

  func makePostponed() throws -> [String] {
    guard !postponed.isEmpty else { return [] }
    let waiting = postponed
    postponed = []
    var sealed = SealedScript(seal)
    try readable { for program in waiting { try sealed.append(program.statement) } }
    let complaints: [String]
    do {
      complaints = try session.unstoppable().runEach(sealed).map { complaint in
        "\(complaint.statement.map(\.head) ?? "a statement"): \(complaint.message)"
      }
    } catch let error as any DiagnosableError {
      complaints = [Self.cause(error).problem]
    }
    guard complaints.isEmpty else {
      throw RestoreError.endedInPart(
        identity,
        problem: "views of other databases could not be made; until they are, they have no rows, or are missing: "
          + complaints.joined(separator: "; "),
        suggestion: "Restore it again when what they read is there")
    }
    return []
  }

  /// Said before the others are restored: that may take long, and be interrupted.
  private func waiting(_ views: [ProgramName]) -> [String] {
    guard !views.isEmpty else { return [] }
    let names = views.map(\.quoted).joined(separator: ", ")
    return ["Until this run has restored the databases that they read, these views have no rows: \(names)"]
  }

  private func unseenRights(_ before: MariaDBCatalogue) -> [String] {
    let targets = Set(script.databases.map { ExactName($0.target) })
    guard before.routines.contains(where: { targets.contains(ExactName($0.database)) }) else { return [] }
    return ["The user may not see mysql.procs_priv: rights that accounts had on single routines may be lost"]
  }

  /// Events of a replica's dump are disabled, so that they do not act twice.
  private func sleeping(_ now: MariaDBCatalogue) -> [String] {
    let targets = Set(script.databases.map { ExactName($0.target) })
    return now.sleepingEvents.filter { targets.contains(ExactName($0.database)) }.map {
      "The event \($0.name) is disabled, as the dump is a replica's; where this is no replica: ALTER EVENT \($0.quoted) ENABLE"
    }
  }

  /// Says what is there after a swap that failed.
  private func report(
    _ outcome: MariaDBUndo.Outcome, after error: any DiagnosableError, _ lostRights: [String]
  ) throws -> Never {
    keepsAsides = outcome.hasAsides
    let (problem, suggestion) = Self.cause(error)
    let differences = outcome.differences + lostRights
    guard !differences.isEmpty || outcome.hasAsides else {
      throw RestoreError.notRestored(
        identity,
        standing: "the database is as it was (its tables, views, triggers, routines and events were looked at)",
        problem: problem, suggestion: suggestion)
    }
    let asides = script.databases.map(\.aside).joined(separator: ", ")
    throw RestoreError.endedInPart(
      identity,
      problem: "\(problem); and not everything is as it was: \(differences.prefix(20).joined(separator: "; "))",
      suggestion: outcome.hasAsides
        ? "The tables that are missing are in the databases \(asides)" : "Mend by hand what is named")
  }

  /// What was wrong, without what a client's failure says of the database: other things have been done by then.
  static func cause(_ error: any DiagnosableError) -> (problem: String, suggestion: String?) {
    if case RestoreError.programFailed(_, let program, let status, let lines) = error {
      return (ClientFailure.problem(program, status, lines), error.diagnosis.suggestion)
    }
    return (error.diagnosis.problem, error.diagnosis.suggestion)
  }

  /// - Returns: Warnings.
  private func cleanUp() -> [String] {
    let names = script.databases.flatMap { keepsAsides ? [$0.scratch] : [$0.scratch, $0.aside] }
    guard !names.isEmpty, !isCleanedUp else { return [] }
    isCleanedUp = true
    do {
      try session.unstoppable().run(MariaDBSwap.cleanup(names, seal: seal))
      return []
    } catch {
      return ["some of the databases \(names.joined(separator: ", ")) may be left: drop them by hand"]
    }
  }
}
