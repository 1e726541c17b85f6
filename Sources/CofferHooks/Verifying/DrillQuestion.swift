import CofferConfiguration
import CofferSystem

/// A question of the user's own to a restored database.
public struct DrillQuestion: Sendable {
  let statement: String
  private let expected: ExpectedAnswer

  /// Bytes of an answer that are shown.
  private static let shown = 200

  /// The questions that the configuration has for a database.
  ///
  /// - Parameter root: Which has `verify_queries`.
  public static func all(in root: ConfigurationSection, about identity: DumpIdentity) -> [DrillQuestion] {
    root[VerifyOptions.queries].compactMap { section in
      let hook = section[VerifyOptions.queryHook]
      guard NamePattern(section[VerifyOptions.queryDatabase]).matches(identity.database),
        hook.map({ $0.isSame(as: identity.hook) || "\($0)_databases".isSame(as: identity.hook) }) ?? true,
        let expected = section[VerifyOptions.expect]
      else { return nil }
      return DrillQuestion(statement: section[VerifyOptions.query], expected: expected)
    }
  }

  /// Asks it in the throw-away place.
  ///
  /// - Returns: What is otherwise than it should be; nil when nothing is.
  /// - Throws: What cannot be asked.
  public func difference(in place: any DrillPlace, of facts: DumpFacts) throws -> String? {
    let answer = try place.answer(to: statement, of: facts)
    guard !expected.isMet(by: answer) else { return nil }
    let start = String(decoding: answer.utf8.prefix(Self.shown), as: UTF8.self)
    return "'\(Quoting.terminal(statement))' answers '\(Quoting.terminal(start))'"
      + (answer.utf8.count > Self.shown ? "..." : "") + ", and '\(Quoting.terminal(expected.spelling))' was expected"
  }
}
