import CofferSystem

/// A program with its first arguments, or arguments alone, split into words like a shell does, but expanding nothing.
public struct CommandWords: OptionText, EmptyOptionValue {
  public static let title = "words as a shell splits them"
  public static let suggestion = "Close the quote, or write a backslash before a sign that means itself"
  public static let empty = CommandWords(words: [], spelling: "")

  public let words: [String]
  /// As it was written.
  public let spelling: String

  private init(words: [String], spelling: String) {
    self.words = words
    self.spelling = spelling
  }

  public init?(_ text: String) {
    guard let words = try? ShellWords.split(text) else { return nil }
    self.init(words: words, spelling: text)
  }
}

/// A program without arguments, as the default of an option.
extension CommandWords: ExpressibleByStringLiteral {
  public init(stringLiteral program: String) {
    self.init(words: [program], spelling: program)
  }
}
