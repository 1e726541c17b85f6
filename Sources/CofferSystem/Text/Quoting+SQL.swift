extension Quoting {
  /// A name in PostgreSQL's statements, in whatever encoding: no encoding of a server has an ASCII byte within a character.
  public static func postgresqlIdentifier(_ name: [UInt8]) -> [UInt8] {
    doubling(UInt8(ascii: "\""), withoutZero(name))
  }

  /// The same for messages and whatever else is text.
  public static func postgresqlIdentifier(_ name: String) -> String {
    String(decoding: postgresqlIdentifier(Array(name.utf8)), as: UTF8.self)
  }

  /// A text in PostgreSQL's statements, whatever `standard_conforming_strings` says; encodings as with names.
  public static func postgresqlLiteral(_ text: [UInt8]) -> [UInt8] {
    let backslash = UInt8(ascii: "\\")
    let text = withoutZero(text)
    guard text.contains(backslash) else { return doubling(UInt8(ascii: "'"), text) }
    return [UInt8(ascii: "E")] + doubling(UInt8(ascii: "'"), text.flatMap { $0 == backslash ? [$0, $0] : [$0] })
  }

  /// A statement would end at the byte 0, which no name holds. As everywhere here, the name is another one then.
  private static func withoutZero(_ text: [UInt8]) -> [UInt8] {
    text.contains(0) ? text.flatMap { $0 == 0 ? Array("\u{fffd}".utf8) : [$0] } : text
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
