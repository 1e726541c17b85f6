import CofferRepository
import Testing

@testable import CofferActions

@Suite("Patterns of paths")
struct PatternTests {
  private func matches(_ pattern: String, _ path: String) throws -> Bool {
    try PathPattern(pattern, style: .flat).matches(PathText(ItemPath(path)))
  }

  @Test(
    "fm: wildcards match any characters, slashes too, and a folder with what is in it",
    arguments: [
      ("*.o", "home/user/file.o", true), ("*.o", "home/user/file.odt", false), ("*.o", "a.o/inside", true),
      ("home/*/junk", "home/user/junk", true), ("home/*/junk", "home/user/sub/junk/x", true),
      ("home/*/junk", "home/user/importantjunk", false), ("home/*/junk", "etc/junk", false),
      ("/home/user", "home/user/x", true), ("home/user", "home/username", false),
      ("home/user/", "home/user", false), ("home/user/", "home/user/x", true),
      ("home//./user/../user", "home/user", true), ("f?le", "file", true), ("f?le", "f/le", true),
      ("f?le", "fle", false),
      ("[abc]x", "bx", true), ("[!abc]x", "bx", false), ("[a-c]x", "cx", true), ("[]]x", "]x", true),
      ("[!]]x", "]x", false), ("[a-]", "-", true), ("a[b", "a[b", true), ("[?]", "?", true), ("[?]", "x", false),
      ("*", "anything/at/all", true), ("a/\u{301}b", "a/\u{301}b", true), ("a//\u{301}b/", "a/\u{301}b/c", true),
      ("caf\u{e9}", "cafe\u{301}", false), ("caf?", "cafe\u{301}", false), ("caf??", "cafe\u{301}", true),
      ("a\r\nb", "a\r\nb", true), ("a\r?b", "a\r\nb", true), ("/", "anything", true), ("gr?n", "grün", true),
      (".", "a", false),
    ])
  func flat(pattern: String, path: String, expected: Bool) throws {
    #expect(try matches("fm:\(pattern)", path) == expected)
    #expect(try matches(pattern, path) == expected)
  }

  @Test(
    "sh: wildcards stay within a folder, and **/ stands for any number of folders",
    arguments: [
      ("home/*/.cache", "home/user/.cache", true), ("home/*/.cache", "home/user/.cache/x/y", true),
      ("home/*/.cache", "home/user/sub/.cache", false), ("home/**/.cache", "home/user/sub/.cache", true),
      ("home/**/.cache", "home/.cache", true), ("**/*.o", "a.o", true), ("**/*.o", "x/y/a.o", true),
      ("*.o", "x/a.o", false), ("f?le", "f/le", false), ("home/user/", "home/user", false),
      ("home/user/", "home/user/x", true), ("a**/b", "axx/b", true), ("a**/b", "ax/y/b", true), ("a**b", "axxb", true),
      ("[!a]b", "xb", true), ("/etc/**/", "etc/a/b", true),
    ])
  func shell(pattern: String, path: String, expected: Bool) throws {
    #expect(try matches("sh:\(pattern)", path) == expected)
  }

  @Test(
    "re: a part of the path is enough, unless the expression is tied to its ends",
    arguments: [
      ("\\.jpe?g$", "home/a.jpeg", true), ("\\.jpe?g$", "home/a.jpeg.txt", false), ("(?i)\\.ISO$", "x.iso", true),
      ("^home/[^/]+\\.tmp/", "home/x.tmp/file", true), ("^home/[^/]+\\.tmp/", "home/x.tmp", false),
      ("^(dev|proc)", "device", true), ("ome", "home", true), ("(?P<letter>o)me\\Z", "home", true),
      ("\\\\Z", "a\\Z", true), ("^/home", "home", false),
    ])
  func regular(pattern: String, path: String, expected: Bool) throws {
    #expect(try matches("re:\(pattern)", path) == expected)
  }

  @Test(
    "pp: a path and all below it; pf: just the path",
    arguments: [
      ("pp:home/user", "home/user", true), ("pp:home/user", "home/user/x", true), ("pp:/home/a/", "home/a/x", true),
      ("pp:home/user", "home/user2", false), ("pp:home/*", "home/user", false), ("pp:/", "home", true),
      ("pf:home/user", "home/user", true), ("pf:/home/user/", "home/user", true),
      ("pf:home/user", "home/user/x", false),
    ])
  func literal(pattern: String, path: String, expected: Bool) throws {
    #expect(try matches(pattern, path) == expected)
  }

  @Test("A name that is no UTF-8 is matched by wildcards, a character for each byte that makes no sense")
  func strayBytes() throws {
    let path = PathText(ItemPath(bytes: Array("a".utf8) + [0xFF, 0xC3] + Array("ü.o".utf8)))
    #expect(try PathPattern("*.o", style: .flat).matches(path))
    #expect(try PathPattern("a??ü.o", style: .shell).matches(path))
    #expect(try !PathPattern("a?ü.o", style: .shell).matches(path))
  }

  @Test("No pattern takes long, however many wildcards it has")
  func effort() throws {
    let path = PathText(ItemPath(String(repeating: "a", count: 200)))
    let stars = String(repeating: "*a", count: 40)
    #expect(try !PathPattern("fm:\(stars)*b", style: .flat).matches(path))
    #expect(try !PathPattern("sh:\(stars)**/b", style: .flat).matches(path))
  }

  // MARK: - Sets

  private func lines(_ lines: String...) throws -> PatternLines {
    var result = PatternLines()
    try result.add(lines: lines)
    return result
  }

  private func verdict(_ lines: PatternLines, _ path: String) throws -> String {
    let verdict = try lines.patterns.verdict(on: ItemPath(path))
    return verdict.isIncluded ? "+" : verdict.descends ? "-" : "!"
  }

  @Test("The first pattern that matches decides; without one a path is backed up")
  func firstMatch() throws {
    let lines = try lines("+ pics/2018/good", "- pics/2018", "! pics/raw", "+ pics/raw/kept")
    #expect(try verdict(lines, "pics/2018/good/a.jpg") == "+")
    #expect(try verdict(lines, "pics/2018/bad.jpg") == "-")
    #expect(try verdict(lines, "pics/2018") == "-")
    #expect(try verdict(lines, "pics/raw/kept") == "!")
    #expect(try verdict(lines, "pics/2019") == "+")
    #expect(try verdict(PatternLines(), "anything") == "+")
  }

  @Test("An expression that takes too many steps decides nothing: it is said, with the path")
  func exhausted() throws {
    let path = "home/" + String(repeating: "a", count: 60) + "b"
    let error = #expect(throws: PatternError.self) {
      try verdict(lines("+ home/b", "- re:(a+)+$", "- home"), path)
    }
    #expect(error == .exhausted(pattern: "re:(a+)+$", path: path))
    #expect(error?.diagnosis.suggestion?.contains("repeated") == true)
    // What is decided before is not looked for.
    #expect(try verdict(lines("- home", "+ re:(a+)+$"), path) == "-")
    let filter = try ArchiveFilter("re:(a+)+$")
    #expect(throws: UndecidedName.self) { try filter.sees(String(repeating: "a", count: 60) + "b") }
  }

  @Test("A full path decides before all others, wherever it stands")
  func fullFirst() throws {
    let lines = try lines("- sh:**", "! home", "+ pf:home/bobby/special.txt")
    #expect(try verdict(lines, "home/bobby/special.txt") == "+")
    #expect(try verdict(lines, "home/bobby/other.txt") == "-")
  }

  @Test("P sets the style of what follows, R names roots, comments and empty lines say nothing")
  func commands() throws {
    let lines = try lines(
      "# a comment", "", "  R /home ", "r /etc", "- *.o", "P fm", "- *.pyc", "p re", "+ ^keep$", "- pp:gone", "-drop$")
    #expect(lines.roots == ["/home", "/etc"])
    #expect(try verdict(lines, "x/a.o") == "+" && verdict(lines, "a.o") == "-")
    #expect(try verdict(lines, "x/a.pyc") == "-")
    #expect(try verdict(lines, "gone/x") == "-" && verdict(lines, "airdrop") == "-")
  }

  @Test("The style that P sets ends with its list; excludes are fm, and nothing below them is looked at")
  func excludes() throws {
    var lines = try lines("P re", "- ^a$")
    try lines.add(lines: ["- b*"])
    try lines.add(excludes: ["# comment", "*/cache", "sh:tmp/*"])
    #expect(try verdict(lines, "bx") == "-" && verdict(lines, "c/bx") == "+")
    #expect(try verdict(lines, "x/y/cache/z") == "!" && verdict(lines, "tmp/x") == "!")
    #expect(try verdict(lines, "x/tmp/y") == "+")
  }

  @Test(
    "Lines that make no sense are told",
    arguments: [
      ("home/user", "It does not begin with R, P, +, - or !"), ("-", "There is nothing after its first letter"),
      ("P xx", "There is no pattern style 'xx'"), ("- xy:z", "There is no pattern style 'xy'"),
      ("- re:(", "Its regular expression is not well-formed"), ("- sh:", "There is nothing after its first letter"),
    ])
  func errors(line: String, problem: String) {
    #expect { try lines(line) } throws: {
      "\($0)".hasPrefix("pattern '") && "\($0)".contains("\(line.split(separator: " ").last ?? "")': \(problem)")
    }
  }

  @Test("A pattern that begins like a style can be written with one")
  func colon() throws {
    #expect(try matches("fm:aa:something/*", "aa:something/x"))
    #expect(try matches("a:b", "a:b"))
  }
}
