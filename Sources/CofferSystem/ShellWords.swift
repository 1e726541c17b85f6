/// Splits a command into words as a POSIX shell does, without expanding anything.
public enum ShellWords {
  /// A quote or a backslash without its end.
  public struct Unfinished: Error, Equatable {
    public init() {}
  }

  /// - Throws: `Unfinished`.
  public static func split(_ text: String) throws(Unfinished) -> [String] {
    var words: [String] = []
    var word: String.UnicodeScalarView?
    var quote: Unicode.Scalar?
    var rest = text.unicodeScalars.makeIterator()
    while let scalar = rest.next() {
      switch (quote, scalar) {
      case (nil, "\\"):
        guard let escaped = rest.next() else { throw Unfinished() }
        word = (word ?? .init()) + [escaped]
      case ("\"", "\\"):
        guard let escaped = rest.next() else { throw Unfinished() }
        let isSpecial = escaped == "\"" || escaped == "\\" || escaped == "$" || escaped == "`"
        word = (word ?? .init()) + (isSpecial ? [escaped] : ["\\", escaped])
      case (nil, "\""), (nil, "'"):
        quote = scalar
        word = word ?? .init()
      case (let open?, scalar) where open == scalar: quote = nil
      case (nil, " "), (nil, "\t"), (nil, "\n"), (nil, "\r"):
        if let finished = word { words.append(String(finished)) }
        word = nil
      default: word = (word ?? .init()) + [scalar]
      }
    }
    guard quote == nil else { throw Unfinished() }
    if let word { words.append(String(word)) }
    return words
  }
}
