/// A pattern of characters and wildcards that a whole path or name must fit.
public struct WildcardPattern: Sendable, Hashable {
  /// How the wildcards treat the `/`.
  public enum Style: Sendable {
    /// `*` and `?` match it like any other character.
    case flat
    /// As `flat`, and `[^abc]` means the same as `[!abc]`.
    case name
    /// They do not match it, but `**/` matches any number of folders.
    case byFolder
  }

  private enum Token: Hashable {
    case character(UInt32)
    case any
    case anyButSlash
    case oneOf([ClosedRange<UInt32>], isNegated: Bool)
    /// Any number of characters.
    case run
    case runWithoutSlash
    /// Any number of folders, each with its slash.
    case folders
  }

  private let tokens: [Token]

  private static let slash = UInt32(UInt8(ascii: "/"))

  public init(_ pattern: String, style: Style) {
    var tokens: [Token] = []
    var rest = Array(pattern.unicodeScalars.map(\.value))[...]
    while let character = rest.popFirst() {
      switch UnicodeScalar(character) {
      case "*":
        if style == .byFolder, rest.starts(with: "*/".unicodeScalars.map(\.value)) {
          rest = rest.dropFirst(2)
          tokens.append(.folders)
        } else {
          let run: Token = style == .byFolder ? .runWithoutSlash : .run
          if tokens.last != run { tokens.append(run) }
        }
      case "?": tokens.append(style == .byFolder ? .anyButSlash : .any)
      case "[": tokens.append(Self.set(&rest, style) ?? .character(character))
      default: tokens.append(.character(character))
      }
    }
    self.tokens = tokens
  }

  /// Reads `[abc]`, `[a-z]` or `[!abc]` after its bracket; a `]` that comes first stands for itself.
  ///
  /// - Returns: nil when the bracket is not closed: it then stands for itself.
  private static func set(_ rest: inout ArraySlice<UInt32>, _ style: Style) -> Token? {
    let (bang, caret, dash, bracket) = (UInt32(33), UInt32(94), UInt32(45), UInt32(93))
    let isNegated = rest.first == bang || (style == .name && rest.first == caret)
    let content = isNegated ? rest.dropFirst() : rest
    guard let end = content.dropFirst().firstIndex(of: bracket) else { return nil }
    var members = content[..<end]
    rest = rest[(end + 1)...]
    var ranges: [ClosedRange<UInt32>] = []
    while let low = members.popFirst() {
      if members.first == dash, let high = members.dropFirst().first {
        members = members.dropFirst(2)
        if low <= high { ranges.append(low...high) }
      } else {
        ranges.append(low...low)
      }
    }
    return .oneOf(ranges, isNegated: isNegated)
  }

  /// Whether the pattern is more than plain characters.
  public var hasWildcards: Bool {
    tokens.contains { if case .character = $0 { false } else { true } }
  }

  /// - Parameter path: Its Unicode scalars; what is none may be given a number that none has.
  public func matches(_ path: [UInt32]) -> Bool {
    var attempt = Attempt(tokens: tokens, path: path)
    return attempt.matches(from: 0, at: 0)
  }

  /// One try, which remembers the places that wildcards have failed at: so no pattern takes more than a step for each
  /// of its tokens and each place of the path.
  private struct Attempt {
    let tokens: [Token]
    let path: [UInt32]
    private var failed: Set<Int> = []

    init(tokens: [Token], path: [UInt32]) {
      self.tokens = tokens
      self.path = path
    }

    mutating func matches(from firstToken: Int, at start: Int) -> Bool {
      var (number, place) = (firstToken, start)
      while number < tokens.count {
        let token = tokens[number]
        switch token {
        case .run, .runWithoutSlash, .folders: return matchesRun(token, number, at: place)
        default: guard place < path.count, Self.fits(token, path[place]) else { return false }
        }
        number += 1
        place += 1
      }
      return place == path.count
    }

    private mutating func matchesRun(_ token: Token, _ number: Int, at start: Int) -> Bool {
      if token == .run, number == tokens.count - 1 { return true }
      let key = number * (path.count + 1) + start
      guard !failed.contains(key) else { return false }
      var place = start
      while true {
        if matches(from: number + 1, at: place) { return true }
        guard place < path.count else { break }
        if token == .folders {
          guard let end = path[place...].firstIndex(of: WildcardPattern.slash) else { break }
          place = end + 1
        } else {
          if token == .runWithoutSlash, path[place] == WildcardPattern.slash { break }
          place += 1
        }
      }
      failed.insert(key)
      return false
    }

    private static func fits(_ token: Token, _ character: UInt32) -> Bool {
      switch token {
      case .character(let wanted): wanted == character
      case .any: true
      case .anyButSlash: character != WildcardPattern.slash
      case .oneOf(let ranges, let isNegated): ranges.contains { $0.contains(character) } != isNegated
      case .run, .runWithoutSlash, .folders: false
      }
    }
  }
}
