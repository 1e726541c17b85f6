import Foundation
import Testing

/// Every statement of ours is a literal in the sources, because `PostgreSQLStatement` can be made of nothing else. So what the
/// statements name can be read there.
@Suite("Statements for PostgreSQL name what they mean in full")
struct PostgreSQLStatementLintTests {
  /// What would be found by a search path. A schema and a name that are both put in (`X.X`) are not.
  private static let refused = [
    (
      "a relation",
      #"\b(FROM|JOIN|UPDATE|INTO)\s+(ONLY\s+)?(?!pg_catalog\.|LATERAL\b|ONLY\b|SELECT\b|X\.X\b)[A-Za-z_"]\w*"#
    ),
    ("a relation or function", #"(?<![\w.'])pg_(?!catalog\.|temp\.)\w+"#),
    ("a function", #"(?<![\w.])(?!coalesce\b|nullif\b)[a-z_]\w*\("#),
    ("a type", #"::(?!pg_catalog\.)\w+"#),
    ("a type", #"(?i)\bCAST\s*\("#),
  ]
  private static let verbs = [
    "SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "ALTER", "CREATE", "DROP", "COMMENT", "GRANT", "SET ",
    "ANALYZE", "(SELECT", "FROM", "WHERE", "AND", "OR",
  ]

  private static var folder: String {
    var parts = #filePath.components(separatedBy: "/")
    parts.removeLast(3)
    return parts.joined(separator: "/") + "/Sources/CofferHooks/PostgreSQL"
  }

  /// The literals of a source, with `X` in place of what is put in.
  static func literals(in source: String) -> [String] {
    let text = Array(source)
    var literals: [String] = []
    var place = 0
    func begins(_ sign: String, at place: Int) -> Bool { text[place...].starts(with: sign) }
    while place < text.count {
      if begins("//", at: place) {
        while place < text.count, text[place] != "\n" { place += 1 }
      } else if text[place] == "\"" {
        let quote = begins("\"\"\"", at: place) ? "\"\"\"" : "\""
        place += quote.count
        var literal = ""
        while place < text.count, !begins(quote, at: place) {
          if begins("\\(", at: place) {
            var depth = 0
            repeat {
              if text[place] == "(" { depth += 1 }
              if text[place] == ")" { depth -= 1 }
              place += 1
            } while depth > 0 || text[place - 1] == "\\"
            literal.append("X")
          } else {
            let isEscape = text[place] == "\\"
            if !isEscape { literal.append(text[place]) }
            place += isEscape ? 2 : 1
          }
        }
        place += quote.count
        literals.append(literal)
      } else {
        place += 1
      }
    }
    return literals
  }

  static func isStatement(_ literal: String) -> Bool {
    let start = literal.trimmingCharacters(in: .whitespacesAndNewlines)
    // Its FROM is followed by a role.
    if start.hasPrefix("REVOKE ") { return false }
    return literal.contains("pg_catalog.") || verbs.contains { start.hasPrefix($0) }
  }

  static func findings(in literal: String) throws -> [String] {
    try refused.flatMap { kind, pattern in
      let text = literal as NSString
      return try NSRegularExpression(pattern: pattern)
        .matches(in: literal, range: NSRange(location: 0, length: text.length))
        .map { "\(kind) by its bare name: '\(text.substring(with: $0.range))' in: \(literal)" }
    }
  }

  @Test("No relation, function or type of the catalogue is left to a search path")
  func qualified() throws {
    var count = 0
    for name in try FileManager.default.subpathsOfDirectory(atPath: Self.folder) where name.hasSuffix(".swift") {
      let source = try String(contentsOfFile: "\(Self.folder)/\(name)", encoding: .utf8)
      for literal in Self.literals(in: source) where Self.isStatement(literal) {
        count += 1
        let findings = try Self.findings(in: literal)
        #expect(findings == [], "\(name): \(findings.joined(separator: "\n"))")
      }
    }
    #expect(count > 60)
  }

  @Test(
    "The look at statements finds each kind",
    arguments: [
      "SELECT 1 FROM pg_database", "SELECT now()", "SELECT a::text FROM pg_catalog.pg_class",
      "DELETE FROM evil.pg_class", "SELECT pg_catalog.pg_class.oid, pg_backend_pid", "SELECT CAST (a AS int)",
      "SELECT FROM pg_catalog.pg_class c JOIN pg_roles r ON true",
    ])
  func teeth(statement: String) throws {
    #expect(Self.isStatement(statement))
    #expect(try !Self.findings(in: statement).isEmpty)
  }

  @Test("Literals are read whole, whatever is put into them and however they are quoted")
  func reading() {
    let source = #"""
      // "no literal"
      let a = "SELECT \(identifier: f("x")) \" y"; let b = """
        SELECT \(literal: name) FROM "t" \
        WHERE x
        """
      """#
    let words = Self.literals(in: source).map { $0.split(whereSeparator: \.isWhitespace) }
    #expect(words == [["SELECT", "X", "y"], ["SELECT", "X", "FROM", "\"t\"", "WHERE", "x"]])
  }
}
