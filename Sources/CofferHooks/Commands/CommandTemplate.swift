import CofferSystem

/// A shell line in which `{name}` stands for a value of the moment.
///
/// The values never become part of the shell's code: they are handed over as environment variables, and each `{name}`
/// becomes a reference that keeps the value one word, whatever quotes stand around it. A database's error message with
/// quotes, newlines or `$(...)` in it is printed, not run.
struct CommandTemplate {
  /// The line with references in place of names.
  var line: String { String(decoding: result, as: UTF8.self) }
  /// Names in braces that stand for nothing.
  private(set) var unknown: [String] = []
  /// Names in braces that stand for values.
  private(set) var known: [String] = []

  private let variables: CommandVariables
  /// The shell reads bytes, so this does, too.
  private let text: [UInt8]
  private var result: [UInt8] = []
  private var position = 0
  /// What the shell would be in the middle of, the innermost last.
  private var nesting: [Nesting] = [.code]

  private enum Nesting {
    case code, substitution, backticks, doubleQuotes, singleQuotes
  }

  init(_ text: String, variables: CommandVariables) {
    self.text = Array(text.utf8)
    self.variables = variables
    while position < self.text.count { step() }
  }

  private mutating func step() {
    if let name = name(at: position, escaped: true) {
      add("{\(name)}")
      position += name.utf8.count + 4
    } else if let name = name(at: position, escaped: false), position == 0 || text[position - 1] != UInt8(ascii: "$") {
      replace(name)
      position += name.utf8.count + 2
    } else {
      follow(text[position])
    }
  }

  private mutating func replace(_ name: String) {
    guard let variable = variables.environmentName(of: name) else {
      unknown.append(name)
      return add("{\(name)}")
    }
    known.append(name)
    switch nesting.last {
    case .doubleQuotes: add("${\(variable)}")
    case .singleQuotes: add("'\"${\(variable)}\"'")
    default: add("\"${\(variable)}\"")
    }
  }

  private mutating func add(_ piece: String) { result += piece.utf8 }

  /// Copies a byte, and keeps track of where the shell would be.
  private mutating func follow(_ byte: UInt8) {
    let isQuoted = nesting.last == .doubleQuotes
    take()
    if nesting.last == .singleQuotes {
      if byte == UInt8(ascii: "'") { nesting.removeLast() }
      return
    }
    switch Unicode.Scalar(byte) {
    case "\\": if position < text.count, name(at: position, escaped: false) == nil { take() }
    case "\"": if isQuoted { nesting.removeLast() } else { nesting.append(.doubleQuotes) }
    case "'" where !isQuoted: nesting.append(.singleQuotes)
    case "`":
      if let start = nesting.lastIndex(of: .backticks) {
        nesting.removeSubrange(start...)
      } else {
        nesting.append(.backticks)
      }
    case "(" where !isQuoted || text[max(position - 2, 0)] == UInt8(ascii: "$"): nesting.append(.substitution)
    case ")" where nesting.last == .substitution: nesting.removeLast()
    case "#" where !isQuoted && beginsWord:
      // An apostrophe in a comment is no quote.
      while position < text.count, text[position] != UInt8(ascii: "\n") { take() }
    default: break
    }
  }

  /// Whether the byte that was just taken stands where a word may begin.
  private var beginsWord: Bool {
    position == 1 || text[position - 2].isBlank || text[position - 2] == UInt8(ascii: ";")
  }

  private mutating func take() {
    result.append(text[position])
    position += 1
  }

  /// The name of `{name}`, or of `\{name\}`, if that is what stands there.
  private func name(at start: Int, escaped: Bool) -> String? {
    let opening = Array((escaped ? "\\{" : "{").utf8)
    let closing = Array((escaped ? "\\}" : "}").utf8)
    guard text[start...].starts(with: opening) else { return nil }
    let name = text[(start + opening.count)...].prefix {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "_")
    }
    guard !name.isEmpty, text[name.endIndex...].starts(with: closing) else { return nil }
    return String(decoding: name, as: UTF8.self)
  }
}

/// The values that `{name}` may stand for at some moment.
public struct CommandVariables: Sendable, Equatable {
  private var values: [String: String]

  public init(_ values: [String: String]) {
    self.values = values
  }

  /// These and further values.
  public func adding(_ more: CommandVariables) -> CommandVariables {
    CommandVariables(values.merging(more.values) { _, new in new })
  }

  /// The environment variable that carries the value; nil for names that stand for nothing.
  func environmentName(of name: String) -> String? {
    let known = name == "repositories" ? "repository" : name
    return values[known].map { _ in Self.environmentName(known) }
  }

  /// What is added to the environment of commands.
  var environment: [String: String] {
    Dictionary(uniqueKeysWithValues: values.map { (Self.environmentName($0), Self.fitting($1)) })
  }

  private static func environmentName(_ name: String) -> String { "COFFER_" + name.uppercased() }

  /// The system allows 128 KiB for a variable, and none with NUL in it.
  private static let limit = 96 << 10

  /// Whether the environment can carry all of a value.
  static func isWhole(_ value: String) -> Bool { fitting(value).isSame(as: value) }

  private static func fitting(_ value: String) -> String {
    String(decoding: value.utf8.filter { $0 != 0 }.prefix(limit), as: UTF8.self)
  }
}
