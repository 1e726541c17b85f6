import CofferSystem

/// What to do about what the programs of a database system say when they fail.
public struct FailureAdvice: Sendable {
  /// Parts of messages, and what to do where one is in a text; the first that fits counts.
  public typealias Causes = [(sign: String, advice: String)]

  private let find: @Sendable (String) -> String?

  /// - Parameter find: Returns the advice on what a program said; nil for what the system does not know better than all.
  public init(_ find: @escaping @Sendable (String) -> String?) {
    self.find = find
  }

  /// Only what holds for programs of every system.
  public static let common = FailureAdvice { _ in nil }

  func suggestion(_ lines: [String]) -> String? {
    let text = lines.joined(separator: "\n")
    return find(text) ?? Self.first(of: Self.everywhere, in: text)
  }

  static func first(of causes: Causes, in text: String) -> String? {
    causes.first { text.holds($0.sign) }?.advice
  }

  /// How programs are installed of one of Debian's packages; see `ChildCommand.installations`.
  static func debian(_ programs: [String], _ package: String) -> [String: String] {
    Dictionary(
      programs.map { ($0, "On Debian: apt-get install \(package)") }, uniquingKeysWith: { first, _ in first })
  }

  static let connectionRefused = (
    sign: "Connection refused", advice: "Check that the server runs, and hostname and port in the configuration"
  )
  static let noSuchFile = (
    sign: "No such file or directory", advice: "Check that the server runs and that the path or socket is right"
  )
  static let alreadyExists = (
    sign: "already exists",
    advice: "The database holds what the dump does not replace; drop it, or restore where it is missing"
  )
  static let doesNotExist = (
    sign: "does not exist", advice: "Create what is missing there, or correct its name"
  )

  private static let everywhere: Causes = [
    connectionRefused, noSuchFile, alreadyExists, doesNotExist,
    ("No space left", "Free some space on the server"),
  ]
}
