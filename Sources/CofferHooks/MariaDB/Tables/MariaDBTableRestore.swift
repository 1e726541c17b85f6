import CofferSystem

/// The restore of some tables of a dump into a database that is there, by what restores whole databases: loaded into a scratch
/// database, then put in place.
struct MariaDBTableRestore: PlannedRestore {
  private let facts: DumpFacts
  private let entry: MariaDBEntry
  private let session: MariaDBSession
  private let server: MariaDBChecks.Server
  private let selection: TableSelection
  private let choice: MariaDBTableChoice
  private let warnings: [String]
  let parts: [Range<UInt64>]?

  private var identity: DumpIdentity { facts.identity }

  /// Checks programs, connection, permissions, and what is in the database.
  ///
  /// - Throws: `RestoreError`; `LaunchError`.
  init(
    _ selection: TableSelection, of facts: DumpFacts, from dump: any StoredDump, to target: RestoreTarget,
    entry: MariaDBEntry, context: HookContext
  ) throws {
    self.facts = facts
    self.entry = entry
    self.selection = selection
    let identity = facts.identity
    guard !identity.database.isSame(as: "all"), !entry.isAccounts(identity.database) else {
      throw RestoreError.refused(
        identity, problem: "tables can be chosen from dumps of one database",
        suggestion: "Give 'name: all' a format: then each database has a dump of its own")
    }
    let (options, warnings) = MariaDBRestore.strict(entry.restoreOptions)
    session = MariaDBSession(
      identity: identity, connection: entry.connection, options: options, context: context)
    try MariaDBRestore.checkTarget(target, identity, entry)
    let checks = MariaDBChecks(session: session, entry: entry)
    server = try checks.server()
    let database = try checks.spelling(of: target.databaseName ?? identity.database, server)
    self.warnings = warnings + entry.warnings + server.warnings
    guard server.databases.contains(ExactName(database)) else {
      throw RestoreError.refused(
        identity, problem: "there is no database '\(Quoting.terminal(database))' for a table to come to",
        suggestion: "Restore the database whole, without --table, or make one")
    }
    try checks.mayRestore(database, isWholeServer: false, server)
    if selection.replaces { try checks.refuseHalf(facts, database, server) }
    let naming = MariaDBTableNaming(selection.names, identity)
    let newName = try selection.newName.map { name throws(RestoreError) in
      try MariaDBTableNaming.newName(name, identity)
    }
    let places = MariaDBTablePlaces(facts, dumpSize: dump.size)
    let names = try places.map { places throws(RestoreError) in try naming.chosen(of: places.places.map(\.name)) }
    choice = MariaDBTableChoice(
      isChosen: { table in names.map { $0.contains(ExactName(table)) } ?? naming.mayMean(table) }, target: database,
      newName: newName, replaces: selection.replaces, names: names,
      hasSharedCheckNames: !server.facts.version.holds("MariaDB"))
    parts = places.flatMap { places in names.map { places.stretches(of: $0) } }
    if let names {
      if selection.replaces { try refuseEmpty(names) }
      guard newName == nil || names.count == 1 else {
        throw RestoreError.refused(
          identity, problem: "\(names.count) tables would be restored under the same name",
          suggestion: "Choose one with --table")
      }
      try checkStanding(newName.map { [ExactName($0)] } ?? names.sorted())
    } else if let newName {
      try checkStanding([ExactName(newName)])
    }
  }

  /// No table whose rows options leave out takes the place of another, unless the dump has some of them.
  private func refuseEmpty(_ names: Set<ExactName>) throws(RestoreError) {
    for name in names.sorted() {
      guard let option = entry.option(leavingRowsOf: name.text, in: identity.database) else { continue }
      let shown = MariaDBStreamCensus.shown(identity.database, name.text)
      guard facts.content?.tables.first(where: { $0.name.isSame(as: shown) })?.rows ?? 0 == 0 else { continue }
      throw .refused(
        identity,
        problem: "'\(option)' leaves the rows of \(shown) out of dumps, and those that are there would be gone",
        suggestion: "Leave --replace-tables out, and give it another name with --table-as")
    }
  }

  private func checkStanding(_ names: [ExactName]) throws {
    let keys = try MariaDBNames(session: session).keys(of: names)
    let catalogue = try MariaDBCatalogue(of: [choice.target], query: session.query)
    let wanted = Set(names.map { keys[$0] ?? $0 })
    let views = catalogue.views.filter { wanted.contains($0.key) }
    guard views.isEmpty else { throw Self.isNoTable(views.map(\.name), identity) }
    let tables = catalogue.tables.filter { wanted.contains($0.key) }
    guard choice.replaces || tables.isEmpty else { throw Self.isThere(tables.map(\.name), identity) }
  }

  static func isThere(_ names: [String], _ identity: DumpIdentity) -> RestoreError {
    .refused(
      identity, problem: "it is there already: " + names.map { Quoting.terminal($0) }.joined(separator: ", "),
      suggestion: "Restore it beside that under another name with --table-as, or put it in its place with "
        + "--replace-tables, which drops what is there now")
  }

  static func isNoTable(_ names: [String], _ identity: DumpIdentity) -> RestoreError {
    .refused(
      identity,
      problem: "what is there already is no table: " + names.map { Quoting.terminal($0) }.joined(separator: ", "),
      suggestion: "Restore the table under another name with --table-as")
  }

  var summary: String {
    let names = choice.names.map { $0.sorted().map(\.text) } ?? selection.names
    let new = choice.newName.map { " as \(Quoting.terminal($0)), without triggers and foreign keys" } ?? ""
    let end = choice.replaces ? "in place of what is there, once loaded" : "once loaded"
    return "table \(names.map { Quoting.terminal($0) }.joined(separator: ", "))\(new) of \(identity.title) -> "
      + "'\(Quoting.terminal(choice.target))' at \(session.connection.place) (\(end))"
  }

  func content(of dump: DumpContent) -> DumpContent? {
    guard let names = choice.names else { return nil }
    let chosen = Set(names.map { ExactName(MariaDBStreamCensus.shown(identity.database, $0.text)) })
    return DumpContent(tables: dump.tables.filter { chosen.contains(ExactName($0.name)) })
  }

  var wantsFolder: Bool { false }

  func start(folder: String?, context: HookContext) throws -> any RunningRestore {
    var rules = MariaDBScript.Rules(mark: MariaDBScratch.mark())
    rules.isOfOne = true
    rules.foldsCase = server.facts.foldsCase
    rules.seal = server.facts.seal
    rules.tables = choice
    let (dumped, target) = (identity.database, choice.target)
    rules.target = { name in
      guard name.lowercased().isSame(as: dumped.lowercased()) else {
        throw StatementSplitter.Unreadable(problem: "it holds the database '\(name)' besides '\(dumped)'")
      }
      return target
    }
    let snapshot = MariaDBSnapshot(entry: entry, identity: identity, rules: rules, context: context)
    return MariaDBRunningRestore(
      MariaDBScript(rules), session: session, snapshot: snapshot, server: server.facts, sharedRights: [],
      isLater: { _ in false }, warnings: warnings)
  }
}
