import CofferSystem
import FoundationEssentials

/// What belongs to a database as a whole and is in no dump of its content: how it was made, its owner, settings,
/// privileges, comment.
///
/// Kept in a dump's facts, each under its own key. The first group is needed when the database is made; the second is
/// set when its content is complete, because a setting may keep the content from being written. An archive is as
/// trustworthy as the server that its facts come from: statements are made of their parts only, never of whole texts.
struct DatabaseProperties: Sendable, Equatable {
  /// - Parameter details: A dump's facts; what it does not know is left to the server.
  init(details: [String: String]) {
    self.details = details
  }

  private let details: [String: String]

  /// Whether the dump knows how its database was made.
  var isKnown: Bool { details["encoding"] != nil }

  /// A fact as the server holds it. What is no UTF-8 stands in the archive by its bytes.
  private func text(_ key: String) -> ServerText? {
    details[key].map { ServerText($0) } ?? details[key + Self.bytesSuffix].flatMap { ServerText(hex: $0.utf8) }
  }

  private static let bytesSuffix = "_hex"

  /// What every session at the server begins with, whoever's it is and in whatever database; of dumps of servers only, because
  /// pg_dumpall leaves it out.
  static let serverSettingsKey = "server_settings"

  /// Whether the schema that every new database has was dropped.
  var hasNoPublicSchema: Bool { details["public_schema"] == "none" }

  // MARK: - Asking

  /// Asks for a dump's facts, in rows of `kind, first, second, third`. Newer servers' columns are reached through JSON,
  /// because older ones do not know them.
  static let question: PostgreSQLStatement = """
    SELECT 'fact', f.key, \(PostgreSQLAnswer.text("f.value")), NULL
    FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.to_jsonb(d) AS j CROSS JOIN LATERAL (VALUES
    ('server_version', pg_catalog.current_setting('server_version')),
    ('session_role', pg_catalog.current_setting('role')),
    ('session_monetary', pg_catalog.current_setting('lc_monetary')), ('database', d.datname::pg_catalog.text),
    ('encoding', pg_catalog.pg_encoding_to_char(d.encoding)::pg_catalog.text),
    ('collate', d.datcollate::pg_catalog.text), ('ctype', d.datctype::pg_catalog.text),
    ('owner', pg_catalog.pg_get_userbyid(d.datdba)::pg_catalog.text), ('provider', \(column("datlocprovider"))),
    ('locale', coalesce(\(column("daticulocale")), \(column("datlocale")))), ('icu_rules', \(column("daticurules"))),
    ('tablespace', (SELECT t.spcname::pg_catalog.text FROM pg_catalog.pg_tablespace t
    WHERE t.oid OPERATOR(pg_catalog.=) d.dattablespace AND t.spcname OPERATOR(pg_catalog.<>) 'pg_default')),
    ('comment', pg_catalog.shobj_description(d.oid, 'pg_database')),
    ('connection_limit', CASE WHEN d.datconnlimit OPERATOR(pg_catalog.>=) 0 THEN d.datconnlimit::pg_catalog.text END),
    ('template', CASE WHEN d.datistemplate THEN 'true' END),
    ('timescaledb', (SELECT e.extversion FROM pg_catalog.pg_extension e
    WHERE e.extname OPERATOR(pg_catalog.=) 'timescaledb')),
    ('timescaledb_schema', (SELECT n.nspname::pg_catalog.text FROM pg_catalog.pg_extension e
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace
    WHERE e.extname OPERATOR(pg_catalog.=) 'timescaledb')),
    ('public_schema', CASE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n
    WHERE n.nspname OPERATOR(pg_catalog.=) 'public') THEN 'none' END),
    ('standby', CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'true' END),
    ('unlogged', (SELECT nullif(pg_catalog.count(*), 0)::pg_catalog.text FROM pg_catalog.pg_class c
    WHERE c.relpersistence OPERATOR(pg_catalog.=) 'u' AND (c.relkind OPERATOR(pg_catalog.=) 'r'
    OR c.relkind OPERATOR(pg_catalog.=) 'm'))),
    ('hidden_user_mappings', (SELECT nullif(pg_catalog.count(*), 0)::pg_catalog.text
    FROM pg_catalog.pg_user_mappings m JOIN pg_catalog.pg_foreign_server s ON s.oid OPERATOR(pg_catalog.=) m.srvid
    WHERE m.umoptions IS NULL AND pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.<>) 'on'
    AND m.usename OPERATOR(pg_catalog.<>) current_user AND NOT (m.umuser OPERATOR(pg_catalog.=) 0
    AND pg_catalog.pg_has_role(s.srvowner, 'USAGE')))),
    ('encodings', (SELECT pg_catalog.string_agg(DISTINCT pg_catalog.pg_encoding_to_char(o.encoding)::pg_catalog.text, ' ')
    FROM pg_catalog.pg_database o WHERE o.datallowconn))) AS f (key, value)
    WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() AND f.value IS NOT NULL
    UNION ALL SELECT 'setting', \(PostgreSQLAnswer.text("r.rolname")), \(PostgreSQLAnswer.text("c")), NULL
    FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON s.setdatabase OPERATOR(pg_catalog.=) d.oid
    LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) s.setrole, pg_catalog.unnest(s.setconfig) c
    WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
    AND (s.setrole OPERATOR(pg_catalog.=) 0 OR r.oid IS NOT NULL)
    UNION ALL SELECT 'server_setting', NULL, \(PostgreSQLAnswer.text("c")), NULL
    FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) c
    WHERE s.setdatabase OPERATOR(pg_catalog.=) 0 AND s.setrole OPERATOR(pg_catalog.=) 0
    UNION ALL SELECT 'privilege', \(PostgreSQLAnswer.text("r.rolname")), a.privilege_type, a.is_grantable::pg_catalog.text
    FROM pg_catalog.pg_database d, pg_catalog.aclexplode(d.datacl) a
    LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.grantee
    WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
    AND (a.grantee OPERATOR(pg_catalog.=) 0 OR r.oid IS NOT NULL)
    """

  private static func column(_ name: String) -> PostgreSQLStatement {
    "pg_catalog.jsonb_extract_path_text(j, \(literal: name))"
  }

  private struct Setting: Codable {
    /// nil for every role.
    var role: ServerText?
    /// As the server keeps it: `name=value`.
    var setting: ServerText
  }

  private struct Privilege: Codable {
    /// nil for everyone.
    var role: ServerText?
    var privilege: String
    var grantable: Bool
  }

  /// How many columns the answer has.
  static let columnCount = 4

  /// - Returns: The facts in a server's answer; nil when it is none.
  static func facts(in answer: CommandResult) -> [String: String]? {
    PostgreSQLAnswer(answer, columns: columnCount).flatMap { facts(in: $0.rows) }
  }

  /// - Returns: The facts in the rows of an answer; nil when it is none.
  static func facts(in rows: [PostgreSQLAnswer.Row]) -> [String: String]? {
    guard !rows.isEmpty else { return nil }
    var facts: [String: String] = [:]
    var settings: [Setting] = []
    var serverSettings: [Setting] = []
    var privileges: [Privilege] = []
    for row in rows {
      switch (row[0]?.text, row[1], row[2]) {
      case ("fact", let key?, let value?):
        guard let key = key.text else { return nil }
        if value.bytes.isEmpty { continue }
        if let text = value.text { facts[key] = text } else { facts[key + bytesSuffix] = value.hex }
      case ("setting", let role, let setting?):
        settings.append(Setting(role: role, setting: setting))
      case ("server_setting", nil, let setting?):
        serverSettings.append(Setting(setting: setting))
      case ("privilege", let role, let privilege?):
        guard let name = privilege.text, let grantable = row[3]?.text else { return nil }
        privileges.append(Privilege(role: role, privilege: name, grantable: grantable == "true"))
      default: return nil
      }
    }
    do {
      if !settings.isEmpty { facts["settings"] = try encoded(settings) }
      if !serverSettings.isEmpty { facts[serverSettingsKey] = try encoded(serverSettings) }
      if !privileges.isEmpty { facts["privileges"] = try encoded(privileges) }
    } catch {
      return nil
    }
    return facts
  }

  private static func encoded(_ value: some Encodable) throws -> String {
    String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
  }

  // MARK: - Making the database

  /// - Parameter tablespaces: Those that the server has.
  func creation(of database: String, tablespaces: Set<ServerText>) -> PostgreSQLStatement {
    var sql: PostgreSQLStatement = "CREATE DATABASE \(identifier: database) TEMPLATE template0"
    if let value = text("encoding") { sql = sql + " ENCODING \(literal: value)" }
    if let value = text("collate") { sql = sql + " LC_COLLATE \(literal: value)" }
    if let value = text("ctype") { sql = sql + " LC_CTYPE \(literal: value)" }
    if let locale = text("locale") {
      switch details["provider"] {
      case "i":
        sql = sql + " LOCALE_PROVIDER icu ICU_LOCALE \(literal: locale)"
        if let rules = text("icu_rules") { sql = sql + " ICU_RULES \(literal: rules)" }
      case "b": sql = sql + " LOCALE_PROVIDER builtin BUILTIN_LOCALE \(literal: locale)"
      default: break
      }
    }
    if let tablespace = text("tablespace"), tablespaces.contains(tablespace) {
      sql = sql + " TABLESPACE \(identifier: tablespace)"
    }
    return sql
  }

  func owning(of database: String) -> PostgreSQLStatement? {
    text("owner").map { "ALTER DATABASE \(identifier: database) OWNER TO \(identifier: $0)" }
  }

  // MARK: - When its content is complete

  /// Each of these may fail by itself: a role or a library may be missing where the dump goes.
  ///
  /// - Throws: `DecodingError` for facts that are none.
  func statements(for database: String, withPrivileges: Bool = true) throws -> [PostgreSQLStatement] {
    try settings(for: database, withPrivileges: withPrivileges) + marks(for: database)
  }

  /// What can be said before the database has its name: settings and privileges.
  ///
  /// - Throws: `DecodingError` for facts that are none.
  func settings(for database: String, withPrivileges: Bool = true) throws -> [PostgreSQLStatement] {
    let name: PostgreSQLStatement = "DATABASE \(identifier: database)"
    var statements: [PostgreSQLStatement] = []
    for entry in try decoded([Setting].self, "settings") ?? [] {
      let role: PostgreSQLStatement = entry.role.map { "ROLE \(identifier: $0) IN " } ?? ""
      statements.append("ALTER \(role)\(name) SET \(try Self.assignment(entry.setting))")
    }
    if withPrivileges, let privileges = try decoded([Privilege].self, "privileges") {
      statements += grants(privileges, on: name)
    }
    return statements
  }

  /// The settings of every session at a server; each may fail by itself.
  ///
  /// - Throws: `DecodingError` for facts that are none.
  func serverSettings() throws -> [PostgreSQLStatement] {
    try (decoded([Setting].self, Self.serverSettingsKey) ?? []).map {
      "ALTER ROLE ALL SET \(try Self.assignment($0.setting))"
    }
  }

  /// What a restore uses for itself until the database has its name: comment, limit of connections, template or not.
  func marks(for database: String) -> [PostgreSQLStatement] {
    let name: PostgreSQLStatement = "DATABASE \(identifier: database)"
    var statements: [PostgreSQLStatement] = []
    if let comment = text("comment") { statements.append("COMMENT ON \(name) IS \(literal: comment)") }
    if let limit = details["connection_limit"].flatMap({ Int($0) }) {
      statements.append("ALTER \(name) CONNECTION LIMIT \(limit)")
    }
    if details["template"] != nil { statements.append("ALTER \(name) IS_TEMPLATE true") }
    return statements
  }

  /// The search path that the database has for everybody; nil for the server's.
  var searchPath: String? {
    let all = (try? decoded([Setting].self, "settings")) ?? []
    let text = all.first { $0.role == nil && $0.setting.bytes.starts(with: "search_path=".utf8) }?.setting.text
    return text.map { String($0.utf8.dropFirst("search_path=".utf8.count)) ?? "" }
  }

  private func decoded<Value: Decodable>(_ type: Value.Type, _ key: String) throws -> Value? {
    try details[key].map { try JSONDecoder().decode(type, from: Data($0.utf8)) }
  }

  private func grants(_ privileges: [Privilege], on name: PostgreSQLStatement) -> [PostgreSQLStatement] {
    var statements: [PostgreSQLStatement] = ["REVOKE ALL ON \(name) FROM PUBLIC"]
    if let owner = text("owner") { statements.append("REVOKE ALL ON \(name) FROM \(identifier: owner)") }
    for privilege in privileges {
      let right: PostgreSQLStatement
      switch privilege.privilege {
      case "CREATE": right = "CREATE"
      case "CONNECT": right = "CONNECT"
      case "TEMPORARY": right = "TEMPORARY"
      default: continue
      }
      let role: PostgreSQLStatement = privilege.role.map { "\(identifier: $0)" } ?? "PUBLIC"
      let end: PostgreSQLStatement = privilege.grantable ? " WITH GRANT OPTION" : ""
      statements.append("GRANT \(right) ON \(name) TO \(role)\(end)")
    }
    return statements
  }

  /// Settings that hold lists of quoted names: as one literal, the list would become a single name.
  private static let lists: Set = [
    "local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries",
    "temp_tablespaces", "unix_socket_directories",
  ]

  /// - Throws: `DecodingError` for what is no `name=value`.
  private static func assignment(_ setting: ServerText) throws -> PostgreSQLStatement {
    guard let equals = setting.bytes.firstIndex(of: UInt8(ascii: "=")), equals > 0,
      setting.bytes[..<equals].allSatisfy(isNamePart)
    else {
      let context = DecodingError.Context(codingPath: [], debugDescription: "no setting: '\(setting.shown)'")
      throw DecodingError.dataCorrupted(context)
    }
    let name = ServerText(Array(setting.bytes[..<equals]))
    let value = ServerText(Array(setting.bytes[(equals + 1)...]))
    var values = [value]
    if let text = name.text, lists.contains(text.asciiLowercased), let names = PostgreSQLText.identifiers(value),
      !names.isEmpty
    {
      values = names
    }
    return "\(identifier: name) TO \(values.map { "\(literal: $0)" }.joined(separator: ", "))"
  }

  /// Of a setting's name: identifiers, parted by dots for those of extensions (guc.c, valid_custom_variable_name).
  private static func isNamePart(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...0xff:
      true
    default: [UInt8(ascii: "_"), UInt8(ascii: "$"), UInt8(ascii: "."), UInt8(ascii: "-")].contains(byte)
    }
  }
}
