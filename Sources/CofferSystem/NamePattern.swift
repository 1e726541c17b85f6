/// A name, or a pattern for names as shells know it: `*`, `?`, `[abc]`, `[a-z]` and `[!abc]`, matched against the whole
/// name and with regard to case (POSIX fnmatch without flags: no character is special to it but these).
public struct NamePattern: Sendable, Hashable {
  private enum Part: Hashable {
    case any
    case one
    case literal(Unicode.Scalar)
    case oneOf([ClosedRange<Unicode.Scalar>], isNegated: Bool)
  }

  public let text: String
  private let parts: [Part]

  public init(_ text: String) {
    self.text = text
    parts = Self.parse(Array(text.unicodeScalars))
  }

  /// Whether the text is more than a plain name.
  public var isPattern: Bool {
    parts.contains { if case .literal = $0 { false } else { true } }
  }

  public func matches(_ name: String) -> Bool {
    let name = Array(name.unicodeScalars)
    var (part, position) = (0, 0)
    // Where the last `*` stands and how much of the name it has taken so far.
    var retry: (part: Int, position: Int)?
    while position < name.count {
      if part < parts.count, parts[part] == .any {
        retry = (part, position)
        part += 1
      } else if part < parts.count, Self.fits(parts[part], name[position]) {
        part += 1
        position += 1
      } else if let last = retry {
        retry = (last.part, last.position + 1)
        (part, position) = (last.part + 1, last.position + 1)
      } else {
        return false
      }
    }
    return parts[part...].allSatisfy { $0 == .any }
  }

  private static func fits(_ part: Part, _ character: Unicode.Scalar) -> Bool {
    switch part {
    case .any: false
    case .one: true
    case .literal(let own): own == character
    case .oneOf(let ranges, let isNegated): ranges.contains { $0.contains(character) } != isNegated
    }
  }

  private static func parse(_ text: [Unicode.Scalar]) -> [Part] {
    var parts: [Part] = []
    var position = 0
    while position < text.count {
      switch text[position] {
      case "*": if parts.last != .any { parts.append(.any) }
      case "?": parts.append(.one)
      case "[":
        if let (part, end) = bracket(text, from: position) {
          parts.append(part)
          position = end
        } else {
          parts.append(.literal("["))
        }
      case let character: parts.append(.literal(character))
      }
      position += 1
    }
    return parts
  }

  /// - Returns: The part and the position of its `]`; nil when there is none, and `[` stands for itself.
  private static func bracket(_ text: [Unicode.Scalar], from start: Int) -> (Part, end: Int)? {
    var first = start + 1
    let isNegated = first < text.count && (text[first] == "!" || text[first] == "^")
    if isNegated { first += 1 }
    // A `]` that comes first is one of the characters.
    guard first < text.count, let end = text[(first + 1)...].firstIndex(of: "]") else { return nil }
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    var position = first
    while position < end {
      if position + 2 < end, text[position + 1] == "-" {
        if text[position] <= text[position + 2] { ranges.append(text[position]...text[position + 2]) }
        position += 3
      } else {
        ranges.append(text[position]...text[position])
        position += 1
      }
    }
    return (.oneOf(ranges, isNegated: isNegated), end)
  }
}
