import CofferSystem

/// A value that an option can have.
public protocol OptionValue: Sendable {
  static var kind: OptionKind { get }
  /// - Returns: nil when the node is something else.
  init?(section node: ConfigurationNode)
}

/// What may stand at an option, as validation, `config generate` and the reference page see it.
public indirect enum OptionKind: Sendable {
  case text
  case integer
  /// With or without a fraction.
  case number
  case boolean
  case list(OptionKind)
  case section(OptionSchema?)
}

/// A typed handle of an option: its one declaration. Reading a section by it gives a value of its type.
public struct OptionKey<Value: OptionValue>: Sendable {
  public let option: Option

  /// - Parameters:
  ///   - documentation: What it does, in full sentences.
  ///   - standard: The default, as a user would write it; nil for "unset".
  ///   - example: A value for `config generate`.
  ///   - choices: The only values that are allowed; empty for any.
  ///   - format: The form that a text must have; nil for any.
  ///   - isSecret: Whether the value is to be shown to nobody.
  ///   - support: What the option does here, compared with borgmatic.
  ///   - schema: The options of the sections below, for options whose value is a section or a list of them.
  public init(
    _ name: String, _ documentation: String, default standard: String? = nil, example: String? = nil,
    choices: [String] = [], format: TextFormat? = nil, isRequired: Bool = false, isSecret: Bool = false,
    support: OptionSupport = .works, schema: OptionSchema? = nil
  ) {
    option = Option(
      name: name, documentation: documentation, kind: Value.kind.replacingSchema(schema), standard: standard,
      example: example, choices: choices, isRequired: isRequired, isSecret: isSecret, support: support,
      format: format)
  }

  public var name: String { option.name }
}

/// An option without its type: what validation, the template and the reference need.
public struct Option: Sendable {
  public let name: String
  public let documentation: String
  public let kind: OptionKind
  public let standard: String?
  public let example: String?
  public let choices: [String]
  public let isRequired: Bool
  public let isSecret: Bool
  public let support: OptionSupport
  public internal(set) var format: TextFormat?
}

/// The options that may stand in one place.
public struct OptionSchema: Sendable {
  public let title: String
  public let options: [Option]
  /// Whether the options of the file's top may stand here as well.
  let takesTopOptions: Bool

  public init(_ title: String, _ options: [Option], takesTopOptions: Bool = false) {
    self.title = title
    self.options = options
    self.takesTopOptions = takesTopOptions
  }

  public subscript(name: String) -> Option? { options.first { $0.name == name } }
}

extension OptionKind {
  fileprivate func replacingSchema(_ schema: OptionSchema?) -> OptionKind {
    guard let schema else { return self }
    switch self {
    case .section: return .section(schema)
    case .list(let element): return .list(element.replacingSchema(schema))
    default: return self
    }
  }

  /// The type in a user's words.
  public var title: String {
    switch self {
    case .text: "text"
    case .integer: "a whole number"
    case .number: "a number"
    case .boolean: "true or false"
    case .list(.section): "a list of sections"
    case .list: "a list"
    case .section: "a section"
    }
  }
}

/// A validated value, opaque outside this target; options turn it into their types.
public struct ConfigurationNode: Sendable {
  let node: YAMLNode
}

extension String: OptionValue {
  public static var kind: OptionKind { .text }

  public init?(section node: ConfigurationNode) {
    guard let text = node.node.text else { return nil }
    self = text
  }
}

extension Int: OptionValue {
  public static var kind: OptionKind { .integer }

  public init?(section node: ConfigurationNode) {
    guard let number = node.node.integer else { return nil }
    self = number
  }
}

extension Double: OptionValue {
  public static var kind: OptionKind { .number }

  public init?(section node: ConfigurationNode) {
    guard let number = node.node.number else { return nil }
    self = number
  }
}

extension Bool: OptionValue {
  public static var kind: OptionKind { .boolean }

  public init?(section node: ConfigurationNode) {
    guard let truth = node.node.boolean else { return nil }
    self = truth
  }
}

extension Array: OptionValue where Element: OptionValue {
  public static var kind: OptionKind { .list(Element.kind) }

  public init?(section node: ConfigurationNode) {
    guard case .sequence(let elements) = node.node.content else { return nil }
    var values: [Element] = []
    for element in elements {
      guard let value = Element(section: ConfigurationNode(node: element)) else { return nil }
      values.append(value)
    }
    self = values
  }
}

extension ConfigurationSection: OptionValue {
  public static var kind: OptionKind { .section(nil) }

  public init?(section node: ConfigurationNode) {
    guard case .mapping = node.node.content else { return nil }
    self.init(node: node.node)
  }
}

/// A mapping of the configuration, read by option keys.
public struct ConfigurationSection: Sendable {
  let node: YAMLNode

  init(node: YAMLNode) {
    self.node = node
  }

  /// An empty section; for tests and for runs without a configuration.
  public init() {
    node = YAMLNode(.mapping([]), mark: SourceMark(file: "", line: 1, column: 1))
  }

  /// Where the section begins.
  public var mark: SourceMark { node.mark }

  /// What keeps the section, or only the given options of it, from being used: a variable of the environment that is not
  /// set.
  public func fault(in options: [Option]? = nil) -> ConfigurationProblem? {
    let entries = node.entries.filter { entry in options.map { $0.contains { $0.name == entry.key } } ?? true }
    return entries.lazy.compactMap { $0.value.faults.first }.first
  }

  /// The names of what is set, for sections whose names are up to the user.
  public var names: [String] {
    guard case .mapping(let entries) = node.content else { return [] }
    return entries.map(\.key)
  }

  /// The option's value; nil when it is not set.
  public subscript<Value>(key: OptionKey<Value>) -> Value? {
    guard case .mapping(let entries) = node.content,
      let entry = entries.last(where: { $0.key == key.name })
    else { return nil }
    return Value(section: ConfigurationNode(node: entry.value))
  }
}
