/// A name, or a pattern for names as shells know it: `*`, `?`, `[abc]`, `[a-z]` and `[!abc]`, matched against the whole
/// name and with regard to case (POSIX fnmatch without flags: no character is special to it but these).
public struct NamePattern: Sendable, Hashable {
  public let text: String
  private let wildcards: WildcardPattern

  public init(_ text: String) {
    self.text = text
    wildcards = WildcardPattern(text, style: .name)
  }

  /// Returns a pattern that matches a text and nothing else.
  public static func literal(_ text: String) -> String {
    var pattern = ""
    for scalar in text.unicodeScalars {
      pattern += ["*", "?", "["].contains(scalar) ? "[\(scalar)]" : "\(scalar)"
    }
    return pattern
  }

  /// Whether the text is more than a plain name.
  public var isPattern: Bool { wildcards.hasWildcards }

  public func matches(_ name: String) -> Bool { wildcards.matches(name.unicodeScalars.map(\.value)) }
}
