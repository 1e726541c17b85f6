import CofferSystem

/// What every session of our own is fixed to, whatever the database, the role or the environment would have it be.
///
/// A database's owner sets what its sessions begin with (`ALTER DATABASE ... SET`), and so may hide `pg_catalog`'s
/// functions behind his own, which then run with the rights of whoever backs the database up. Options of the connection
/// stand above these settings from the first statement on. A connection pooler may drop them, older servers do not know all
/// of them, and some are for superusers only; so the first statements of a session say them again.
enum PostgreSQLPins {
  struct Setting: Equatable {
    let name: String
    let value: String
  }

  static let searchPath = Setting(name: "search_path", value: "")

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

  /// libpq's options are cut at blanks (PQconninfo, options); a backslash takes the meaning from what follows.
  private static func escaped(_ value: String) -> String {
    value.swapping("\\", for: "\\\\").swapping(" ", for: "\\ ").swapping("\t", for: "\\\t").swapping("\n", for: "\\\n")
  }

  /// Statements that fix a session; they answer with nothing, but rows of `set_config`.
  static func statements(_ settings: [Setting]) -> [String] {
    let values = (settings.filter { $0 != searchPath } + whereKnown)
      .map { "(\(Quoting.postgresqlLiteral($0.name)), \(Quoting.postgresqlLiteral($0.value)))" }
    // In one line, as lists of processes show it.
    let sets =
      "SELECT pg_catalog.set_config(p.name, p.value, false) FROM (VALUES \(values.joined(separator: ", "))) "
      + "AS p (name, value) WHERE EXISTS (SELECT FROM pg_catalog.pg_settings s "
      + "WHERE s.name OPERATOR(pg_catalog.=) p.name AND (s.context OPERATOR(pg_catalog.=) 'user' "
      + "OR s.context OPERATOR(pg_catalog.=) 'superuser' "
      + "AND pg_catalog.current_setting('is_superuser') OPERATOR(pg_catalog.=) 'on'))"
    return (settings.contains(searchPath) ? ["SET search_path = ''"] : []) + [sets]
  }
}
