import CofferSystem
import Foundation

/// Replaces `{name}` in every text by the constant of that name; `\{name}` and `\{name\}` stay. Other names in braces
/// are left alone: they may be placeholders of archive names or of commands.
struct Constants {
  private let values: [(name: String, value: YAMLNode)]
  private(set) var problems: [ConfigurationProblem] = []

  /// - Parameter document: The whole file; `constants` at its top is read.
  init(of document: YAMLNode) {
    guard case .mapping(let entries) = document[RunOptions.constants.name]?.content else {
      values = []
      return
    }
    values = entries.map { ($0.key, $0.value) }
  }

  mutating func apply(to document: YAMLNode) -> YAMLNode {
    guard !values.isEmpty, case .mapping(let entries) = document.content else { return document }
    var document = document
    document.content = .mapping(
      entries.map { entry in
        guard entry.key != RunOptions.constants.name else { return entry }
        return replaced(entry, isQuoted: false)
      })
    return document
  }

  private mutating func replaced(_ entry: YAMLNode.Entry, isQuoted: Bool) -> YAMLNode.Entry {
    var entry = entry
    entry.value = replaced(entry.value, isQuoted: isQuoted || OldHooks.isShell(entry.key))
    return entry
  }

  /// - Parameter isQuoted: Whether a shell reads the text, so that the values must be quoted.
  private mutating func replaced(_ node: YAMLNode, isQuoted: Bool) -> YAMLNode {
    var node = node
    switch node.content {
    case .scalar(let text, _):
      guard let result = replaced(text, at: node.mark, isQuoted: isQuoted) else { return node }
      // The result counts as if it had been written there: 5 is a number.
      let isTyped = Int(result) != nil || ["true", "True", "false", "False"].contains(result)
      node.content = .scalar(result, isPlain: isTyped)
    case .sequence(let elements): node.content = .sequence(elements.map { replaced($0, isQuoted: isQuoted) })
    case .mapping(let entries): node.content = .mapping(entries.map { replaced($0, isQuoted: isQuoted) })
    }
    return node
  }

  /// Returns nil when no constant is in the text.
  private mutating func replaced(_ text: String, at mark: SourceMark, isQuoted: Bool) -> String? {
    guard text.contains("{") else { return nil }
    var result = ""
    var rest = Substring(text)
    var isChanged = false
    while let open = rest.firstIndex(of: "{") {
      let isEscaped = rest[..<open].hasSuffix("\\")
      let inside = rest[rest.index(after: open)...]
      guard
        let constant = values.first(where: { inside.hasPrefix($0.name + "}") || inside.hasPrefix($0.name + "\\}") }),
        let end = inside.firstIndex(of: "}")
      else {
        result += rest[...open]
        rest = inside
        continue
      }
      if isEscaped {
        result += rest[..<open].dropLast() + "{\(constant.name)}"
      } else {
        let value = value(of: constant, at: mark)
        result += rest[..<open] + (isQuoted ? Quoting.shellWord(value) : value)
      }
      isChanged = true
      rest = inside[inside.index(after: end)...]
    }
    return isChanged ? result + rest : nil
  }

  private mutating func value(of constant: (name: String, value: YAMLNode), at mark: SourceMark) -> String {
    if constant.value.isNull { return "" }
    if let text = constant.value.text { return text }
    problems.append(
      ConfigurationProblem(
        mark: mark, message: "The constant '\(constant.name)' is \(constant.value.kindName), not a single value",
        suggestion: "Constants stand for texts, numbers and truth values; share lists by !include"))
    return ""
  }
}
