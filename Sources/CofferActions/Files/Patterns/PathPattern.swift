import CofferSystem

/// One pattern for paths, in one of Borg's five styles.
struct PathPattern {
  enum Style: String, CaseIterable {
    /// Wildcards that match `/` too.
    case flat = "fm"
    /// Wildcards that stay within a folder, and `**/`.
    case shell = "sh"
    case regular = "re"
    /// A path and everything below it.
    case prefix = "pp"
    /// Exactly one path.
    case full = "pf"

    /// The one that stands, with a colon, before a pattern.
    init?(before pattern: String) {
      let parts = pattern.parts(by: ":", limit: 2)
      guard parts.count == 2 else { return nil }
      self.init(rawValue: parts[0])
    }
  }

  private enum Matcher {
    case wildcards(WildcardPattern)
    case regular(RegularExpression)
    case prefix([UInt8])
    case full([UInt8])
  }

  private let matcher: Matcher
  /// As it was written.
  private let text: String

  /// Reads a pattern.
  ///
  /// - Parameters:
  ///   - text: The pattern, or a style, a colon, and the pattern.
  ///   - style: The style of a pattern that names none.
  /// - Throws: `PatternError`.
  init(_ text: String, style: Style) throws(PatternError) {
    self.text = text
    var (style, pattern) = (style, text)
    let parts = text.parts(by: ":", limit: 2)
    if parts.count == 2, parts[0].utf8.count == 2, parts[0].utf8.allSatisfy(Self.isOfStyle) {
      guard let named = Style(rawValue: parts[0]) else { throw .unknownStyle(parts[0], line: text) }
      (style, pattern) = (named, parts[1])
    }
    guard !pattern.isEmpty else { throw .empty(line: text) }
    matcher = try Self.matcher(style, pattern, line: text)
  }

  private static func isOfStyle(_ byte: UInt8) -> Bool {
    // Of ASCII: letters, whatever their case, and digits.
    (0x61...0x7a).contains(byte | 0x20) || (0x30...0x39).contains(byte)
  }

  private static func matcher(_ style: Style, _ pattern: String, line: String) throws(PatternError) -> Matcher {
    let path = PathText.normalized(pattern)
    // A folder is matched with its content, but with a slash at the pattern's end only its content is.
    let folder = path.isEmpty ? "" : path + "/"
    let end = pattern.ends(with: "/") ? "/" : ""
    switch style {
    case .flat: return .wildcards(WildcardPattern("\(folder)*\(end)", style: .flat))
    case .shell: return .wildcards(WildcardPattern("\(folder)**/*\(end)", style: .byFolder))
    case .prefix: return .prefix(Array(folder.utf8))
    case .full: return .full(Array(path.utf8))
    case .regular:
      do {
        return .regular(try RegularExpression(translated(pattern)))
      } catch {
        throw .malformedExpression(line: line)
      }
    }
  }

  /// What Python, whose expressions Borg's users write, spells in another way: the very end of a text.
  private static func translated(_ expression: String) -> String {
    var result = ""
    var rest = expression.unicodeScalars.makeIterator()
    while let scalar = rest.next() {
      result.unicodeScalars.append(scalar)
      guard scalar == "\\", let escaped = rest.next() else { continue }
      result.unicodeScalars.append(escaped == "Z" ? "z" : escaped)
    }
    return result
  }

  /// The path that alone matches; nil for other patterns than full ones.
  var fullPath: [UInt8]? {
    if case .full(let path) = matcher { path } else { nil }
  }

  /// - Throws: `PatternError.exhausted`.
  func matches(_ path: PathText) throws(PatternError) -> Bool {
    switch matcher {
    case .wildcards(let pattern): return pattern.matches(path.charactersAndSlash)
    case .prefix(let prefix): return path.bytesAndSlash.starts(with: prefix)
    case .full(let wanted): return path.bytes == wanted
    case .regular(let expression):
      do {
        return try expression.matches(path.text)
      } catch {
        throw .exhausted(pattern: text, path: path.text)
      }
    }
  }
}

/// A pattern that cannot be read.
enum PatternError: DiagnosableError, Equatable {
  case unknownStyle(String, line: String)
  case unknownCommand(line: String)
  case empty(line: String)
  case malformedExpression(line: String)
  /// Whether the pattern means a path takes too many steps to find out.
  case exhausted(pattern: String, path: String)
  case unreadable(option: String, SystemError)

  var diagnosis: Diagnosis {
    switch self {
    case .unknownStyle(let style, let line):
      Diagnosis(
        subject: "pattern '\(line)'", problem: "There is no pattern style '\(style)'",
        suggestion: "Write fm, sh, re, pp or pf, or 'fm:' before a pattern that itself begins like a style")
    case .unknownCommand(let line):
      Diagnosis(
        subject: "pattern '\(line)'", problem: "It does not begin with R, P, +, - or !",
        suggestion: "Write '- PATTERN' to leave paths out, '+ PATTERN' to keep them, 'R PATH' for a folder to back up")
    case .empty(let line):
      Diagnosis(subject: "pattern '\(line)'", problem: "There is nothing after its first letter", suggestion: nil)
    case .malformedExpression(let line):
      Diagnosis(
        subject: "pattern '\(line)'", problem: "Its regular expression is not well-formed",
        suggestion: "Check its brackets and parentheses")
    case .exhausted(let pattern, let path):
      Diagnosis(
        subject: "pattern '\(pattern)'",
        problem: "Whether it means '\(Quoting.terminal(path))' takes too many steps to find out",
        suggestion: RegularExpression.Exhausted.advice)
    case .unreadable(let option, let error):
      Diagnosis(
        subject: "\(option): \(error.subject)", problem: "It cannot be read: \(error.reason)",
        suggestion: error.diagnosis.suggestion)
    }
  }
}
