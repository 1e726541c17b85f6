import CofferSystem

extension ConfigurationValue {
  /// The value as YAML, ending with a line's end.
  public var yaml: String {
    lines.joined(separator: "\n") + "\n"
  }

  /// The value's lines; for a list or a section those that stand below its name.
  var lines: [String] {
    switch self {
    case .list(let elements) where !elements.isEmpty:
      elements.flatMap { element in
        element.lines.enumerated().map { index, line in (index == 0 ? "- " : "  ") + line }
      }
    case .section(let members) where !members.isEmpty: members.flatMap { $0.value.lines(named: $0.name) }
    default: [inline]
    }
  }

  /// The lines of an option with this value.
  func lines(named name: String) -> [String] {
    switch self {
    case .list(let elements) where !elements.isEmpty: ["\(name):"] + lines.map { "  " + $0 }
    case .section(let members) where !members.isEmpty: ["\(name):"] + lines.map { "  " + $0 }
    default: ["\(name): \(inline)"]
    }
  }

  private var inline: String {
    switch self {
    case .null: "null"
    case .boolean(let truth): truth ? "true" : "false"
    case .integer(let number): String(number)
    case .number(let number): String(number)
    case .text(let text): Self.isPlain(text) ? text : Self.quoted(text)
    case .list: "[]"
    case .section: "{}"
    }
  }

  /// Whether YAML reads the text, as it is, as this text.
  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, first.isWritten || "/._$".unicodeScalars.contains(first) else {
      return false
    }
    let node = YAMLNode(.scalar(text, isPlain: true), mark: SourceMark(file: "", line: 0, column: 0))
    guard !node.isNull, node.boolean == nil, node.number == nil, node.integer == nil else { return false }
    guard !["yes", "no", "on", "off", "y", "n"].contains(text.lowercased()) else { return false }
    let isClear = text.unicodeScalars.allSatisfy { $0.isWritten || " _-./,@%+=:$()".unicodeScalars.contains($0) }
    return isClear && !text.holds(": ") && !text.ends(with: ":") && !text.ends(with: " ")
  }

  /// In double quotes, which can hold everything, unless single ones are easier to read.
  private static func quoted(_ text: String) -> String {
    let isPrintable = text.unicodeScalars.allSatisfy { (" "..."~").contains($0) || $0.isWritten }
    let isEasier = (text.holds("\"") || text.holds("\\")) && !text.holds("'")
    return isPrintable && isEasier ? "'\(text)'" : Quoting.yaml(text)
  }
}

extension Unicode.Scalar {
  /// Whether it is a letter or a digit of some script, which stands for itself wherever text is shown.
  fileprivate var isWritten: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber: true
    default: false
    }
  }
}
