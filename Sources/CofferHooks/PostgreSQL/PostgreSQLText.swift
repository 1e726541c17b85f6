import CofferSystem

/// Names and texts as PostgreSQL's programs read and write them.
enum PostgreSQLText {
  /// A connection string with just the database: a bare name that holds `=` or begins like a URL would be taken for
  /// a connection string itself.
  static func connectionString(_ database: String) -> String {
    "dbname=" + Quoting.connectionValue(database)
  }

  private static let quote = UInt8(ascii: "\"")
  private static let comma = UInt8(ascii: ",")

  /// Reads the identifier that a text begins with.
  ///
  /// - Returns: The name, and the text after it; nil when there is none.
  static func leadingIdentifier(_ text: ArraySlice<UInt8>) -> (name: ServerText, rest: ArraySlice<UInt8>)? {
    guard text.first == quote else {
      let name = text.prefix { isNamePart($0) }
      return name.isEmpty ? nil : (ServerText(Array(name)), text.dropFirst(name.count))
    }
    var name: [UInt8] = []
    var rest = text.dropFirst()
    while let end = rest.firstIndex(of: quote) {
      name += rest[..<end]
      rest = rest[(end + 1)...]
      guard rest.first == quote else { return (ServerText(name), rest) }
      name.append(quote)
      rest = rest.dropFirst()
    }
    return nil
  }

  static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  /// Of an identifier that is not quoted.
  static func isNamePart(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...0xff:
      true
    default: false
    }
  }

  /// Splits a list of identifiers, as settings such as `search_path` hold it.
  ///
  /// - Returns: nil for what is no such list.
  static func identifiers(_ list: ServerText) -> [ServerText]? {
    var names: [ServerText] = []
    var rest = list.bytes.drop(while: \.isBlank)
    guard !rest.isEmpty else { return [] }
    while let (name, after) = listElement(rest) {
      names.append(name)
      rest = after.drop(while: \.isBlank)
      guard rest.first == comma else { return rest.isEmpty ? names : nil }
      rest = rest.dropFirst().drop(while: \.isBlank)
    }
    return nil
  }

  /// Unquoted elements of lists may hold anything but commas and blanks: `$libdir/x`, for example.
  private static func listElement(_ text: ArraySlice<UInt8>) -> (name: ServerText, rest: ArraySlice<UInt8>)? {
    if text.first == quote { return leadingIdentifier(text) }
    let name = text.prefix { $0 != comma && !$0.isBlank }
    return name.isEmpty ? nil : (ServerText(Array(name)), text.dropFirst(name.count))
  }
}
