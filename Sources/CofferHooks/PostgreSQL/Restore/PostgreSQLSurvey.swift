import CofferSystem
import Foundation

/// What a server tells, before anything is touched, of itself, of the user, and of the database that a restore goes into.
///
/// Asked in another database than that one, because a database cannot be renamed or removed from inside.
struct PostgreSQLSurvey: Sendable {
  /// The database itself.
  struct Database: Decodable, Sendable, Equatable {
    /// Its number, as text. It stays the same when the name changes.
    let oid: String
    /// Whether the user may do what its owner may.
    let isOwned: Bool
    let isTemplate: Bool
  }

  /// What a restore that was killed may have left.
  struct Candidate: Decodable, Sendable, Equatable {
    let name: String
    let comment: String?
    let isOwned: Bool
    /// Whether anybody is connected to it.
    let isUsed: Bool
  }

  private struct Answer: Decodable, Sendable {
    let version: Int
    let user: String
    let isSuperuser: Bool
    let mayCreateDatabases: Bool
    let isStandby: Bool
    let isReadOnly: Bool
    /// The one database that pg_cron can be in; nil where it is not loaded.
    let cron: String?
    let database: Database?
    let candidates: [Candidate]
    /// The advisory locks that are held, as text.
    let locks: [String]
  }

  /// What keeps a database from being renamed, or goes with it when it is removed.
  struct Ties: Decodable, Sendable, Equatable {
    var prepared: [String] = []
    var slots: [String] = []
    var subscriptions: [String] = []
    var sessions = 0
  }

  /// The database that the questions were asked in, and that the work is done from.
  let workplace: String
  private let answer: Answer
  let ties: Ties

  var version: Int { answer.version }
  var user: String { answer.user }
  var isSuperuser: Bool { answer.isSuperuser }
  var cron: String? { answer.cron }
  var mayCreateDatabases: Bool { answer.mayCreateDatabases }
  var isStandby: Bool { answer.isStandby }
  var isReadOnly: Bool { answer.isReadOnly }
  /// nil when it is missing.
  var database: Database? { answer.database }

  /// Asks in the database that every server has, or in the template, whichever is not the one to be restored.
  ///
  /// - Returns: nil, with why, when neither answers.
  static func ask(
    about name: String, _ connection: PostgreSQLConnection, _ context: HookContext
  ) throws -> Result<PostgreSQLSurvey, Unanswered> {
    var lines: [String] = []
    for workplace in ["postgres", "template1"] where !name.isSame(as: workplace) {
      let result = try connection.query(question(name), database: workplace, context: context)
      if result.status.isSuccess, let answer = decode(Answer.self, result) {
        return .success(
          PostgreSQLSurvey(
            workplace: workplace, answer: answer,
            ties: try ties(of: name, answer, in: workplace, connection, context)))
      }
      if lines.isEmpty { lines = result.errorLines }
    }
    return .failure(Unanswered(lines: lines))
  }

  struct Unanswered: Error {
    /// What the client said of the first database.
    let lines: [String]
  }

  private static func question(_ name: String) -> String {
    """
    SELECT json_build_object('version', current_setting('server_version_num')::int, 'user', r.rolname,
    'isSuperuser', r.rolsuper, 'mayCreateDatabases', r.rolsuper OR r.rolcreatedb, 'isStandby', pg_is_in_recovery(),
    'isReadOnly', current_setting('transaction_read_only')::boolean, 'cron', current_setting('cron.database_name', true),
    'database', (SELECT json_build_object('oid', d.oid::text, 'isOwned', pg_has_role(d.datdba, 'USAGE'), 'isTemplate', d.datistemplate)
    FROM pg_database d WHERE d.datname = \(Quoting.postgresqlLiteral(name))),
    'candidates', (SELECT coalesce(json_agg(json_build_object('name', d.datname,
    'comment', shobj_description(d.oid, 'pg_database'), 'isOwned', pg_has_role(d.datdba, 'USAGE'),
    'isUsed', EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)) ORDER BY d.datname), '[]')
    FROM pg_database d WHERE d.datname LIKE \(Quoting.postgresqlLiteral(RestoreToken.namePattern))),
    'locks', (SELECT coalesce(json_agg(((l.classid::bigint << 32) | l.objid::bigint)::text), '[]')
    FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1))
    FROM pg_roles r WHERE r.rolname = current_user
    """
  }

  private static func ties(
    of name: String, _ answer: Answer, in workplace: String, _ connection: PostgreSQLConnection,
    _ context: HookContext
  ) throws -> Ties {
    guard let database = answer.database else { return Ties() }
    let literal = Quoting.postgresqlLiteral(name)
    let subscriptions =
      answer.version < 100_000
      ? "'[]'::json"
      : "(SELECT coalesce(json_agg(subname ORDER BY subname), '[]') FROM pg_subscription WHERE subdbid = \(database.oid))"
    let question = """
      SELECT json_build_object(
      'prepared', (SELECT coalesce(json_agg(gid ORDER BY gid), '[]') FROM pg_prepared_xacts WHERE database = \(literal)),
      'slots', (SELECT coalesce(json_agg(slot_name ORDER BY slot_name), '[]') FROM pg_replication_slots
      WHERE database = \(literal)), 'subscriptions', \(subscriptions),
      'sessions', (SELECT count(*) FROM pg_stat_activity
      WHERE datid = \(database.oid) AND pid <> pg_backend_pid() AND client_port IS NOT NULL))
      """
    let result = try connection.query(question, database: workplace, context: context)
    guard result.status.isSuccess, let ties = decode(Ties.self, result) else {
      throw Unanswered(lines: result.errorLines)
    }
    return ties
  }

  /// Names that are no UTF-8 are shown as well as can be; none of them is acted upon.
  private static func decode<Value: Decodable>(_ type: Value.Type, _ result: CommandResult) -> Value? {
    try? JSONDecoder().decode(type, from: Data(result.text.utf8))
  }

  // MARK: - What was left behind

  /// The databases that restores have made which are certainly not on their way any more.
  var leftovers: [String] {
    let held = Set(answer.locks)
    return answer.candidates.filter { candidate in
      guard let token = RestoreToken(databaseName: candidate.name) else { return false }
      return candidate.isOwned && !candidate.isUsed && !held.contains(String(token.lock))
        && candidate.comment?.isSame(as: token.mark) == true
    }.map(\.name)
  }

  /// Those that have only the name of such a database: a restore that was killed right after it had made one leaves it
  /// without its mark.
  var unproven: [String] {
    let held = Set(answer.locks)
    return answer.candidates.filter { candidate in
      guard let token = RestoreToken(databaseName: candidate.name) else { return false }
      return candidate.comment == nil && !candidate.isUsed && !held.contains(String(token.lock))
    }.map(\.name)
  }
}
