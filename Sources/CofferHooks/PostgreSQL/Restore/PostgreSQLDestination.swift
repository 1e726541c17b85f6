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
  let schemas: Set<String>
  /// What another database of the server tells; nil where the user cannot connect to one.
  let survey: PostgreSQLSurvey?
  /// Extensions of it that the user could not make again.
  let foreignExtensions: [String]
  private let version: Int?

  var serverMajor: Int? { version.map { $0 / 10_000 } }

  /// Numbers below 16384 are those of objects that every database is born with (FirstNormalObjectId).
  private static let question = """
    SELECT current_setting('server_version_num'), (SELECT (SELECT count(*) FROM pg_largeobject_metadata) + count(*) FROM (
    SELECT oid FROM pg_class UNION ALL SELECT oid FROM pg_proc UNION ALL SELECT oid FROM pg_type
    UNION ALL SELECT oid FROM pg_namespace UNION ALL SELECT oid FROM pg_extension) objects WHERE oid >= 16384),
    pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean,
    has_database_privilege(current_database(), 'CREATE') OR EXISTS (SELECT FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND has_schema_privilege(oid, 'CREATE')),
    (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid >= 16384
    AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND NOT pg_has_role(c.relowner, 'USAGE')),
    (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid >= 16384
    AND c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_')
    UNION ALL SELECT nspname, 0, NULL, NULL, NULL, NULL FROM pg_namespace
    """

  /// Looks at the database, or, when it is missing, whether the user may make it.
  ///
  /// - Throws: `RestoreError.refused`.
  init(_ name: String, connection: PostgreSQLConnection, of identity: DumpIdentity, context: HookContext) throws {
    self.name = name
    let answer = try PostgreSQLSurvey.ask(about: name, connection, context)
    let survey = try? answer.get()
    self.survey = survey
    if let survey, survey.database == nil {
      try Self.checkWritable(survey.isStandby || survey.isReadOnly, name, connection, identity)
      guard survey.mayCreateDatabases else {
        throw RestoreError.refused(
          identity, problem: "the database '\(name)' is missing and the user \(survey.user) may not create it",
          suggestion: "Create the database, or grant the user CREATEDB")
      }
      (state, schemas, foreignExtensions, version, rights) = (.missing, ["public"], [], survey.version, nil)
      return
    }
    let result = try connection.query(Self.question, database: name, context: context)
    let rows = result.text.lines().map { $0.parts(by: "\u{1f}") }
    guard result.status.isSuccess, let facts = rows.first, facts.count == 6 else {
      var lines = result.errorLines
      // Where no database answers, the first complaint is the one about the server.
      if survey == nil, case .failure(let unanswered) = answer, lines.isEmpty { lines = unanswered.lines }
      throw RestoreError.refused(
        identity, problem: PostgreSQLFailure.telling(lines),
        suggestion: ClientFailure.suggestion(lines))
    }
    version = Int(facts[0])
    state = facts[1] == "0" ? .empty : .filled
    schemas = Set(rows.dropFirst().compactMap(\.first))
    try Self.checkWritable(facts[2] == "t", name, connection, identity)
    foreignExtensions =
      survey?.isSuperuser == false && (version ?? 0) >= 130_000
      ? try Self.foreignExtensions(in: name, connection, context) : []
    rights = Rights(mayCreate: facts[3] == "t", foreignTables: Int(facts[4]) ?? 0, tables: Int(facts[5]) ?? 0)
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

  private static func foreignExtensions(
    in name: String, _ connection: PostgreSQLConnection, _ context: HookContext
  ) throws -> [String] {
    let sql = """
      SELECT e.extname FROM pg_extension e LEFT JOIN pg_available_extension_versions v
      ON v.name = e.extname AND v.version = e.extversion
      WHERE e.extname <> 'plpgsql' AND (v.superuser IS NULL OR v.superuser AND NOT v.trusted) ORDER BY 1
      """
    let result = try connection.query(sql, database: name, context: context)
    return result.status.isSuccess ? result.text.lines() : []
  }
}
