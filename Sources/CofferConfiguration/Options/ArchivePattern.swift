import CofferSystem

/// Names of archives as `match_archives` has them: a glob, or behind `re:` a regular expression, in both of which
/// `{hostname}`, `{fqdn}` and `{user}` stand for values.
public struct ArchivePattern: OptionText {
  public static let title = "a pattern of names"
  public static let suggestion = "Write a glob, or a regular expression after 're:', for example re:db1-.*"

  private static let placeholders = ["{hostname}", "{fqdn}", "{user}"]

  /// As it was written.
  public let spelling: String

  public init?(_ text: String) {
    if let expression = text.after(beginning: "re:") {
      let pattern = Self.placeholders.reduce(expression) { $0.swapping($1, for: "x") }
      guard (try? RegularExpression(pattern)) != nil else { return nil }
    }
    spelling = text
  }
}
