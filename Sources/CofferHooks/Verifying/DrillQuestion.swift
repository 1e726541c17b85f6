import CofferConfiguration
import CofferSystem

/// A question of the user's own to a restored database.
public struct DrillQuestion: Sendable {
  private let statement: String
  private let expected: ExpectedAnswer

  /// Bytes of an answer that are shown.
  private static let shown = 200

  /// Asks all that the configuration has for the databases of a throw-away place.
  ///
  /// - Parameter root: Which has `verify_queries`.
  /// - Returns: How many questions were asked, and what is otherwise than it should be.
  /// - Throws: What cannot be asked.
  public static func ask(
    _ root: ConfigurationSection, in place: any DrillPlace, of facts: DumpFacts
  ) throws -> (count: Int, differences: [String]) {
    var count = 0
    var differences: [String] = []
    for database in root[VerifyOptions.queries].isEmpty ? [] : try place.databases(of: facts) {
      var asked = facts
      asked.identity = facts.identity.naming(database)
      let isOne = database.isSame(as: facts.identity.database)
      for question in all(in: root, about: asked.identity) {
        count += 1
        guard let difference = try question.difference(in: place, of: asked) else { continue }
        differences.append(isOne ? difference : "in '\(Quoting.terminal(database))' \(difference)")
      }
    }
    return (count, differences)
  }

  /// The questions that the configuration has for a database.
  private static func all(in root: ConfigurationSection, about identity: DumpIdentity) -> [DrillQuestion] {
    root[VerifyOptions.queries].compactMap { section in
      let hook = section[VerifyOptions.queryHook]
      guard NamePattern(section[VerifyOptions.queryDatabase]).matches(identity.database),
        hook.map({ $0.isSame(as: identity.hook) || "\($0)_databases".isSame(as: identity.hook) }) ?? true,
        let expected = section[VerifyOptions.expect]
      else { return nil }
      return DrillQuestion(statement: section[VerifyOptions.query], expected: expected)
    }
  }

  /// - Returns: What is otherwise than it should be; nil when nothing is.
  private func difference(in place: any DrillPlace, of facts: DumpFacts) throws -> String? {
    let answer = try place.answer(to: statement, of: facts)
    guard !expected.isMet(by: answer) else { return nil }
    let start = String(decoding: answer.utf8.prefix(Self.shown), as: UTF8.self)
    return "'\(Quoting.terminal(statement))' answers '\(Quoting.terminal(start))'"
      + (answer.utf8.count > Self.shown ? "..." : "") + ", and '\(Quoting.terminal(expected.spelling))' was expected"
  }
}
