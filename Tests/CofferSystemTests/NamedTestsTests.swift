import Foundation
import Testing

/// Pages say in which test a promise is held.
@Suite("Tests that the documentation names")
struct NamedTestsTests {
  private static var root: String { #filePath.components(separatedBy: "/").dropLast(3).joined(separator: "/") }

  private static func text(_ path: String) throws -> String {
    try String(contentsOfFile: "\(root)/\(path)", encoding: .utf8)
  }

  /// The texts of the files that declare a suite, and the targets, by their names.
  private static func suites() throws -> [String: [String]] {
    var suites: [String: [String]] = [:]
    let declaration = try Regex(#"(?:struct|class|enum) (\w+Tests)\b"#, as: (Substring, Substring).self)
    for path in try FileManager.default.subpathsOfDirectory(atPath: "\(root)/Tests") {
      let parts = path.components(separatedBy: "/")
      if parts[0].hasSuffix("Tests") { suites[parts[0], default: []] += [] }
      guard path.hasSuffix(".swift") else { continue }
      let text = try text("Tests/\(path)")
      for match in text.matches(of: declaration) { suites[String(match.output.1), default: []].append(text) }
    }
    return suites
  }

  @Test(
    "each suite that a page names is there, and has the test of the name",
    arguments: ["security", "testing", "deleting", "performance", "repository-format", "contributing", "map"])
  func exist(page: String) throws {
    let suites = try Self.suites()
    #expect(suites.count > 100)
    // A test without its suite is of the one that was named last in the row.
    let name = try Regex(#"`(\w+Tests)?(?:\.([a-z]\w*))?`"#, as: (Substring, Substring?, Substring?).self)
    for (number, row) in try Self.text("Documentation/\(page).md").components(separatedBy: "\n").enumerated() {
      var suite: String?
      for match in row.matches(of: name) {
        suite = match.output.1.map(String.init) ?? suite
        guard let suite else {
          // In a row without any suite it is a file's ending, or the like.
          guard let test = match.output.2, row.hasPrefix("|") else { continue }
          Issue.record("\(page):\(number + 1): .\(test) of which suite?")
          continue
        }
        let files = try #require(suites[suite], "\(page):\(number + 1): there is no \(suite)")
        if let test = match.output.2 {
          #expect(files.contains { $0.contains("func \(test)(") }, "\(page):\(number + 1): no \(suite).\(test)")
        }
      }
    }
  }

  @Test("every claim of the page about security names its test")
  func everyClaim() throws {
    var rows = 0
    // Of the table that a row is in; nil outside of tables.
    var namesTests: Bool?
    for row in try Self.text("Documentation/security.md").components(separatedBy: "\n") {
      guard row.hasPrefix("|") else {
        namesTests = nil
        continue
      }
      let cells = row.components(separatedBy: " | ")
      guard let isClaim = namesTests else {
        // What a place sees is told by what it is, not by tests.
        namesTests = cells[cells.count - 1].hasPrefix("tried in")
        continue
      }
      guard isClaim, cells.count > 2 else { continue }
      rows += 1
      #expect(cells[cells.count - 1].contains("`"), "\(row)")
    }
    #expect(rows > 40)
  }
}
