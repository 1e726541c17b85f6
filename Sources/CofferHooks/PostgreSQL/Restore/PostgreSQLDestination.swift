import CofferSystem

/// The database that a restore goes into, and its server, as they are before.
struct PostgreSQLDestination: Sendable {
  enum State {
    case missing
    /// Made, but without content.
    case empty
    case filled
  }

  let name: String
  let state: State
  /// The schemas that it has.
  let schemas: Set<ServerText>
  /// What another database of the server tells; nil where the user cannot connect to one.
  let survey: PostgreSQLSurvey?
  /// Extensions of it that the user could not make again.
  let foreignExtensions: [String]
  /// Extensions of it that belong to somebody else, so that the user may not replace them either.
  let keptExtensions: [ServerText]
  /// The role that a session of our own has in it, as the setting has it; nil where it is missing.
  let role: String?
  private let version: Int?

  var serverMajor: Int? { version.map { $0 / 10_000 } }

  /// Numbers below 16384 are those of objects that every database is born with (FirstNormalObjectId).
  private static let question: PostgreSQLStatement = """
    SELECT pg_catalog.current_setting('server_version_num'),
    (SELECT (SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata) + pg_catalog.count(*) FROM (
    SELECT oid FROM pg_catalog.pg_class UNION ALL SELECT oid FROM pg_catalog.pg_proc
    UNION ALL SELECT oid FROM pg_catalog.pg_type UNION ALL SELECT oid FROM pg_catalog.pg_namespace
    UNION ALL SELECT oid FROM pg_catalog.pg_extension) objects WHERE oid >= 16384),
    pg_catalog.pg_is_in_recovery() OR pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool,
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') OR EXISTS (
    SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND pg_catalog.has_schema_privilege(n.oid, 'CREATE')),
    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'
    AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')),
    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_'),
    \(PostgreSQLAnswer.text("pg_catalog.current_setting('role')"))
    UNION ALL SELECT \(PostgreSQLAnswer.text("n.nspname")), 0, NULL, NULL, NULL, NULL, NULL FROM pg_catalog.pg_namespace n
    """

  /// Looks at the database, or, when it is missing, whether the user may make it.
  ///
  /// - Throws: `RestoreError.refused`.
  init(_ name: String, connection: PostgreSQLConnection, of identity: DumpIdentity, context: HookContext) throws {
    self.name = name
    let answer = try PostgreSQLSurvey.ask(about: name, connection, context)
    if case .failure(let unanswered) = answer, unanswered.isLost { throw Self.unanswered(unanswered.lines, identity) }
    let survey = try? answer.get()
    self.survey = survey
    if let survey, survey.database == nil {
      try Self.checkWritable(survey.isStandby || survey.isReadOnly, name, connection, identity)
      guard survey.mayCreateDatabases else {
        throw RestoreError.refused(
          identity, problem: "the database '\(name)' is missing and the user \(survey.user) may not create it",
          suggestion: "Create the database, or grant the user CREATEDB")
      }
      (state, schemas, foreignExtensions, keptExtensions) = (.missing, [ServerText("public")], [], [])
      (version, rights, role) = (survey.version, nil, nil)
      return
    }
    let result = try connection.query(Self.question, database: name, context: context)
    let rows = PostgreSQLAnswer(result, columns: 7)?.rows ?? []
    guard let facts = rows.first?.map({ $0?.text }) else {
      var lines = result.errorLines
      // Where no database answers, the first complaint is the one about the server.
      if survey == nil, case .failure(let unanswered) = answer, lines.isEmpty { lines = unanswered.lines }
      throw Self.unanswered(lines, identity)
    }
    version = facts[0].flatMap { Int($0) }
    state = facts[1] == "0" ? .empty : .filled
    schemas = Set(rows.dropFirst().compactMap { $0[0] })
    role = facts[6]
    try Self.checkWritable(facts[2] == "t", name, connection, identity)
    foreignExtensions =
      survey?.isSuperuser == false && (version ?? 0) >= 130_000
      ? try Self.foreignExtensions(in: name, connection, identity, context) : []
    keptExtensions = survey?.isSuperuser == true ? [] : try Self.keptExtensions(in: name, connection, identity, context)
    rights = Rights(
      mayCreate: facts[3] == "t", foreignTables: facts[4].flatMap { Int($0) } ?? 0,
      tables: facts[5].flatMap { Int($0) } ?? 0)
  }

  private static func unanswered(_ lines: [String], _ identity: DumpIdentity) -> RestoreError {
    .refused(identity, problem: PostgreSQLFailure.telling(lines), suggestion: identity.advice.suggestion(lines))
  }

  /// - Throws: `RestoreError` where the server was lost as it was asked. What it refuses to tell is left open.
  private static func checkAnswered(_ result: CommandResult, _ identity: DumpIdentity) throws {
    guard !result.status.isSuccess, PostgreSQLFailure.isLost(result.status, result.errorLines) else { return }
    throw unanswered(result.errorLines, identity)
  }

  /// What the user may do in the database itself.
  private struct Rights {
    let mayCreate: Bool
    let foreignTables: Int
    let tables: Int
  }

  private let rights: Rights?

  /// Looks whether objects can be replaced in the database itself.
  ///
  /// - Throws: `RestoreError.refused` where none can be.
  func checkRights(_ identity: DumpIdentity) throws {
    guard let rights else { return }
    guard rights.mayCreate else {
      throw RestoreError.refused(
        identity, problem: "the user may create nothing in the database '\(name)'",
        suggestion: "Connect as the database's owner or as a superuser (--username)")
    }
    guard rights.tables == 0 || rights.foreignTables < rights.tables else {
      throw RestoreError.refused(
        identity,
        problem: "every table of the database '\(name)' belongs to somebody else, and only its owner may replace it",
        suggestion: "Connect as the owner or as a superuser (--username)")
    }
  }

  private static func checkWritable(
    _ isReadOnly: Bool, _ name: String, _ connection: PostgreSQLConnection, _ identity: DumpIdentity
  ) throws {
    guard isReadOnly else { return }
    throw RestoreError.refused(
      identity, problem: "the server at \(connection.place) is a standby or read-only, and takes no restore",
      suggestion: "Restore to the primary server (--hostname)")
  }

  private static func keptExtensions(
    in name: String, _ connection: PostgreSQLConnection, _ identity: DumpIdentity, _ context: HookContext
  ) throws -> [ServerText] {
    let sql: PostgreSQLStatement = """
      SELECT \(PostgreSQLAnswer.text("e.extname")) FROM pg_catalog.pg_extension e
      WHERE e.extname <> 'plpgsql' AND NOT pg_catalog.pg_has_role(e.extowner, 'USAGE')
      """
    let result = try connection.query(sql, database: name, context: context)
    try checkAnswered(result, identity)
    return PostgreSQLAnswer(result, columns: 1)?.rows.compactMap { $0[0] } ?? []
  }

  private static func foreignExtensions(
    in name: String, _ connection: PostgreSQLConnection, _ identity: DumpIdentity, _ context: HookContext
  ) throws -> [String] {
    let sql: PostgreSQLStatement = """
      SELECT \(PostgreSQLAnswer.text("e.extname")) FROM pg_catalog.pg_extension e
      LEFT JOIN pg_catalog.pg_available_extension_versions v ON v.name = e.extname AND v.version = e.extversion
      WHERE e.extname <> 'plpgsql' AND (v.superuser IS NULL OR v.superuser AND NOT v.trusted) ORDER BY e.extname
      """
    let result = try connection.query(sql, database: name, context: context)
    try checkAnswered(result, identity)
    return PostgreSQLAnswer(result, columns: 1)?.rows.compactMap { $0[0]?.shown } ?? []
  }
}
