import CofferSystem

/// The drill of a dump by MariaDB's programs on a server of the user's own, in a database of a name that nobody else has.
///
/// It is made first of all, and as long as it is there a session holds a lock of its name; so the next run can tell those of runs that were
/// killed, with the databases that the restore itself works in, whose names hold the same digits.
final class MariaDBServerDrill: DrillPlace {
  private let name: DrillName
  private let session: MariaDBSession
  private let holder: MariaDBLoad
  private let census = MariaDBStreamCensus()
  let target: RestoreTarget
  let version: String
  let warnings: [String]
  private let place: String

  /// Seconds until a lock that nobody else can want is held.
  private static let patience: Double = 20

  /// - Parameter server: Where it is, as `ServerEntry.drillTarget` says.
  /// - Throws: `DrillError`; `RestoreError`; `LaunchError`; `RunCancelled`.
  init(of facts: DumpFacts, on server: RestoreTarget, _ entry: MariaDBEntry, _ context: HookContext) throws {
    let name = DrillName()
    self.name = name
    place = entry.connection.place
    session = Self.session(entry, facts.identity, context)
    version = "\(try session.query("SELECT VERSION()", 1).first?.first ?? "a server") at \(entry.connection.place)"
    warnings = [try Self.rights(session).warning].compactMap(\.self)
    var target = server
    target.databaseName = name.text
    target.mark = name.mark
    self.target = target
    holder = try session.input()
    let lock = Quoting.mariadbLiteral(name.text)
    do {
      // It says nothing for as long as the restore takes.
      try Array("SET SESSION wait_timeout = 2000000;\nDO GET_LOCK(\(lock), 0);\n".utf8).withUnsafeBytes(holder.write)
      try holder.flush()
      let deadline = context.clock.steadySeconds() + Self.patience
      while try !isHeld(name) {
        guard context.clock.steadySeconds() < deadline else {
          throw DrillError.impossible(
            facts.identity,
            problem: "the server of verify_hostname, \(entry.connection.place), gives no lock (GET_LOCK)",
            suggestion: nil)
        }
        try context.cancellation.sleep(0.05)
      }
      for other in try Self.left(session) where !(try isHeld(other)) { drop(other) }
      _ = try session.query("CREATE DATABASE \(Quoting.mariadbIdentifier(name.text))", 0)
    } catch {
      holder.abandon()
      throw error
    }
  }

  private static func session(
    _ entry: MariaDBEntry, _ identity: DumpIdentity, _ context: HookContext
  ) -> MariaDBSession {
    MariaDBSession(
      identity: identity, connection: entry.connection,
      options: MariaDBRestore.strict(entry.restoreOptions).options, context: context)
  }

  /// Whether the user may restore dumps there, and more.
  ///
  /// - Throws: `RestoreError`; `LaunchError`; `RunCancelled`.
  static func rights(of identity: DumpIdentity, _ entry: MariaDBEntry, _ context: HookContext) throws -> DrillRights {
    try rights(session(entry, identity, context))
  }

  private static func rights(_ session: MariaDBSession) throws -> DrillRights {
    let place = session.connection.place
    let facts = try MariaDBServerFacts(session.query)
    if facts.isReadOnly { return .readOnly(facts.account, at: place) }
    let databases = [DrillName().text, MariaDBScratch.name(MariaDBScratch.mark(), 1, .new)]
    guard databases.allSatisfy({ MariaDBChecks.mayDoAll(facts.grants, on: $0) }) else {
      return DrillRights(
        of: facts.account, at: place, .tooLittle,
        "It may not make databases called coffer_..., and 'verify' restores into such ones",
        remedy: "As an administrator: GRANT ALL ON \(MariaDBScratch.pattern) TO \(facts.account)")
    }
    let rights = try session.query(MariaDBServerRights.question, 1).compactMap(\.first)
    guard let right = MariaDBServerRights.first(beyondReading: rights) else {
      return DrillRights(
        of: facts.account, at: place, .enough,
        "it may make databases called coffer_..., and has no right over the whole server but to read")
    }
    return DrillRights(
      of: facts.account, at: place, .more,
      "It has \(Quoting.terminal(right)) over the whole server, and what is restored there, and verify_queries, have it, too",
      remedy: "Set verify_username to one who has not: GRANT ALL ON \(MariaDBScratch.pattern) TO verifier")
  }

  private func isHeld(_ name: DrillName) throws -> Bool {
    try session.query("SELECT IS_USED_LOCK(\(Quoting.mariadbLiteral(name.text))) IS NOT NULL", 1).first?.first
      .map { $0.isSame(as: "1") } ?? true
  }

  /// Databases of drills, whether they are on their way or not.
  private static func left(_ session: MariaDBSession) throws -> [DrillName] {
    try session.query("SHOW DATABASES", 1).compactMap { $0.first.flatMap { DrillName($0) } }
  }

  private func drop(_ name: DrillName) {
    let names = MariaDBScratch.Use.allCases.map { MariaDBScratch.name(name.mark, 1, $0) } + [name.text]
    var script = SealedScript(.immediate)
    script.append(
      own: MariaDBSwap.preamble
        + names.map { "DROP DATABASE IF EXISTS \(Quoting.mariadbIdentifier($0));\n" }.joined())
    // What cannot be removed now, the next run finds.
    try? session.unstoppable().run(script)
  }

  // MARK: - The place

  let isConfigured = true

  var observer: (any ByteSink)? { census }

  private func questions(_ facts: DumpFacts) -> MariaDBDrillQuestions {
    MariaDBDrillQuestions(
      database: name.text, dumped: facts.identity.database, session: session, hasEvents: false)
  }

  func findings(of facts: DumpFacts) throws -> DrillFindings {
    var dumped = census.content
    let events = dumped?.objects.removeValue(forKey: "event") ?? 0
    return DrillFindings(
      content: try questions(facts).content(), dumped: dumped,
      warnings: events > 0 ? ["Its events were not made: the server would run them"] : [])
  }

  func answer(to statement: String, of facts: DumpFacts) throws -> String {
    try questions(facts).answer(to: statement, of: facts.identity)
  }

  private(set) var remains: String?

  func remove() {
    drop(name)
    holder.abandon()
    if (try? Self.left(session.unstoppable()))?.contains(name) ?? true { remains = name.remains(at: place) }
  }
}
