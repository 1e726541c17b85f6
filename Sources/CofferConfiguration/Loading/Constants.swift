import CofferSystem

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
        guard !entry.key.isSame(as: RunOptions.constants.name) else { return entry }
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
    var result = ""
    var rest = text
    var isChanged = false
    while true {
      let parts = rest.parts(by: "{", limit: 2)
      guard parts.count > 1 else { break }
      guard let (constant, after) = constant(at: parts[1]) else {
        result += parts[0] + "{"
        rest = parts[1]
        continue
      }
      if let before = parts[0].before(end: "\\") {
        result += before + "{\(constant.name)}"
      } else {
        let value = value(of: constant, at: mark)
        result += parts[0] + (isQuoted ? Quoting.shellWord(value) : value)
      }
      isChanged = true
      rest = after
    }
    return isChanged ? result + rest : nil
  }

  /// The constant whose name begins a text, and what comes after its closing brace.
  private func constant(at text: String) -> ((name: String, value: YAMLNode), after: String)? {
    for constant in values {
      if let after = text.after(beginning: constant.name + "}") ?? text.after(beginning: constant.name + "\\}") {
        return (constant, after)
      }
    }
    return nil
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
