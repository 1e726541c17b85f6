import CofferSystem
import Foundation

/// What belongs to a database as a whole and is in no dump of its content: how it was made, its owner, settings,
/// privileges, comment.
///
/// Kept in a dump's facts, each under its own key. The first group is needed when the database is made; the second is
/// set when its content is complete, because a setting may keep the content from being written.
struct DatabaseProperties: Sendable, Equatable {
  /// - Parameter details: A dump's facts; what it does not know is left to the server.
  init(details: [String: String]) {
    self.details = details
  }

  private let details: [String: String]

  /// Returns all of a dump's facts that the server is asked for, as one JSON object of texts. Newer servers' columns are
  /// reached through JSON, because older ones do not know them.
  static let question = """
    SELECT json_build_object('server_version', current_setting('server_version'), 'database', current_database(),
    'encoding', pg_encoding_to_char(d.encoding), 'collate', d.datcollate, 'ctype', d.datctype,
    'owner', pg_get_userbyid(d.datdba), 'provider', j->>'datlocprovider',
    'locale', coalesce(j->>'daticulocale', j->>'datlocale'), 'icu_rules', j->>'daticurules',
    'tablespace', (SELECT spcname FROM pg_tablespace t WHERE t.oid = d.dattablespace AND spcname <> 'pg_default'),
    'comment', shobj_description(d.oid, 'pg_database'),
    'connection_limit', nullif(d.datconnlimit, -1)::text, 'template', nullif(d.datistemplate, false)::text,
    'settings', (SELECT json_agg(json_build_object('role', r.rolname, 'setting', c) ORDER BY r.rolname, c)
    FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) c
    WHERE s.setdatabase = d.oid AND (s.setrole = 0 OR r.oid IS NOT NULL))::text,
    'privileges', (SELECT json_agg(json_build_object('role', r.rolname, 'privilege', a.privilege_type,
    'grantable', a.is_grantable)) FROM aclexplode(d.datacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee)::text,
    'timescaledb', (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'))
    FROM pg_database d CROSS JOIN LATERAL to_jsonb(d) AS j WHERE d.datname = current_database()
    """

  /// - Returns: The facts in a server's answer; nil when it is none.
  static func facts(in answer: CommandResult) -> [String: String]? {
    guard answer.status.isSuccess,
      let facts = try? JSONDecoder().decode([String: String?].self, from: Data(answer.output))
    else { return nil }
    return facts.compactMapValues { $0 }.filter { !$0.value.isEmpty }
  }

  // MARK: - Making the database

  /// - Parameter tablespaces: Those that the server has.
  func creation(of database: String, tablespaces: Set<String>) -> String {
    var sql = "CREATE DATABASE \(PostgreSQLText.identifier(database)) TEMPLATE template0"
    for (option, key) in [("ENCODING", "encoding"), ("LC_COLLATE", "collate"), ("LC_CTYPE", "ctype")] {
      if let value = details[key] { sql += " \(option) \(PostgreSQLText.literal(value))" }
    }
    if let locale = details["locale"], let provider = ["i": "icu", "b": "builtin"][details["provider"]] {
      sql += " LOCALE_PROVIDER \(provider) \(provider)_locale \(PostgreSQLText.literal(locale))"
      if let rules = details["icu_rules"] { sql += " icu_rules \(PostgreSQLText.literal(rules))" }
    }
    if let tablespace = details["tablespace"], tablespaces.contains(tablespace) {
      sql += " TABLESPACE \(PostgreSQLText.identifier(tablespace))"
    }
    return sql
  }

  func owning(of database: String) -> String? {
    details["owner"].map {
      "ALTER DATABASE \(PostgreSQLText.identifier(database)) OWNER TO \(PostgreSQLText.identifier($0))"
    }
  }

  // MARK: - When its content is complete

  private struct Setting: Decodable {
    /// nil for every role.
    var role: String?
    /// As the server keeps it: `name=value`.
    var setting: String
  }

  private struct Privilege: Decodable {
    /// nil for everyone.
    var role: String?
    var privilege: String
    var grantable: Bool
  }

  /// Each of these may fail by itself: a role or a library may be missing where the dump goes.
  func statements(for database: String, withPrivileges: Bool = true) -> [String] {
    let name = PostgreSQLText.identifier(database)
    var statements: [String] = []
    if let comment = details["comment"] {
      statements.append("COMMENT ON DATABASE \(name) IS \(PostgreSQLText.literal(comment))")
    }
    for entry in decoded([Setting].self, "settings") ?? [] {
      let role = entry.role.map { "ROLE \(PostgreSQLText.identifier($0)) IN " } ?? ""
      statements.append("ALTER \(role)DATABASE \(name) SET \(Self.assignment(entry.setting))")
    }
    if withPrivileges, let privileges = decoded([Privilege].self, "privileges") {
      statements += grants(privileges, on: name)
    }
    if let limit = details["connection_limit"].flatMap(Int.init) {
      statements.append("ALTER DATABASE \(name) CONNECTION LIMIT \(limit)")
    }
    if details["template"] != nil { statements.append("ALTER DATABASE \(name) IS_TEMPLATE true") }
    return statements
  }

  private func decoded<Value: Decodable>(_ type: Value.Type, _ key: String) -> Value? {
    details[key].flatMap { try? JSONDecoder().decode(type, from: Data($0.utf8)) }
  }

  private func grants(_ privileges: [Privilege], on name: String) -> [String] {
    let known: Set = ["CREATE", "CONNECT", "TEMPORARY"]
    let born = ["PUBLIC"] + (details["owner"].map { [PostgreSQLText.identifier($0)] } ?? [])
    return born.map { "REVOKE ALL ON DATABASE \(name) FROM \($0)" }
      + privileges.filter { known.contains($0.privilege) }.map { privilege in
        "GRANT \(privilege.privilege) ON DATABASE \(name) TO "
          + (privilege.role.map(PostgreSQLText.identifier) ?? "PUBLIC")
          + (privilege.grantable ? " WITH GRANT OPTION" : "")
      }
  }

  /// Settings that hold lists of quoted names: as one literal, the list would become a single name.
  private static let lists: Set = [
    "local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries",
    "temp_tablespaces", "unix_socket_directories",
  ]

  private static func assignment(_ setting: String) -> String {
    let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let (name, value) = (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
    var values = [value]
    if lists.contains(name.lowercased()), let names = PostgreSQLText.identifiers(value), !names.isEmpty {
      values = names
    }
    return "\(PostgreSQLText.identifier(name)) TO " + values.map(PostgreSQLText.literal).joined(separator: ", ")
  }
}

extension [String: String] {
  fileprivate subscript(key: String?) -> String? { key.flatMap { self[$0] } }
}
