import CofferSystem

/// The drill of a PostgreSQL dump on a server of the user's own, in a database of a name that nobody else has.
///
/// As long as it is there, a session holds an advisory lock for it; so the next run can tell those of runs that were killed. What the restore
/// itself makes meanwhile, the next restore knows and removes (`RestoreToken`).
final class PostgreSQLServerDrill: DrillPlace {
  private let name: DrillName
  private let connection: PostgreSQLConnection
  private let survey: PostgreSQLSurvey
  private let keeper: RestoreKeeper
  private let context: HookContext
  private let questions: PostgreSQLDrillQuestions
  let target: RestoreTarget

  /// - Parameter server: Where it is, as `ServerEntry.drillTarget` says.
  /// - Throws: `DrillError`; `LaunchError`; `RunCancelled`.
  init(of facts: DumpFacts, on server: RestoreTarget, _ connection: PostgreSQLConnection, _ context: HookContext) throws
  {
    let name = DrillName()
    self.name = name
    self.connection = connection
    self.context = context
    let token = RestoreToken(mark: name.mark)
    guard case .success(let survey) = try PostgreSQLSurvey.ask(about: name.text, connection, context),
      let keeper = RestoreKeeper(token, in: survey.workplace, connection, context)
    else {
      throw DrillError.impossible(
        facts.identity,
        problem: "the server of verify_hostname, \(connection.place), does not answer, or holds no lock",
        suggestion: Self.advice)
    }
    self.survey = survey
    self.keeper = keeper
    questions = PostgreSQLDrillQuestions(
      database: name.text, connection: connection, context: context, leavesOwners: true)
    var target = server
    target.databaseName = name.text
    target.leavesOwners = true
    target.isDrill = true
    self.target = target
    try removeLeftovers()
  }

  private static let advice = "Correct verify_hostname, verify_port, verify_username and verify_password"

  let isConfigured = true

  var version: String { "PostgreSQL \(survey.version / 10_000) at \(connection.place)" }

  var warnings: [String] { [Self.rights(survey, at: connection.place).warning].compactMap(\.self) }

  /// Whether the user may restore dumps there, and more.
  static func rights(
    of identity: DumpIdentity, _ user: String?, at connection: PostgreSQLConnection, _ context: HookContext
  ) throws -> DrillRights {
    switch try PostgreSQLSurvey.ask(about: DrillName().text, connection, context) {
    case .success(let survey): return rights(survey, at: connection.place)
    case .failure(let failure):
      return DrillRights(
        of: user, at: connection.place, .tooLittle,
        (["It does not answer"] + failure.lines).joined(separator: ": "),
        remedy: identity.advice.suggestion(failure.lines) ?? advice)
    }
  }

  private static func rights(_ survey: PostgreSQLSurvey, at place: String) -> DrillRights {
    if survey.isStandby || survey.isReadOnly { return .readOnly(survey.user, at: place) }
    guard survey.mayCreateDatabases else {
      return DrillRights(
        of: survey.user, at: place, .tooLittle, "It may not create databases, and 'verify' restores into its own",
        remedy: "As an administrator: ALTER ROLE \(Quoting.postgresqlIdentifier(survey.user)) CREATEDB")
    }
    guard survey.isSuperuser else {
      return DrillRights(of: survey.user, at: place, .enough, "it may create databases, and is no superuser")
    }
    return DrillRights(
      of: survey.user, at: place, .more,
      "It is a superuser: what is restored there, and verify_queries, may do anything to the server",
      remedy: "Set verify_username to one who is none: CREATE ROLE verifier LOGIN CREATEDB")
  }

  func findings(of facts: DumpFacts) throws -> DrillFindings { try questions.findings(of: facts.identity) }

  func answer(to statement: String, of facts: DumpFacts) throws -> String {
    try questions.answer(to: statement, of: facts.identity)
  }

  private(set) var remains: String?

  func remove() {
    drop(name)
    keeper.release()
    if !isGone { remains = name.remains(at: connection.place) }
  }

  private var isGone: Bool {
    let question: PostgreSQLStatement = """
      SELECT pg_catalog.count(*) FROM pg_catalog.pg_database d WHERE d.datname = \(literal: name.text)
      """
    let result = try? connection.query(question, database: survey.workplace, isCleanup: true, context: context)
    return result.flatMap { PostgreSQLAnswer($0, columns: 1)?.rows.first?[0]?.text } == "0"
  }

  // MARK: - What runs leave that were killed

  private func removeLeftovers() throws {
    let question: PostgreSQLStatement = """
      SELECT \(PostgreSQLAnswer.text("d.datname")) FROM pg_catalog.pg_database d
      WHERE d.datname LIKE 'coffer\\_verify\\_%' AND pg_catalog.pg_has_role(d.datdba, 'USAGE')
      """
    let result = try connection.query(question, database: survey.workplace, context: context)
    let names = (PostgreSQLAnswer(result, columns: 1)?.rows ?? []).compactMap { $0[0]?.text.flatMap { DrillName($0) } }
    for other in names where !(try isHeld(other)) { drop(other) }
  }

  private func isHeld(_ other: DrillName) throws -> Bool {
    let key = RestoreToken(mark: other.mark).lock
    let question: PostgreSQLStatement = """
      SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1
      AND ((l.classid::pg_catalog.int8 << 32) | l.objid::pg_catalog.int8)::pg_catalog.text = \(literal: "\(key)")
      """
    let result = try connection.query(question, database: survey.workplace, context: context)
    // What is not known is left alone.
    return PostgreSQLAnswer(result, columns: 1)?.rows.first?[0]?.text.map { $0 != "0" } ?? true
  }

  /// With the sessions in it, and without the publishers that its subscriptions name.
  private func drop(_ name: DrillName) {
    let subscriptions = try? connection.query(
      """
      SELECT \(PostgreSQLAnswer.text("s.subname")) FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d
      ON d.oid = s.subdbid WHERE d.datname = pg_catalog.current_database()
      """, database: name.text, isCleanup: true, context: context)
    let rows = subscriptions.flatMap { PostgreSQLAnswer($0, columns: 1)?.rows } ?? []
    for subscription in rows.compactMap({ $0[0] }) {
      for change in ["DISABLE", "SET (slot_name = NONE)"] as [PostgreSQLStatement] {
        clean("ALTER SUBSCRIPTION \(identifier: subscription) \(change)", in: name.text)
      }
      clean("DROP SUBSCRIPTION \(identifier: subscription)", in: name.text)
    }
    guard survey.version < 130_000 else {
      return clean("DROP DATABASE IF EXISTS \(identifier: name.text) WITH (FORCE)", in: survey.workplace)
    }
    clean(
      """
      SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a
      WHERE a.datname = \(literal: name.text)
      """, in: survey.workplace)
    clean("DROP DATABASE IF EXISTS \(identifier: name.text)", in: survey.workplace)
  }

  /// What cannot be removed now, the next run finds.
  private func clean(_ statement: PostgreSQLStatement, in database: String) {
    _ = try? connection.query(statement, database: database, isCleanup: true, context: context)
  }
}
