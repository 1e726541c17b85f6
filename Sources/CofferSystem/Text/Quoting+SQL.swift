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

  /// A name in SQLite's statements that need not be UTF-8; without the byte 0.
  public static func sqliteIdentifier(_ name: [UInt8]) -> [UInt8] { doubling(UInt8(ascii: "\""), name) }

  /// A text in SQLite's statements that need not be UTF-8; without the byte 0.
  public static func sqliteLiteral(_ text: [UInt8]) -> [UInt8] { doubling(UInt8(ascii: "'"), text) }

  private static func doubling(_ quote: UInt8, _ text: [UInt8]) -> [UInt8] {
    [quote] + text.flatMap { $0 == quote ? [quote, quote] : [$0] } + [quote]
  }

  /// A name in MariaDB's and MySQL's statements, whatever the SQL mode is; for connections that speak UTF-8.
  public static func mariadbIdentifier(_ name: String) -> String { doubling("`", name) }

  /// A text in MariaDB's and MySQL's statements, for connections that speak UTF-8 with `NO_BACKSLASH_ESCAPES` off.
  public static func mariadbLiteral(_ text: String) -> String {
    enclosed(text, in: "'") { $0 == "'" ? "''" : $0 == "\\" ? "\\\\" : nil }
  }
}
