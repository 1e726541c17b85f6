import CofferSystem
import Foundation

/// Replaces `${NAME}`, `${NAME-default}` and `${NAME:-default}` in every text of a document; `\${NAME}` stays.
struct Interpolation {
  private let environment: ProcessEnvironment
  private let keepsUnset: Bool
  private(set) var problems: [ConfigurationProblem] = []

  /// - Parameter keepsUnset: Whether a variable that is not set stays as it is written, rather than being a problem.
  init(environment: ProcessEnvironment, keepsUnset: Bool) {
    self.environment = environment
    self.keepsUnset = keepsUnset
  }

  mutating func apply(to node: YAMLNode) -> YAMLNode {
    var node = node
    switch node.content {
    case .scalar(let text, let isPlain):
      guard text.contains("${") else { return node }
      // What comes from the environment is text, whatever it looks like.
      node.content = .scalar(replaced(text, at: node.mark), isPlain: isPlain && !text.contains("${"))
    case .sequence(let elements): node.content = .sequence(elements.map { apply(to: $0) })
    case .mapping(let entries):
      node.content = .mapping(
        entries.map { YAMLNode.Entry(key: $0.key, keyMark: $0.keyMark, value: apply(to: $0.value)) })
    }
    return node
  }

  private mutating func replaced(_ text: String, at mark: SourceMark) -> String {
    var result = ""
    var rest = Substring(text)
    while let start = rest.range(of: "${") {
      let before = rest[..<start.lowerBound]
      guard let end = rest[start.upperBound...].firstIndex(of: "}") else { break }
      let inner = rest[start.upperBound..<end]
      if before.hasSuffix("\\") {
        result += before.dropLast() + "${" + inner + "}"
      } else {
        result += before + value(of: inner, at: mark)
      }
      rest = rest[rest.index(after: end)...]
    }
    return result + rest
  }

  private mutating func value(of inner: Substring, at mark: SourceMark) -> String {
    let name = inner.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    let rest = inner.dropFirst(name.count)
    if let value = environment[String(name)] { return value }
    if rest.hasPrefix(":-") { return String(rest.dropFirst(2)) }
    if rest.hasPrefix("-") { return String(rest.dropFirst()) }
    if !keepsUnset {
      problems.append(
        ConfigurationProblem(
          mark: mark, message: "The environment variable '\(name)' is not set",
          suggestion: "Set it, or give a default: ${\(name):-default}"))
    }
    return "${\(inner)}"
  }
}
