import CofferSystem
import FoundationEssentials

/// Who is connected to a database, for messages about who is in the way.
struct PostgreSQLSessions {
  /// One text for each, the longest transaction first.
  let descriptions: [String]

  private struct Session: Decodable {
    let pid: Int
    let user: String?
    let application: String?
    let client: String?
    let state: String?
    let kind: String?
    /// Seconds since its transaction began.
    let since: Double?
  }

  /// - Parameters:
  ///   - database: Its number.
  ///   - workplace: The database to ask in.
  init(in database: UInt32, from workplace: String, _ connection: PostgreSQLConnection, _ context: HookContext) {
    self.init(where: "a.datid = \(database)", workplace, connection, context)
  }

  /// - Parameter pids: The processes of the sessions.
  init(of pids: [Int], from workplace: String, _ connection: PostgreSQLConnection, _ context: HookContext) {
    let list = pids.isEmpty ? "NULL" : pids.map { "\($0)" as PostgreSQLStatement }.joined(separator: ", ")
    self.init(where: "a.pid IN (\(list))", workplace, connection, context)
  }

  private init(
    where condition: PostgreSQLStatement, _ workplace: String, _ connection: PostgreSQLConnection,
    _ context: HookContext
  ) {
    let sql: PostgreSQLStatement = """
      SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('pid', a.pid, 'user', a.usename,
      'application', a.application_name, 'client', pg_catalog.host(a.client_addr), 'state', a.state,
      'kind', pg_catalog.jsonb_extract_path_text(pg_catalog.to_jsonb(a), 'backend_type'),
      'since', EXTRACT(epoch FROM pg_catalog.now() - a.xact_start)) ORDER BY a.xact_start, a.pid), '[]')
      FROM pg_catalog.pg_stat_activity a WHERE (\(condition)) AND a.pid <> pg_catalog.pg_backend_pid()
      """
    let result = try? connection.query(sql, database: workplace, isCleanup: true, context: context)
    guard let result, result.status.isSuccess,
      let sessions = try? JSONDecoder().decode([Session].self, from: Data(result.text.utf8))
    else {
      descriptions = []
      return
    }
    descriptions = sessions.map { session in
      var parts = ["pid \(session.pid)"]
      if let user = session.user { parts.append("user \(user)") }
      if let application = session.application, !application.isEmpty { parts.append("application '\(application)'") }
      if let client = session.client { parts.append("from \(client)") }
      if let kind = session.kind, kind != "client backend" { parts.append(kind) }
      if let state = session.state { parts.append(state) }
      if let since = session.since { parts.append("in a transaction for \(Int(max(since, 0))) s") }
      return parts.joined(separator: ", ")
    }
  }

  /// At most five of them.
  static func list(_ descriptions: [String]) -> String {
    let shown = descriptions.prefix(5).joined(separator: "; ")
    return descriptions.count > 5 ? "\(shown); and \(descriptions.count - 5) more" : shown
  }
}

extension PostgreSQLConnection {
  /// Ends the sessions of one restore at the server. A client that is killed does not: its session goes on waiting for a
  /// lock, and makes others wait behind it.
  func endSessions(of token: RestoreToken, from workplace: String, context: HookContext) {
    let sql: PostgreSQLStatement = """
      SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a
      WHERE a.application_name = \(literal: token.sessionName) AND a.usename = current_user
      AND a.pid <> pg_catalog.pg_backend_pid()
      """
    _ = try? query(sql, database: workplace, isCleanup: true, context: context)
  }
}
