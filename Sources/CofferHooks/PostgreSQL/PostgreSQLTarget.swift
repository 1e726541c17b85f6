import CofferSystem

/// The server that a restore goes to, and what its user may do there.
struct PostgreSQLTarget: Sendable, Equatable {
  let user: ServerText
  let isSuperuser: Bool
  let mayCreateRoles: Bool
  let mayCreateDatabases: Bool
  /// Whether it follows another server, and takes changes from nobody else.
  let isStandby: Bool
  /// As the server tells it, for example `15.18 (Debian 15.18-0+deb12u1)`.
  let version: String
  /// The database that pg_cron is bound to: its extension can be made in no other.
  let cronDatabase: ServerText?

  var major: Int? { PostgreSQLVersion.major(version[...]) }

  private static let question: PostgreSQLStatement = """
    SELECT \(PostgreSQLAnswer.text("r.rolname")), r.rolsuper, r.rolcreaterole, r.rolcreatedb,
    pg_catalog.pg_is_in_recovery(), \(PostgreSQLAnswer.text("pg_catalog.current_setting('server_version')")),
    \(PostgreSQLAnswer.text("pg_catalog.current_setting('cron.database_name', true)"))
    FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user
    """

  /// - Throws: `RestoreError.refused` when the server does not answer.
  init(_ connection: PostgreSQLConnection, of identity: DumpIdentity, context: HookContext) throws {
    let result = try connection.queryServer(Self.question, context: context)
    guard let row = PostgreSQLAnswer(result, columns: 7)?.rows.first, let name = row[0] else {
      throw RestoreError.refused(
        identity, problem: PostgreSQLFailure.telling(result.errorLines),
        suggestion: identity.advice.suggestion(result.errorLines))
    }
    let isTrue = row.map { $0?.text == "t" }
    user = name
    isSuperuser = isTrue[1]
    mayCreateRoles = isTrue[2]
    mayCreateDatabases = isTrue[1] || isTrue[3]
    isStandby = isTrue[4]
    version = row[5]?.text ?? ""
    cronDatabase = row[6]
  }

  /// - Throws: `RestoreError.refused` for a server that takes no changes.
  func checkItTakesChanges(of identity: DumpIdentity) throws {
    guard isStandby else { return }
    throw RestoreError.refused(
      identity, problem: "the server is a standby, which takes no changes but those of its primary",
      suggestion: "Restore to the primary (--hostname), or promote this server first")
  }

  /// A replication slot of a database; it goes with the database.
  struct Slot: Sendable, Equatable {
    let name: ServerText
    let database: ServerText
  }

  /// - Parameter database: The only one to look at; nil for all.
  /// - Throws: `RestoreError.programFailed`.
  static func slots(
    _ connection: PostgreSQLConnection, database: ServerText? = nil, of identity: DumpIdentity, context: HookContext
  ) throws -> [Slot] {
    let sql: PostgreSQLStatement = """
      SELECT \(PostgreSQLAnswer.text("s.slot_name")), \(PostgreSQLAnswer.text("s.database"))
      FROM pg_catalog.pg_replication_slots s WHERE s.database IS NOT NULL ORDER BY s.slot_name
      """
    let result = try connection.queryServer(sql, context: context)
    guard let answer = PostgreSQLAnswer(result, columns: 2) else {
      throw RestoreError.programFailed(identity, program: "psql", status: result.status, lines: result.errorLines)
    }
    let slots = answer.rows.compactMap { row in
      row[0].flatMap { name in row[1].map { Slot(name: name, database: $0) } }
    }
    return slots.filter { database == nil || $0.database == database }
  }
}
