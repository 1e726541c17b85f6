import CofferSystem

/// A value that is written as a text of a certain form: what the text means is read here, where the option is declared, and
/// nowhere else.
public protocol OptionText: OptionValue {
  /// What a text must be to be one, in a user's words.
  static var title: String { get }
  /// How to write one; a full sentence without its full stop.
  static var suggestion: String { get }

  /// - Returns: nil for a text of another form.
  init?(_ text: String)

  /// Returns the text that somebody probably meant by one of another form; nil when that cannot be guessed.
  static func nearest(to text: String) -> String?
}

extension OptionText {
  public static var kind: OptionKind { .text }
  public static var format: OptionFormat? {
    OptionFormat(title: title, suggestion: suggestion, nearest: nearest) { Self($0) != nil }
  }

  public static func nearest(to text: String) -> String? { nil }

  public init?(section node: ConfigurationNode) {
    guard let text = node.node.text else { return nil }
    self.init(text)
  }
}

/// The form that a value must have, where not every one of its kind will do.
public struct OptionFormat: Sendable {
  /// What it must be, in a user's words.
  let title: String
  /// How to write it.
  let suggestion: String
  /// What somebody probably meant.
  let nearest: @Sendable (String) -> String?
  let accepts: @Sendable (String) -> Bool

  /// - Parameters:
  ///   - title: In a user's words.
  ///   - suggestion: A full sentence without its full stop.
  public init(
    title: String, suggestion: String, nearest: @escaping @Sendable (String) -> String? = { _ in nil },
    accepts: @escaping @Sendable (String) -> Bool
  ) {
    self.title = title
    self.suggestion = suggestion
    self.nearest = nearest
    self.accepts = accepts
  }
}
