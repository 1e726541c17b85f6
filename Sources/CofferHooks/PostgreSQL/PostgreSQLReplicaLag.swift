import CofferSystem

/// How far a standby lags behind its primary.
///
/// `pg_last_xact_replay_timestamp` alone tells of a primary on which nothing happens that it is far behind; so a standby that
/// has replayed all that it has received counts as current, as long as it still receives: one that is cut off has replayed
/// all of it, too.
enum PostgreSQLReplicaLag {
  /// Whether it is a standby, whether all is replayed and more would come, and seconds since the last transaction that was.
  static let question: PostgreSQLStatement = """
    SELECT pg_catalog.pg_is_in_recovery(),
    pg_catalog.pg_last_wal_receive_lsn() OPERATOR(pg_catalog.<=) pg_catalog.pg_last_wal_replay_lsn()
    AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver),
    pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-)
    pg_catalog.pg_last_xact_replay_timestamp())
    """

  /// The same for servers before version 10, which do not tell whether they receive.
  static let oldQuestion: PostgreSQLStatement = """
    SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_last_xlog_receive_location() OPERATOR(pg_catalog.=)
    pg_catalog.pg_last_xlog_replay_location(),
    pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-)
    pg_catalog.pg_last_xact_replay_timestamp())
    """

  static func lag(_ rows: [PostgreSQLAnswer.Row]) -> ReplicaLag {
    guard rows.count == 1, rows[0].count == 3, let isStandby = rows[0][0]?.text else {
      return .unknown("its answer is not what was asked for")
    }
    guard isStandby == "t" else { return .none }
    if rows[0][1]?.text == "t" { return .seconds(0) }
    guard let seconds = rows[0][2]?.text.flatMap({ Double($0) }), seconds.isFinite else {
      return .unknown("it receives nothing, and has replayed no transaction since it was started")
    }
    return .seconds(max(seconds, 0))
  }
}

extension PostgreSQLConnection {
  /// Asks for the application's version, in a session as the database has them for everybody, which only reads.
  ///
  /// - Parameter role: Whom to ask as; nil for the user who connects.
  /// - Returns: What is kept of the answer.
  /// - Throws: `PostgreSQLConversation.Ended`; `LaunchError`; `CommandTimedOut`; `RunCancelled`.
  func applicationVersion(
    _ query: String, in database: String, as role: String?, _ context: HookContext
  ) throws -> String? {
    let own = [
      PostgreSQLPins.Setting(name: "default_transaction_read_only", value: "on"),
      PostgreSQLPins.Setting(name: "statement_timeout", value: "30000"),
    ]
    let settings = PostgreSQLPins.always.filter { setting in !own.contains { $0.name == setting.name } } + own
    let session = PostgreSQLSession(database, withRole(role, context), settings: settings, context)
    let result = try context.launcher.run(
      session.command([.end, .statement(query)]), outputLimit: 1 << 16, cancellation: context.cancellation)
    guard result.status.isSuccess else { throw PostgreSQLConversation.Ended(lines: result.errorLines) }
    return ApplicationVersion.kept(result.text.lines().first?.parts(by: "\u{1f}").first)
  }

  /// The database's owner, unless that is a superuser, or the user who connects may not become him.
  static let versionRole: PostgreSQLStatement = """
    SELECT \(PostgreSQLAnswer.text("r.rolname")) FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r
    ON r.oid OPERATOR(pg_catalog.=) d.datdba WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
    AND NOT r.rolsuper AND pg_catalog.pg_has_role(r.oid, 'MEMBER')
    """
}
