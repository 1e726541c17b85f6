import CofferSystem

/// Replaces `${NAME}`, `${NAME-default}` and `${NAME:-default}` in every text of a document; `\${NAME}` stays.
///
/// Lines that a shell reads keep theirs: the shell has the same environment. A value that were put into them would be
/// code, and an argument that every user of the machine may read.
public struct Interpolation {
  private let environment: ProcessEnvironment
  private let keepsUnset: Bool

  /// - Parameter keepsUnset: Whether a variable that is not set stays as it is written, rather than being its value's fault.
  init(environment: ProcessEnvironment, keepsUnset: Bool) {
    self.environment = environment
    self.keepsUnset = keepsUnset
  }

  func apply(to node: YAMLNode) -> YAMLNode {
    apply(to: node, isShell: false)
  }

  private func apply(to node: YAMLNode, isShell: Bool) -> YAMLNode {
    var node = node
    switch node.content {
    case .scalar(let text, _):
      guard text.holds("${") else { return node }
      var unset: String?
      // What comes from the environment is text, whatever it looks like.
      node.content = .scalar(replaced(text, isShell: isShell, &unset), isPlain: false)
      node.fault = keepsUnset ? nil : unset.map { Self.fault($0, at: node.mark) }
    case .sequence(let elements): node.content = .sequence(elements.map { apply(to: $0, isShell: isShell) })
    case .mapping(let entries):
      node.content = .mapping(
        entries.map { entry in
          let value = apply(to: entry.value, isShell: isShell || OldHooks.isShell(entry.key))
          return YAMLNode.Entry(key: entry.key, keyMark: entry.keyMark, value: value)
        })
    }
    return node
  }

  private static func fault(_ name: String, at mark: SourceMark) -> ConfigurationProblem {
    ConfigurationProblem(
      mark: mark, message: "The environment variable '\(name)' is not set",
      suggestion: "Set it, or give a default: ${\(name):-default}")
  }

  /// - Parameter unset: Gets the name of the first variable without a value.
  private func replaced(_ text: String, isShell: Bool, _ unset: inout String?) -> String {
    Self.eachReference(in: text) { before, inner in
      if let before = before.before(end: "\\") { return before + "${" + inner + "}" }
      return before + (isShell ? "${" + inner + "}" : value(of: inner, &unset))
    }
  }

  /// A text that is read back as it is: no variable of the environment is put into it.
  public static func literal(_ text: String) -> String {
    eachReference(in: text) { $0 + "\\${" + $1 + "}" }
  }

  /// - Parameter body: Given what stands before `${` and what is in the braces, returns what both become.
  private static func eachReference(in text: String, _ body: (_ before: String, _ inner: String) -> String) -> String {
    var result = ""
    var rest = text
    while true {
      let start = rest.parts(by: "${", limit: 2)
      guard start.count == 2 else { break }
      let end = start[1].parts(by: "}", limit: 2)
      guard end.count == 2 else { break }
      result += body(start[0], end[0])
      rest = end[1]
    }
    return result + rest
  }

  private func value(of inner: String, _ unset: inout String?) -> String {
    let name = String(decoding: inner.utf8.prefix(while: Self.isOfName), as: UTF8.self)
    let rest = String(decoding: inner.utf8.drop(while: Self.isOfName), as: UTF8.self)
    if let value = environment[name] { return value }
    if let standard = rest.after(beginning: ":-") ?? rest.after(beginning: "-") { return standard }
    unset = unset ?? name
    return "${\(inner)}"
  }

  private static func isOfName(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
  }
}
