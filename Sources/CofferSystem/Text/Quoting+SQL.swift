extension Quoting {
  /// A name in PostgreSQL's statements.
  public static func postgresqlIdentifier(_ name: String) -> String { doubling("\"", name) }

  /// A text in PostgreSQL's statements, whatever `standard_conforming_strings` says; for clients that speak UTF-8.
  public static func postgresqlLiteral(_ text: String) -> String {
    guard text.holds("\\") else { return doubling("'", text) }
    return enclosed(text, in: "E'", "'") { $0 == "'" ? "''" : $0 == "\\" ? "\\\\" : nil }
  }

  /// A name in SQLite's statements.
  public static func sqliteIdentifier(_ name: String) -> String { doubling("\"", name) }

  /// A text in SQLite's statements. Values that may hold the byte 0 are written as blobs instead.
  public static func sqliteLiteral(_ text: String) -> String { doubling("'", text) }

  /// A name in MariaDB's and MySQL's statements, whatever the SQL mode is; for connections that speak UTF-8.
  public static func mariadbIdentifier(_ name: String) -> String { doubling("`", name) }

  /// A text in MariaDB's and MySQL's statements, for connections that speak UTF-8 with `NO_BACKSLASH_ESCAPES` off.
  public static func mariadbLiteral(_ text: String) -> String {
    enclosed(text, in: "'") { $0 == "'" ? "''" : $0 == "\\" ? "\\\\" : nil }
  }
}
