import CofferSystem
import FoundationEssentials

/// What a server tells, before anything is touched, of itself, of the user, and of the database that a restore goes into.
///
/// Asked in another database than that one, because a database cannot be renamed or removed from inside.
struct PostgreSQLSurvey: Sendable {
  /// The database itself.
  struct Database: Decodable, Sendable, Equatable {
    /// Its number. It stays the same when the name changes.
    let oid: UInt32
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
    var unanswered = Unanswered()
    for workplace in ["postgres", "template1"] where !name.isSame(as: workplace) {
      let result = try connection.query(question(name), database: workplace, context: context)
      if result.status.isSuccess, let answer = decode(Answer.self, result) {
        return try ties(of: name, answer, in: workplace, connection, context)
          .map { PostgreSQLSurvey(workplace: workplace, answer: answer, ties: $0) }
      }
      unanswered.add(result)
    }
    return .failure(unanswered)
  }

  struct Unanswered: Error {
    /// What the client said of the first database.
    private(set) var lines: [String] = []
    /// Whether the server was lost, or not reached, so that nobody knows what it would have answered.
    private(set) var isLost = false

    fileprivate mutating func add(_ result: CommandResult) {
      if lines.isEmpty { lines = result.errorLines }
      let isWithoutAnswer =
        result.status.isSuccess
        ? result.text.isEmpty : PostgreSQLFailure.isLost(result.status, result.errorLines)
      isLost = isLost || isWithoutAnswer
    }
  }

  private static func question(_ name: String) -> PostgreSQLStatement {
    """
    SELECT pg_catalog.json_build_object('version', pg_catalog.current_setting('server_version_num')::pg_catalog.int4,
    'user', r.rolname, 'isSuperuser', r.rolsuper, 'mayCreateDatabases', r.rolsuper OR r.rolcreatedb,
    'isStandby', pg_catalog.pg_is_in_recovery(),
    'isReadOnly', pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool,
    'cron', pg_catalog.current_setting('cron.database_name', true),
    'database', (SELECT pg_catalog.json_build_object('oid', d.oid::pg_catalog.int8,
    'isOwned', pg_catalog.pg_has_role(d.datdba, 'USAGE'), 'isTemplate', d.datistemplate)
    FROM pg_catalog.pg_database d WHERE d.datname = \(literal: name)),
    'candidates', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('name', d.datname,
    'comment', pg_catalog.shobj_description(d.oid, 'pg_database'),
    'isOwned', pg_catalog.pg_has_role(d.datdba, 'USAGE'),
    'isUsed', EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid)) ORDER BY d.datname), '[]')
    FROM pg_catalog.pg_database d WHERE d.datname LIKE \(literal: RestoreToken.namePattern)),
    'locks', (SELECT coalesce(pg_catalog.json_agg(
    ((l.classid::pg_catalog.int8 << 32) | l.objid::pg_catalog.int8)::pg_catalog.text), '[]')
    FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1))
    FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
    """
  }

  private static func ties(
    of name: String, _ answer: Answer, in workplace: String, _ connection: PostgreSQLConnection,
    _ context: HookContext
  ) throws -> Result<Ties, Unanswered> {
    guard let database = answer.database else { return .success(Ties()) }
    let subscriptions: PostgreSQLStatement =
      answer.version < 100_000
      ? "'[]'::pg_catalog.json"
      : """
      (SELECT coalesce(pg_catalog.json_agg(s.subname ORDER BY s.subname), '[]') FROM pg_catalog.pg_subscription s
      WHERE s.subdbid = \(database.oid))
      """
    let question: PostgreSQLStatement = """
      SELECT pg_catalog.json_build_object(
      'prepared', (SELECT coalesce(pg_catalog.json_agg(x.gid ORDER BY x.gid), '[]')
      FROM pg_catalog.pg_prepared_xacts x WHERE x.database = \(literal: name)),
      'slots', (SELECT coalesce(pg_catalog.json_agg(s.slot_name ORDER BY s.slot_name), '[]')
      FROM pg_catalog.pg_replication_slots s WHERE s.database = \(literal: name)), 'subscriptions', \(subscriptions),
      'sessions', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a
      WHERE a.datid = \(database.oid) AND a.pid <> pg_catalog.pg_backend_pid() AND a.client_port IS NOT NULL))
      """
    let result = try connection.query(question, database: workplace, context: context)
    guard result.status.isSuccess, let ties = decode(Ties.self, result) else {
      var unanswered = Unanswered()
      unanswered.add(result)
      return .failure(unanswered)
    }
    return .success(ties)
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
