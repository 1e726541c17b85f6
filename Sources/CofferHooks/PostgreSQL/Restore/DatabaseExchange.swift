import CofferSystem
import Glibc

/// Gives a database that is whole the name of the one that it replaces, in one transaction: whoever connects under that
/// name gets the old one or the new one, at every moment, also when this program or the server is killed.
///
/// PostgreSQL renames a database only when nobody is connected to it. The renaming session lets nobody in any more and
/// waits a few seconds for those who are there; meanwhile another session ends theirs. So no client that reconnects
/// quickly can win the race.
struct DatabaseExchange {
  let identity: DumpIdentity
  let final: String
  /// The number of the database that had the name when this restore began; nil when there was none.
  let old: UInt32?
  let survey: PostgreSQLSurvey
  let connection: PostgreSQLConnection
  let context: HookContext
  /// What is to hold for the new database from that moment on: its comment, for example.
  let statements: [PostgreSQLStatement]

  /// Seconds after which it is given up.
  static let patience: Double = 30

  /// Somebody did not go in time.
  struct InTheWay: Error {
    let lines: [String]
    /// Who is connected, as the server shows it.
    let sessions: [String]
  }

  /// The name belongs to a database that somebody has made meanwhile.
  struct NotTheSame: Error {}

  /// - Throws: `InTheWay`; `NotTheSame`; `RestoreError`; `RunCancelled`. Whether it has happened all the same, when the
  ///   connection broke at the very end, is to be looked up.
  func run(_ token: RestoreToken) throws {
    let deadline = context.clock.steadySeconds() + Self.patience
    while true {
      try context.cancellation.check()
      do {
        return try attempt(token)
      } catch let error as RestoreError {
        let sessions = sessionsInTheWay()
        guard case .programFailed(_, _, _, let lines) = error else { throw error }
        if Self.isAnother(lines) { throw NotTheSame() }
        guard !sessions.isEmpty else { throw error }
        guard context.clock.steadySeconds() < deadline else { throw InTheWay(lines: lines, sessions: sessions) }
      }
    }
  }

  private func attempt(_ token: RestoreToken) throws {
    var steps: [PostgreSQLStatement] = ["SET LOCAL lock_timeout = '10s'"]
    if let old {
      steps += [
        Self.proof(that: final, is: old),
        "ALTER DATABASE \(identifier: final) RENAME TO \(identifier: token.oldName)",
        // Nobody renames it any more; until here, another one could have got the name.
        Self.proof(that: token.oldName, is: old),
        "COMMENT ON DATABASE \(identifier: token.oldName) IS \(literal: token.mark)",
      ]
    }
    steps += ["ALTER DATABASE \(identifier: token.newName) RENAME TO \(identifier: final)"] + statements
    endSessions()
    // It is short, and half of it is worth nothing: a request to stop is heard before and after.
    var uninterrupted = context
    uninterrupted.cancellation = try Cancellation()
    let script = try ScriptClient(
      database: survey.workplace, connection: connection, of: identity, watch: endSessions,
      context: uninterrupted)
    for step in steps { try (step.bytes + ";\n".utf8).withUnsafeBytes { try script.write($0) } }
    try script.finish()
  }

  private static let sign = "is another database by now"

  /// A statement that fails, in words of our own, unless the database of a name is the one that is meant: one that was
  /// dropped and made anew has another number.
  static func proof(that name: String, is oid: UInt32) -> PostgreSQLStatement {
    """
    SELECT (CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_database d WHERE d.datname = \(literal: name) AND d.oid = \(oid))
    THEN '0' ELSE \(literal: "the name " + sign) END)::pg_catalog.int4
    """
  }

  /// Whether a failure is that of `proof`.
  static func isAnother(_ lines: [String]) -> Bool { lines.contains { $0.holds(sign) } }

  /// Ends the sessions in the old database that the user may end; with the others the attempt fails.
  private func endSessions() {
    guard let old else { return }
    let sql: PostgreSQLStatement = """
      SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a
      LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid
      WHERE a.datid = \(old) AND a.pid <> pg_catalog.pg_backend_pid() AND (\(survey.isSuperuser)
      OR NOT r.rolsuper AND (pg_catalog.pg_has_role(a.usesysid, 'USAGE')
      OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')))
      """
    _ = try? connection.query(sql, database: survey.workplace, isCleanup: true, context: context)
  }

  private func sessionsInTheWay() -> [String] {
    guard let old else { return [] }
    return PostgreSQLSessions(in: old, from: survey.workplace, connection, context).descriptions
  }
}
