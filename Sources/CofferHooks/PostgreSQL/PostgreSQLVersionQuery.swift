import CofferSystem

/// Asks for an application's version, with the rights of the database's owner and no others.
///
/// Whoever owns what the query reads says what it does: in the place of a table he may put a view that calls his functions. A role
/// that is only set is taken off again by such a function (`set_config('role', 'none')`), which then has the rights of
/// whoever connects. So the query is what a function of the owner's does that has its owner's rights (SECURITY
/// DEFINER): in it the server refuses to set another role or session user
/// (https://www.postgresql.org/docs/current/sql-set-role.html). All of it is in a transaction that is rolled back, and
/// that only reads from where the owner's function is called.
struct PostgreSQLVersionQuery {
  private let query: String

  init(_ query: String) {
    self.query = query
  }

  /// The database's owner, unless that is a superuser, or the user who connects may not become him.
  static let owner: PostgreSQLStatement = """
    SELECT \(PostgreSQLAnswer.text("r.rolname")) FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r
    ON r.oid OPERATOR(pg_catalog.=) d.datdba WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
    AND NOT r.rolsuper AND pg_catalog.pg_has_role(r.oid, 'MEMBER')
    """

  /// What is said where nobody is there to ask as.
  static let nobody =
    "is not asked: the database's owner is a superuser, or one whom the user who connects may not become. Give the database "
    + "an owner who is neither (ALTER DATABASE ... OWNER TO ...), or leave version_query out"

  /// Nobody's rights can be had that are no superuser's.
  struct NobodyToAskAs: Error {}

  /// Seconds for the answer.
  private static let patience = 30

  /// The statements before the one that answers.
  func preparation(as owner: ServerText) -> [PostgreSQLStatement] {
    let body: PostgreSQLStatement =
      "DECLARE answer text; BEGIN EXECUTE \(literal: query) INTO answer; RETURN answer; END"
    return [
      "BEGIN", "SELECT pg_catalog.set_config('role', \(literal: owner), true)",
      """
      CREATE FUNCTION pg_temp.coffer_version() RETURNS pg_catalog.text LANGUAGE plpgsql SECURITY DEFINER \
      AS \(literal: ServerText(body.bytes))
      """,
      "SELECT pg_catalog.set_config('role', 'none', true)", "SET TRANSACTION READ ONLY",
    ]
  }

  static let answer = "SELECT pg_temp.coffer_version()"
  static let end = "ROLLBACK"

  /// - Returns: What is kept of the answer; nil for none.
  /// - Throws: `PostgreSQLConversation.Ended`; `LaunchError`; `CommandTimedOut`; `RunCancelled`.
  func ask(
    _ connection: PostgreSQLConnection, in database: String, as owner: ServerText, _ context: HookContext
  ) throws -> String? {
    let own = PostgreSQLPins.Setting(name: "statement_timeout", value: "\(Self.patience)000")
    // As the database has them for everybody, its search path too: names of the user's query are found.
    let settings = PostgreSQLPins.always.filter { $0.name != own.name } + [own]
    let session = PostgreSQLSession(database, connection, settings: settings, context)
    let statements = preparation(as: owner).compactMap(\.text)
    let steps = statements.map { PostgreSQLSession.Step.statement($0) } + [.end, .statement(Self.answer)]
    let result = try context.launcher.run(
      session.command(steps + [.statement("\\o /dev/null"), .statement(Self.end)]), outputLimit: 1 << 16,
      seconds: Double(4 * Self.patience), cancellation: context.cancellation)
    guard result.status.isSuccess else { throw PostgreSQLConversation.Ended(result) }
    return ApplicationVersion.kept(result.text.lines().first)
  }
}
