@testable import CofferSystem
import Testing

@Suite("Regular expressions")
struct RegularExpressionTests {
  private func found(_ pattern: String, _ text: String) throws -> Bool { try RegularExpression(pattern).matches(text) }

  @Test("What Python's expressions can say is understood")
  func python() throws {
    #expect(try found(#"\.(o|so)$"#, "lib/x.so") && !found(#"\.(o|so)$"#, "x.sol"))
    let cache = #"^home/[^/]+/\.cache"#
    #expect(try found(cache, "home/me/.cache/x") && !found(cache, "home/a/b/.cache"))
    #expect(try found("(?<!old-)db", "new-db") && !found("(?<!old-)db", "old-db"))
    #expect(try found("(?P<part>ab)(?P=part)", "abab") && !found("(?P<part>ab)(?P=part)", "abba"))
    #expect(try found("(?i)CACHE", "cache") && found(#"\bfoo\b"#, "a foo b") && !found(#"\bfoo\b"#, "afoo"))
    #expect(try found(#"^\w+$"#, "größe") && found("^.$", "€") && !found("^a.b$", "a\nb"))
    #expect(try found("(a)?b(?(1)c|d)", "bd") && !found("^(a)?b(?(1)c|d)$", "abd"))
  }

  @Test("A letter is found before a mark that combines with it")
  func scalars() throws {
    #expect(try found("e", "e\u{301}") && found("'", "'\u{301}"))
  }

  @Test("Only whole texts match where that is asked for")
  func whole() throws {
    let expression = try RegularExpression("db|db-1", wholeOnly: true)
    #expect(try ["db", "db-1", "db-2", "x-db", "db\n"].map(expression.matches) == [true, true, false, false, false])
  }

  @Test("What is no expression is refused, with its place")
  func malformed() throws {
    #expect(throws: RegularExpression.Malformed(position: 2)) { try RegularExpression("a(") }
    #expect(throws: RegularExpression.Malformed.self) { try RegularExpression("[z-a]") }
  }

  @Test("A search that would take ages ends, and does not claim that nothing is found")
  func explosive() throws {
    let text = String(repeating: "a", count: 60) + "b"
    #expect(throws: RegularExpression.Exhausted()) { try found("(a+)+$", text) }
  }
}

@Suite("Numbers as printf writes them, and parts of paths")
struct PrintfTests {
  @Test("Numbers are written as C writes them")
  func numbers() {
    #expect(String(printf: "%04d-%02d", 7, 5) == "0007-05")
    #expect(String(printf: "%.2f|%8.3f", 1.239, 2.5) == "1.24|   2.500")
    #expect(String(printf: "=%02X", UInt8(0xc)) == "=0C" && String(printf: "%.1f %%", 12.25) == "12.2 %")
  }

  @Test("The folder and the name of a path are what a shell takes them for")
  func paths() {
    let paths = ["/a/b", "/a/b/", "/a", "/", "a", "a/b", ""]
    #expect(paths.map(UserPath.parent) == ["/a", "/a", "/", "/", "", "a", ""])
    #expect(paths.map(UserPath.name) == ["b", "b", "a", "/", "a", "b", ""])
  }
}
