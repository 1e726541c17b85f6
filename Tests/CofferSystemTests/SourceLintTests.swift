import Foundation
import Testing

/// Text from outside is cut, searched and compared by its bytes: what else the sources do with text is found here.
@Suite("Sources keep to the common functions for text")
struct SourceLintTests {
  /// What works on Characters, or with Unicode's idea of equality. A line that works on bytes, or is marked as handling
  /// text of our own, may have them.
  private static let refused: [(pattern: String, instead: String)] = [
    (
      #"\.(split|replacing|replacingOccurrences|components|trimmingCharacters|firstRange)\("#,
      "parts, swapping, words, lines, trimmed"
    ),
    (#"\.(hasPrefix|hasSuffix)\("#, "begins, ends"),
    (#"\.(isNewline|isWhitespace|isLetter|isNumber|isPunctuation|isHexDigit)"#, "a comparison of bytes or scalars"),
    (#"\.contains\(""#, "holds"),
    (#"\.range\(of:"#, "parts, after, before"),
    (#"(^|[^A-Za-z])Character([^A-Za-z]|$)"#, "Unicode.Scalar or UInt8"),
    (#"\.(first|last) ?[!=]= ?"(\\.|[^"\\])""#, "begins, ends, utf8.first"),
  ]
  private static let excuses = [
    "utf8", "UInt8(ascii", "unicodeScalars", "bytes.", "ShellWords.split", "options: .regularExpression", "// of bytes",
    "// our own text",
    // Lists of words, of which one is compared with a word of ours.
    "words.contains", "names.contains", "rights.contains", "rivileges.contains", "Options.contains",
  ]

  private static var folder: String {
    var parts = #filePath.components(separatedBy: "/")
    parts.removeLast(3)
    return parts.joined(separator: "/") + "/Sources"
  }

  private static func findings(in text: String, named name: String) throws -> [String] {
    let rules = try refused.map { (regex: try Regex($0.pattern), instead: $0.instead) }
    return text.components(separatedBy: "\n").enumerated().flatMap { index, line -> [String] in
      let isComment = line.trimmingCharacters(in: .whitespaces).hasPrefix("//")
      guard !isComment, !excuses.contains(where: { line.contains($0) }) else { return [] }
      return rules.compactMap { rule in
        line.firstMatch(of: rule.regex).map { "\(name):\(index + 1): '\($0.0)' - instead: \(rule.instead)" }
      }
    }
  }

  @Test("no function on Characters is applied to text from outside")
  func characters() throws {
    let names = try FileManager.default.subpathsOfDirectory(atPath: Self.folder).filter { $0.hasSuffix(".swift") }
    #expect(names.count > 200)
    for name in names where !name.hasPrefix("CofferSystem/Text/") {
      let text = try String(contentsOfFile: "\(Self.folder)/\(name)", encoding: .utf8)
      let findings = try Self.findings(in: text, named: name)
      #expect(findings == [], "\(findings.joined(separator: "\n"))")
    }
  }

  @Test("whatever compares texts sees the comparison by bytes")
  func equality() throws {
    let comparing = try Regex(#"[=!]=|\bswitch\b|\.contains\(|\.firstIndex\(of"#)
    let names = try FileManager.default.subpathsOfDirectory(atPath: Self.folder).filter { $0.hasSuffix(".swift") }
    for name in names where !name.hasPrefix("CofferSystem/") {
      let lines = try String(contentsOfFile: "\(Self.folder)/\(name)", encoding: .utf8).components(separatedBy: "\n")
      let code = lines.filter { !$0.trimmingCharacters(in: .whitespaces).hasPrefix("//") }
      guard code.contains(where: { $0.firstMatch(of: comparing) != nil }) else { continue }
      #expect(code.contains("import CofferSystem"), "\(name) compares, and does not import CofferSystem")
    }
  }

  @Test("no source needs all of Foundation, which would bring 40 MB of ICU into the program")
  func essentials() throws {
    let names = try FileManager.default.subpathsOfDirectory(atPath: Self.folder).filter { $0.hasSuffix(".swift") }
    let needing = try names.filter {
      try String(contentsOfFile: "\(Self.folder)/\($0)", encoding: .utf8).components(separatedBy: "\n")
        .contains { $0.hasSuffix("import Foundation") }
    }
    #expect(needing == [], "Write import FoundationEssentials, or import Glibc, or both")
  }

  @Test("the look at the sources finds each kind")
  func teeth() throws {
    let lines = [
      "name.split(separator: \"/\")", "name.replacing(\"'\", with: \"''\")", "name.hasPrefix(\"a\")", "$0.isNewline",
      "name.contains(\"x\")", "name.range(of: sign)", "let quote: Character", "name.first == \"\\\"\"",
    ]
    for line in lines { #expect(try Self.findings(in: line, named: "x").count == 1, "\(line)") }
    #expect(
      try Self.findings(in: "path.utf8.split(separator: slash)\n// Character\nname.split() // our own text", named: "x")
        == [])
  }
}
