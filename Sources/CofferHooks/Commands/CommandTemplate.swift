/// A shell line in which `{name}` stands for a value of the moment.
///
/// The values never become part of the shell's code: they are handed over as environment variables, and each `{name}`
/// becomes a reference that keeps the value one word, whatever quotes stand around it. A database's error message with
/// quotes, newlines or `$(...)` in it is printed, not run.
struct CommandTemplate {
  /// The line with references in place of names.
  private(set) var line = ""
  /// Names in braces that stand for nothing.
  private(set) var unknown: [String] = []

  private let variables: CommandVariables
  private let text: [Character]
  private var position = 0
  /// What the shell would be in the middle of, the innermost last.
  private var nesting: [Nesting] = [.code]

  private enum Nesting {
    case code, substitution, backticks, doubleQuotes, singleQuotes
  }

  init(_ text: String, variables: CommandVariables) {
    self.text = Array(text)
    self.variables = variables
    while position < self.text.count { step() }
  }

  private mutating func step() {
    if let name = name(at: position, escaped: true) {
      line += "{\(name)}"
      position += name.count + 4
    } else if let name = name(at: position, escaped: false), position == 0 || text[position - 1] != "$" {
      replace(name)
      position += name.count + 2
    } else {
      follow(text[position])
    }
  }

  private mutating func replace(_ name: String) {
    guard let variable = variables.environmentName(of: name) else {
      unknown.append(name)
      line += "{\(name)}"
      return
    }
    switch nesting.last {
    case .doubleQuotes: line += "${\(variable)}"
    case .singleQuotes: line += "'\"${\(variable)}\"'"
    default: line += "\"${\(variable)}\""
    }
  }

  /// Copies a character, and keeps track of where the shell would be.
  private mutating func follow(_ character: Character) {
    let isQuoted = nesting.last == .doubleQuotes
    take()
    if nesting.last == .singleQuotes {
      if character == "'" { nesting.removeLast() }
      return
    }
    switch character {
    case "\\": if position < text.count, name(at: position, escaped: false) == nil { take() }
    case "\"": if isQuoted { nesting.removeLast() } else { nesting.append(.doubleQuotes) }
    case "'" where !isQuoted: nesting.append(.singleQuotes)
    case "`":
      if let start = nesting.lastIndex(of: .backticks) {
        nesting.removeSubrange(start...)
      } else {
        nesting.append(.backticks)
      }
    case "(" where !isQuoted || text[max(position - 2, 0)] == "$": nesting.append(.substitution)
    case ")" where nesting.last == .substitution: nesting.removeLast()
    case "#" where !isQuoted && (position == 1 || text[position - 2].isWhitespace || text[position - 2] == ";"):
      // An apostrophe in a comment is no quote.
      while position < text.count, !text[position].isNewline { take() }
    default: break
    }
  }

  private mutating func take() {
    line.append(text[position])
    position += 1
  }

  /// The name of `{name}`, or of `\{name\}`, if that is what stands there.
  private func name(at start: Int, escaped: Bool) -> String? {
    let opening: [Character] = escaped ? ["\\", "{"] : ["{"]
    let closing: [Character] = escaped ? ["\\", "}"] : ["}"]
    guard text[start...].starts(with: opening) else { return nil }
    let name = text[(start + opening.count)...].prefix { $0.isASCII && ($0.isLowercase || $0 == "_") }
    guard !name.isEmpty, text[name.endIndex...].starts(with: closing) else { return nil }
    return String(name)
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

  private static func fitting(_ value: String) -> String {
    String(decoding: value.utf8.filter { $0 != 0 }.prefix(limit), as: UTF8.self)
  }
}
