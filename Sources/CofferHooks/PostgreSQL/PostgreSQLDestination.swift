import CofferSystem

/// The database that a restore goes into, as it is before.
struct PostgreSQLDestination: Sendable {
  enum State {
    case missing
    /// Made, but without content.
    case empty
    case filled
  }

  let name: String
  let state: State
  let serverMajor: Int?
  /// The schemas that it has.
  let schemas: Set<String>

  /// Numbers below 16384 are those of objects that every database is born with (FirstNormalObjectId).
  private static let question = """
    SELECT current_setting('server_version'), (SELECT (SELECT count(*) FROM pg_largeobject_metadata) + count(*) FROM (
    SELECT oid FROM pg_class UNION ALL SELECT oid FROM pg_proc UNION ALL SELECT oid FROM pg_type
    UNION ALL SELECT oid FROM pg_namespace UNION ALL SELECT oid FROM pg_extension) objects WHERE oid >= 16384)
    UNION ALL SELECT nspname, 0 FROM pg_namespace
    """

  /// Looks at the database, or, when it is missing, whether the user may make it.
  ///
  /// - Throws: `RestoreError.refused`.
  init(_ name: String, connection: PostgreSQLConnection, of identity: DumpIdentity, context: HookContext) throws {
    self.name = name
    let result = try connection.query(Self.question, database: name, context: context)
    if result.status.isSuccess {
      let rows = result.text.split(separator: "\n").map { $0.split(separator: "\u{1f}") }
      serverMajor = (rows.first?.first).flatMap { PostgreSQLVersion.major($0) }
      state = rows.first?.last == "0" ? .empty : .filled
      schemas = Set(rows.dropFirst().compactMap { $0.first.map(String.init) })
      return
    }
    // Asked rather than read from the message, which comes in the server's language.
    let sql = """
      SELECT current_setting('server_version'), rolsuper OR rolcreatedb,
      EXISTS (SELECT FROM pg_database WHERE datname = \(PostgreSQLText.literal(name)))
      FROM pg_roles WHERE rolname = current_user
      """
    let answer = try connection.queryServer(sql, context: context)
    let fields = answer.text.split(whereSeparator: { $0 == "\n" || $0 == "\u{1f}" })
    guard answer.status.isSuccess, fields.count == 3, fields[2] == "f" else {
      throw RestoreError.refused(
        identity, problem: result.errorLines.last ?? "psql failed",
        suggestion: ClientFailure.suggestion(result.errorLines))
    }
    guard fields[1] == "t" else {
      throw RestoreError.refused(
        identity, problem: "the database is missing and the user may not create it",
        suggestion: "Create the database, or grant the user CREATEDB")
    }
    serverMajor = PostgreSQLVersion.major(fields[0])
    state = .missing
    schemas = ["public"]
  }
}
