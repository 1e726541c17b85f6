import CofferSystem

/// What every session of our own is fixed to, whatever the database, the role or the environment would have it be.
///
/// A database's owner sets what its sessions begin with (`ALTER DATABASE ... SET`), and so may hide `pg_catalog`'s
/// functions behind his own, which then run with the rights of whoever backs the database up. Options of the connection
/// stand above these settings from the first statement on. A connection pooler may drop them, older servers do not know all
/// of them, and some are for superusers only; so the first statements of a session say them again.
///
/// Statements of ours lean on that only for what cannot be qualified otherwise: relations, functions and types are named
/// with `pg_catalog`, operators too where the search path is not empty yet; behind the first statements, operators, LIKE and
/// IN find those of `pg_catalog` because nothing else can be found.
enum PostgreSQLPins {
  struct Setting: Equatable {
    let name: String
    let value: String
  }

  static let searchPath = Setting(name: "search_path", value: "")

  /// What a session of our own has.
  static let own = [searchPath] + always

  /// Known to every server since 9.3, and every user may set them.
  static let always = [
    Setting(name: "default_transaction_read_only", value: "off"),
    Setting(name: "default_transaction_deferrable", value: "off"),
    Setting(name: "default_transaction_isolation", value: "read committed"),
    Setting(name: "statement_timeout", value: "0"),
    Setting(name: "lock_timeout", value: "0"),
    Setting(name: "standard_conforming_strings", value: "on"),
    Setting(name: "bytea_output", value: "hex"),
    Setting(name: "quote_all_identifiers", value: "off"),
    Setting(name: "array_nulls", value: "on"),
    Setting(name: "transform_null_equals", value: "off"),
    Setting(name: "client_min_messages", value: "warning"),
    // Libraries that are loaded before the first statement; those of session_preload_libraries only a superuser chooses.
    Setting(name: "local_preload_libraries", value: ""),
  ]

  /// How amounts of money are written (`money`). A dump that has them in another way than the session reads them that
  /// restores it would bring back other amounts; one that was made without this setting has them as its server's and
  /// database's settings were.
  static let monetary = Setting(name: "lc_monetary", value: "C")

  /// Set where the server knows them and the user may.
  static let whereKnown = [
    Setting(name: "row_security", value: "off"),
    Setting(name: "idle_in_transaction_session_timeout", value: "0"),
    Setting(name: "idle_session_timeout", value: "0"),
    Setting(name: "transaction_timeout", value: "0"),
    Setting(name: "event_triggers", value: "off"),
    Setting(name: "lc_messages", value: "C"),
    Setting(name: "session_replication_role", value: "origin"),
    Setting(name: "lo_compat_privileges", value: "off"),
  ]

  /// The value of `options` in a connection string.
  ///
  /// - Parameter inherited: PGOPTIONS of the environment, which a connection string's `options` would replace.
  static func options(after inherited: String?, _ settings: [Setting]) -> String {
    let own = settings.map { "-c \($0.name)=\(escaped($0.value))" }
    return ([inherited].compactMap { $0 } + own).joined(separator: " ")
  }

  /// The settings that a value of `options` names, as the server reads it (pg_split_opts, process_postgres_switches):
  /// `-c name=value`, `-cname=value`, `--name=value`.
  static func names(inOptions options: String) -> [String] {
    var names: [String] = []
    var isValue = false
    for word in words(options) {
      var setting: String?
      if isValue {
        (setting, isValue) = (word, false)
      } else if word.isSame(as: "-c") {
        isValue = true
      } else {
        setting = word.after(beginning: "--") ?? word.after(beginning: "-c")
      }
      if let name = setting?.parts(by: "=", limit: 2)[0] { names.append(name.swapping("-", for: "_").lowercased()) }
    }
    return names
  }

  private static func words(_ options: String) -> [String] {
    var words: [String] = []
    var word: String?
    var isEscaped = false
    for scalar in options.unicodeScalars {
      if !isEscaped, scalar == "\\" {
        isEscaped = true
        word = word ?? ""
      } else if !isEscaped, blanks.contains(scalar) {
        if let ended = word { words.append(ended) }
        word = nil
      } else {
        isEscaped = false
        word = word ?? ""
        word?.unicodeScalars.append(scalar)
      }
    }
    return words + [word].compactMap { $0 }
  }

  private static let blanks: [Unicode.Scalar] = [" ", "\t", "\n", "\r", "\u{b}", "\u{c}"]

  /// libpq's options are cut at blanks (PQconninfo, options); a backslash takes the meaning from what follows.
  private static func escaped(_ value: String) -> String {
    var result = ""
    for scalar in value.unicodeScalars {
      if scalar == "\\" || blanks.contains(scalar) { result += "\\" }
      result.unicodeScalars.append(scalar)
    }
    return result
  }

  /// Statements that fix a session; they answer with nothing, but rows of `set_config`.
  ///
  /// - Parameter keepsRole: Whether the session's role is the user's own choice (PGOPTIONS).
  static func statements(_ settings: [Setting], keepsRole: Bool = false) -> [PostgreSQLStatement] {
    let values = (settings.filter { $0 != searchPath } + whereKnown)
      .map { "(\(literal: $0.name), \(literal: $0.value))" as PostgreSQLStatement }
    // In one line, as lists of processes show it.
    let sets: PostgreSQLStatement = """
      SELECT pg_catalog.set_config(p.name, p.value, false) FROM (VALUES \(values.joined(separator: ", "))) \
      AS p (name, value) WHERE EXISTS (SELECT FROM pg_catalog.pg_settings s \
      WHERE s.name OPERATOR(pg_catalog.=) p.name AND (s.context OPERATOR(pg_catalog.=) 'user' \
      OR s.context OPERATOR(pg_catalog.=) 'superuser' \
      AND pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.=) 'on'))
      """
    return (settings.contains(searchPath) ? ["SET search_path = ''"] : []) + (keepsRole ? [] : [ownRole]) + [sets]
  }

  /// Takes back the role that a database's owner has set for all who connect to it (`ALTER DATABASE ... SET role`): the
  /// session would see and do what that role may. One that the session's user has for himself (`ALTER ROLE`) stays.
  private static let ownRole: PostgreSQLStatement = """
    SELECT pg_catalog.set_config('role', 'none', false) FROM pg_catalog.pg_database d \
    JOIN pg_catalog.pg_db_role_setting s ON s.setdatabase OPERATOR(pg_catalog.=) d.oid \
    CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS c (setting) \
    WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() AND s.setrole OPERATOR(pg_catalog.=) 0 \
    AND c.setting OPERATOR(pg_catalog.=) ('role=' OPERATOR(pg_catalog.||) pg_catalog.current_setting('role')) \
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting o \
    JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) o.setrole \
    CROSS JOIN LATERAL pg_catalog.unnest(o.setconfig) AS x (setting) \
    WHERE r.rolname OPERATOR(pg_catalog.=) session_user AND (o.setdatabase OPERATOR(pg_catalog.=) 0 \
    OR o.setdatabase OPERATOR(pg_catalog.=) d.oid) \
    AND pg_catalog.left(x.setting, 5) OPERATOR(pg_catalog.=) 'role=')
    """
}
