import CofferSystem
import FoundationEssentials

/// Ends a restore in place that waits too long for a lock: whoever wants to read a table waits behind it meanwhile.
///
/// A setting of the session could not do it, because dumps begin by setting lock_timeout to nothing.
final class LockWatch {
  private struct Waiting: Decodable {
    let pid: Int
    /// When its statement began, which tells one wait from the next.
    let statement: String
    /// Who is before it.
    let blockers: [Int]
  }

  private let token: RestoreToken
  private let workplace: String
  private let connection: PostgreSQLConnection
  private let context: HookContext
  private var lastLook = -Double.infinity
  private var statement: String?
  private var since: Double = 0
  /// Who was in the way when the restore was ended; empty when it was not.
  private(set) var holders: [String] = []

  /// Seconds that one lock is waited for.
  static let patience: Double = 20
  private static let interval: Double = 2

  init(_ token: RestoreToken, from workplace: String, _ connection: PostgreSQLConnection, _ context: HookContext) {
    self.token = token
    self.workplace = workplace
    self.connection = connection
    self.context = context
  }

  /// To be called again and again while the restore runs.
  func look() {
    let now = context.clock.steadySeconds()
    guard holders.isEmpty, now - lastLook >= Self.interval else { return }
    lastLook = now
    guard let waiting = ask() else {
      statement = nil
      return
    }
    guard let known = statement, known.isSame(as: waiting.statement) else {
      (statement, since) = (waiting.statement, now)
      return
    }
    guard now - since >= Self.patience else { return }
    holders = PostgreSQLSessions(of: waiting.blockers, from: workplace, connection, context).descriptions
    if holders.isEmpty { holders = waiting.blockers.map { "pid \($0)" } }
    _ = try? connection.query(
      "SELECT pg_catalog.pg_terminate_backend(\(waiting.pid))", database: workplace, isCleanup: true, context: context)
  }

  private func ask() -> Waiting? {
    let sql: PostgreSQLStatement = """
      SELECT pg_catalog.json_build_object('pid', a.pid, 'statement', a.query_start::pg_catalog.text,
      'blockers', pg_catalog.pg_blocking_pids(a.pid))
      FROM pg_catalog.pg_stat_activity a WHERE a.application_name = \(literal: token.sessionName)
      AND a.usename = current_user AND a.wait_event_type = 'Lock' LIMIT 1
      """
    let result = try? connection.query(sql, database: workplace, context: context)
    guard let result, result.status.isSuccess else { return nil }
    return try? JSONDecoder().decode(Waiting.self, from: Data(result.text.utf8))
  }
}
