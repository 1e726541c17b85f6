/// Splits a command into words as a POSIX shell does, without expanding anything.
public enum ShellWords {
  /// A quote or a backslash without its end.
  public struct Unfinished: Error, Equatable {
    public init() {}
  }

  /// - Throws: `Unfinished`.
  public static func split(_ text: String) throws(Unfinished) -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var rest = text.makeIterator()
    while let character = rest.next() {
      switch (quote, character) {
      case (nil, "\\"):
        guard let escaped = rest.next() else { throw Unfinished() }
        word = (word ?? "") + String(escaped)
      case ("\"", "\\"):
        guard let escaped = rest.next() else { throw Unfinished() }
        let isSpecial = "\"\\$`".contains(escaped)
        word = (word ?? "") + (isSpecial ? "" : "\\") + String(escaped)
      case (nil, "\""), (nil, "'"):
        quote = character
        word = word ?? ""
      case (let open?, character) where open == character: quote = nil
      case (nil, _) where character.isWhitespace:
        if let finished = word { words.append(finished) }
        word = nil
      default: word = (word ?? "") + String(character)
      }
    }
    guard quote == nil else { throw Unfinished() }
    if let word { words.append(word) }
    return words
  }

  /// A word as a POSIX shell reads it back unchanged: as it is where that is safe, else in single quotes.
  public static func quoted(_ word: String) -> String {
    let isSafe = !word.isEmpty && word.utf8.allSatisfy { safe.contains($0) }
    return isSafe
      ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }

  private static let safe = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,@%+=".utf8)
}
