import CofferConfiguration
import CofferSystem

/// A shell command in which `{name}` and others stand for values.
public struct CustomCommand: OptionText {
  /// What values there are.
  enum Place {
    /// Of the database and its server, in every command.
    static let server = ["name", "hostname", "port", "username"]
  }

  public static let title = "a shell command"
  public static let suggestion = "Write it as you would at a prompt"

  /// As it was written.
  public let spelling: String

  public init?(_ text: String) {
    guard !text.trimmed.isEmpty, !text.utf8.contains(0) else { return nil }
    spelling = text
  }

  /// Whether the command has something to do with a value.
  func uses(_ name: String) -> Bool {
    let variables = CommandVariables([name: ""])
    return CommandTemplate(spelling, variables: variables).known.contains(name)
      || (variables.environmentName(of: name).map { spelling.holds($0) } ?? false)
  }

  /// The form of a command in which these names may stand in braces, and no others.
  static func form(of names: [String]) -> OptionFormat {
    let shown = names.map { "{\($0)}" }
    return OptionFormat(
      title: "\(title) with no other names in braces than \(shown.joined(separator: ", "))",
      suggestion: "Write \\{name\\} for braces that mean themselves; the password is in $COFFER_PASSWORD",
      nearest: { nearest(to: $0, among: names) }
    ) { text in
      Self(text) != nil && unknown(in: text, among: names).isEmpty
    }
  }

  private static func unknown(in text: String, among names: [String]) -> [String] {
    let variables = CommandVariables(Dictionary(names.map { ($0, "") }, uniquingKeysWith: { first, _ in first }))
    return CommandTemplate(text, variables: variables).unknown
  }

  /// The command with its slips corrected; nil when one of them resembles nothing.
  private static func nearest(to text: String, among names: [String]) -> String? {
    let slips = unknown(in: text, among: names)
    var corrected = text
    for slip in slips {
      guard let name = NearestName.slip(of: slip, among: names) else { return nil }
      corrected = corrected.swapping("{\(slip)}", for: "{\(name)}")
    }
    return slips.isEmpty ? nil : corrected
  }
}
