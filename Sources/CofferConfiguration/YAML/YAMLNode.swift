import CofferSystem

/// A place in a configuration file.
public struct SourceMark: Sendable, Hashable, CustomStringConvertible {
  public let file: String
  /// From 1.
  public let line: Int
  /// From 1.
  public let column: Int

  public init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  /// A place on the command line has no line.
  public var description: String { line == 0 ? file : "\(file):\(line):\(column)" }
}

/// A value of a YAML document and where it stands.
struct YAMLNode: Sendable {
  indirect enum Content: Sendable {
    /// A scalar; plain ones may be numbers and so on, quoted ones are text.
    case scalar(String, isPlain: Bool)
    case sequence([YAMLNode])
    case mapping([Entry])
  }

  struct Entry: Sendable {
    let key: String
    let keyMark: SourceMark
    var value: YAMLNode
  }

  var content: Content
  let mark: SourceMark
  /// The tag as written, for example `!include`; nil for none.
  var tag: String?
  /// What keeps the value from being used: a variable of the environment that is not set.
  var fault: ConfigurationProblem?

  init(_ content: Content, mark: SourceMark, tag: String? = nil) {
    self.content = content
    self.mark = mark
    self.tag = tag
  }

  /// Whether the node stands for "nothing": an empty or null plain scalar.
  var isNull: Bool {
    if case .scalar(let text, isPlain: true) = content { return ["", "~", "null", "Null", "NULL"].contains(text) }
    return false
  }

  /// A mapping's value; nil when the node is none or has no such key.
  subscript(key: String) -> YAMLNode? {
    entries.last { $0.key.isSame(as: key) }?.value
  }

  func has(tag name: String) -> Bool { tag?.isSame(as: name) ?? false }

  /// A mapping's entries; none for any other node.
  var entries: [Entry] {
    if case .mapping(let entries) = content { entries } else { [] }
  }

  /// A list's elements; none for any other node.
  var elements: [YAMLNode] {
    if case .sequence(let elements) = content { elements } else { [] }
  }

  /// What keeps the value, or anything in it, from being used.
  var faults: [ConfigurationProblem] {
    (fault.map { [$0] } ?? []) + elements.flatMap(\.faults) + entries.flatMap(\.value.faults)
  }

  /// The same node with everything in it, as if it all stood at one place.
  func moved(to mark: SourceMark) -> YAMLNode {
    switch content {
    case .scalar: YAMLNode(content, mark: mark, tag: tag)
    case .sequence(let elements): YAMLNode(.sequence(elements.map { $0.moved(to: mark) }), mark: mark, tag: tag)
    case .mapping(let entries):
      YAMLNode(
        .mapping(entries.map { Entry(key: $0.key, keyMark: mark, value: $0.value.moved(to: mark)) }), mark: mark,
        tag: tag)
    }
  }

  /// What the node is, in a user's words.
  var kindName: String {
    switch content {
    case .sequence: "a list"
    case .mapping: "a mapping"
    case .scalar(let text, let isPlain):
      if isNull { "nothing" } else if !isPlain { "the text \"\(text)\"" } else { "'\(text)'" }
    }
  }
}

extension YAMLNode {
  /// Plain scalars that YAML 1.2 and borgmatic's parser take for truth values.
  var boolean: Bool? {
    guard case .scalar(let text, isPlain: true) = content else { return nil }
    switch text {
    case "true", "True", "TRUE": return true
    case "false", "False", "FALSE": return false
    default: return nil
    }
  }

  var integer: Int? {
    guard case .scalar(let text, isPlain: true) = content else { return nil }
    return Int(text)
  }

  var number: Double? {
    guard case .scalar(let text, isPlain: true) = content, let number = Double(text), number.isFinite else {
      return nil
    }
    return number
  }

  /// Any scalar's text; numbers count as they were written.
  var text: String? {
    guard case .scalar(let text, _) = content, !isNull else { return nil }
    return text
  }

  /// Text only: no plain number or truth value, which would hardly be meant as text.
  var string: String? {
    guard let text else { return nil }
    if case .scalar(_, isPlain: true) = content, boolean != nil { return nil }
    return text
  }
}
