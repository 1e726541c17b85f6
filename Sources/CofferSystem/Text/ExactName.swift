/// A name from outside, equal only to the same bytes.
///
/// Swift's strings are equal when Unicode calls them equivalent: `é` in one scalar and in two are two databases, but one
/// `String` in a set or as the key of a dictionary.
public struct ExactName: Sendable, Hashable, Comparable, CustomStringConvertible {
  public let text: String

  public init(_ text: some StringProtocol) {
    self.text = String(text)
  }

  public var description: String { text }

  public static func == (left: ExactName, right: ExactName) -> Bool {
    left.text.isSame(as: right.text)
  }

  /// The order of the bytes in UTF-8.
  public static func < (left: ExactName, right: ExactName) -> Bool {
    left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
  }

  public func hash(into hasher: inout Hasher) {
    for byte in text.utf8 { hasher.combine(byte) }
    hasher.combine(text.utf8.count)
  }
}
