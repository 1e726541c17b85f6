import CofferSystem

/// A value that the command line gives to an option, in place of what the file says.
public struct OptionChange: Sendable {
  enum Step: Sendable, Equatable {
    case name(String)
    /// An element of a list, from 0.
    case index(Int)
  }

  let path: [Step]
  /// nil takes the option out.
  let value: YAMLNode?
  /// As it was written, for messages.
  let argument: String

  private var mark: SourceMark { SourceMark(argument: argument) }

  /// - Throws: `ConfigurationProblem` when the path leads through something that is no section or list.
  func apply(to document: YAMLNode) throws(ConfigurationProblem) -> YAMLNode {
    try set(document, (Self.oldSection(of: path, in: document).map { [.name($0)] } ?? []) + path[...])
  }

  /// The section that groups the option in a file of earlier times; nil for an option that stands at the top or is not
  /// there.
  private static func oldSection(of path: [Step], in document: YAMLNode) -> String? {
    guard case .name(let name)? = path.first, document[name] == nil else { return nil }
    return OldSpellings.sections.first { document[$0]?[name] != nil }
  }

  private func set(_ node: YAMLNode, _ rest: ArraySlice<Step>) throws(ConfigurationProblem) -> YAMLNode {
    guard let step = rest.first else { return value ?? node }
    let deeper = rest.dropFirst()
    var node = node
    switch step {
    case .name(let name):
      if node.isNull { node.content = .mapping([]) }
      guard case .mapping(var entries) = node.content else { throw misfit(node, "a section") }
      if value == nil && deeper.isEmpty {
        entries.removeAll { $0.key.isSame(as: name) }
      } else if let position = entries.lastIndex(where: { $0.key.isSame(as: name) }) {
        entries[position].value = try set(entries[position].value, deeper)
      } else {
        entries.append(YAMLNode.Entry(key: name, keyMark: mark, value: try set(nothing, deeper)))
      }
      node.content = .mapping(entries)
    case .index(let index):
      if node.isNull { node.content = .sequence([]) }
      guard case .sequence(var elements) = node.content else { throw misfit(node, "a list") }
      guard index <= elements.count else {
        throw ConfigurationProblem(
          mark: mark, message: "The list has \(elements.count) elements, so there is no [\(index)]",
          suggestion: "Elements are counted from 0")
      }
      if index == elements.count { elements.append(nothing) }
      elements[index] = try set(elements[index], deeper)
      node.content = .sequence(elements)
    }
    return node
  }

  private var nothing: YAMLNode { YAMLNode(.scalar("", isPlain: true), mark: mark) }

  private func misfit(_ node: YAMLNode, _ expected: String) -> ConfigurationProblem {
    ConfigurationProblem(
      mark: mark, message: "It needs \(expected), but the file has \(node.kindName) there, at \(node.mark)",
      suggestion: "Give the whole option in place of a part of it")
  }
}

extension OptionChange {
  /// Reads `--override`'s `OPTION.SUBOPTION=VALUE`.
  ///
  /// - Throws: `ConfigurationProblem`.
  public init(override text: String, in options: OptionCatalogue) throws(ConfigurationProblem) {
    let argument = "--override \(text)"
    let parts = text.parts(by: "=", limit: 2)
    guard parts.count > 1, !parts[0].isEmpty else {
      throw ConfigurationProblem(
        mark: SourceMark(argument: argument), message: "It needs an option and a value",
        suggestion: "Write '--override OPTION=VALUE'")
    }
    var names = parts[0].parts(by: ".", keepingEmpty: false)
    if names.count > 1, OldSpellings.sections.contains(names[0]) { names.removeFirst() }
    let flag = OptionFlag("--" + names.joined(separator: "."), in: options)
    self.init(
      path: flag?.path ?? names.map { .name($0) },
      value: try OptionFlag.node(parts[1], kind: flag?.kind ?? .section(nil), argument: argument), argument: argument)
  }
}

extension SourceMark {
  /// A place on the command line.
  init(argument: String) {
    self.init(file: argument, line: 0, column: 0)
  }
}
