/// Names and texts as PostgreSQL's programs read them.
enum PostgreSQLText {
  /// A connection string with just the database: a bare name that holds `=` or begins like a URL would be taken for
  /// a connection string itself.
  static func connectionString(_ database: String) -> String {
    let escaped = database.flatMap { $0 == "\\" || $0 == "'" ? ["\\", $0] : [$0] }
    return "dbname='\(String(escaped))'"
  }

  static func identifier(_ name: String) -> String {
    "\"" + name.replacing("\"", with: "\"\"") + "\""
  }

  static func literal(_ text: String) -> String {
    let doubled = text.replacing("'", with: "''")
    return text.contains("\\") ? "E'" + doubled.replacing("\\", with: "\\\\") + "'" : "'\(doubled)'"
  }

  /// Reads the identifier that a text begins with.
  ///
  /// - Returns: The name, and the text after it; nil when there is none.
  static func leadingIdentifier(_ text: Substring) -> (name: String, rest: Substring)? {
    guard text.first == "\"" else {
      let name = text.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "$" }
      return name.isEmpty ? nil : (String(name), text.dropFirst(name.count))
    }
    var name = ""
    var rest = text.dropFirst()
    while let end = rest.firstIndex(of: "\"") {
      name += rest[..<end]
      rest = rest[rest.index(after: end)...]
      guard rest.first == "\"" else { return (name, rest) }
      name.append("\"")
      rest = rest.dropFirst()
    }
    return nil
  }

  /// Splits a list of identifiers, as settings such as `search_path` hold it.
  ///
  /// - Returns: nil for what is no such list.
  static func identifiers(_ list: String) -> [String]? {
    var names: [String] = []
    var rest = list.drop(while: \.isWhitespace)
    guard !rest.isEmpty else { return [] }
    while let (name, after) = listElement(rest) {
      names.append(name)
      rest = after.drop(while: \.isWhitespace)
      guard rest.first == "," else { return rest.isEmpty ? names : nil }
      rest = rest.dropFirst().drop(while: \.isWhitespace)
    }
    return nil
  }

  /// Unquoted elements of lists may hold anything but commas and blanks: `$libdir/x`, for example.
  private static func listElement(_ text: Substring) -> (name: String, rest: Substring)? {
    if text.first == "\"" { return leadingIdentifier(text) }
    let name = text.prefix { $0 != "," && !$0.isWhitespace }
    return name.isEmpty ? nil : (String(name), text.dropFirst(name.count))
  }
}
