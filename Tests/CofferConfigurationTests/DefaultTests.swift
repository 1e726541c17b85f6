import CofferActions
import CofferHooks
import CofferSystem
import Foundation
import Testing

@testable import CofferConfiguration

@Suite("Defaults stand once")
struct DefaultTests {
  private static let literal = #"(?:"|-?[0-9]|true\b|false\b|\.[a-z]|\[)"#
  /// An option, or a flag, that is read, and a value for when it is not set.
  private static let patterns = [
    #"\w+Options\.\w+[\])]+\s*\?\?\s*"# + literal, #"(?:flags|globals)\[[\w.]+\]\s*\?\?\s*"# + literal,
    #"(?:section|root|options)\??\[[\w.]+\]\)?\s*\?\?\s*"# + literal, #"\.given\([\w.]+\)\s*\?\?\s*"# + literal,
  ]

  private static func findings(in text: String) throws -> [String] {
    try patterns.flatMap { text.matches(of: try Regex($0)).map { String($0.0) } }
  }

  private static var sources: [(name: String, text: String)] {
    get throws {
      let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources").path
      return try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".swift") }.map {
        ($0, try String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8))
      }
    }
  }

  @Test("No option and no flag gets a default where it is read")
  func reading() throws {
    for wrong in [
      "root?[SQLiteOptions.databases] ?? []", "(root?[dialect.databases]) ?? []", "own.given(key) ?? 0",
      "root[GeneralOptions.unlockTimeout] ?? 900", "own?[NtfyOptions.tags] ?? \"coffer\"", "flags[sortBy] ?? \"\"",
      "section[SourceOptions.mustExist]\n      ?? true", "root.given(RunOptions.retries) ?? 0", "section[key] ?? []",
      "section[PostgreSQLOptions.globals] ?? .automatic", "try secret(NtfyOptions.password) ?? \"\"",
    ] {
      #expect(try Self.findings(in: wrong).count >= 1, "\(wrong)")
    }
    let sources = try Self.sources
    #expect(sources.count > 200)
    for (name, text) in sources { #expect(try Self.findings(in: text) == [], "\(name)") }
  }

  @Test("An option with a default is never missing")
  func types() throws {
    let declaration = try Regex(#"OptionKey<[^>]*\?>\([^()]*default:"#)
    for (name, text) in try Self.sources {
      #expect(text.matches(of: declaration).map { String($0.0) } == [], "\(name)")
    }
  }

  @Test("Every default is a value that its option can have")
  func valid() throws {
    var count = 0
    func check(_ options: [Option]) throws {
      for option in options {
        if let standard = option.standard {
          count += 1
          var validator = Validator(top: OptionSchema("", [option]), wantsRequired: false)
          let value = try OptionFlag.node(standard, kind: option.kind, argument: option.name)
          let mark = SourceMark(argument: option.name)
          validator.check(
            YAMLNode(.mapping([.init(key: option.name, keyMark: mark, value: value)]), mark: mark))
          #expect(validator.problems == [], "\(option.name)")
        }
        try check(option.sectionSchema?.options ?? [])
      }
    }
    try check(OptionCatalogue.standard.top.options)
    #expect(count > 60)
  }
}
