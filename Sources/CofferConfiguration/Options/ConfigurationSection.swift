import CofferSystem

/// A mapping of the configuration, read by option keys.
public struct ConfigurationSection: Sendable {
  let node: YAMLNode
  /// The only options that are to be read; nil for all.
  private let readable: Set<ExactName>?

  init(node: YAMLNode, readable: Set<ExactName>? = nil) {
    self.node = node
    self.readable = readable
  }

  /// An empty section; for tests and for runs without a configuration.
  public init() {
    self.init(node: YAMLNode(.mapping([]), mark: SourceMark(file: "", line: 1, column: 1)))
  }

  /// Where the section begins.
  public var mark: SourceMark { node.mark }

  /// Where the option's value stands; the section's own place when it is not set.
  public func mark<Value>(of key: OptionKey<Value>) -> SourceMark {
    node.entries.last { $0.key.isSame(as: key.name) }?.value.mark ?? mark
  }

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

  /// The option's value, or its default.
  public subscript<Value>(key: OptionKey<Value>) -> Value { value(key.name) ?? key.standard }

  /// What the section itself says; nil when the option is not set. For options that something else may say, too.
  public func given<Value>(_ key: OptionKey<Value>) -> Value.Given? { value(key.name) }

  /// A text whose name is up to the user.
  public func text(named name: String) -> String? { value(name) }

  private func value<Value: OptionValue>(_ name: String) -> Value? {
    assert(readable?.contains(ExactName(name)) ?? true, "The option '\(name)' is none of those that the reader names")
    guard case .mapping(let entries) = node.content, let entry = entries.last(where: { $0.key.isSame(as: name) })
    else { return nil }
    return Value(section: ConfigurationNode(node: entry.value))
  }
}

extension ConfigurationSection: EmptyOptionValue {
  public static var kind: OptionKind { .section(nil) }
  public static var empty: ConfigurationSection { ConfigurationSection() }

  public init?(section node: ConfigurationNode) {
    guard case .mapping = node.node.content else { return nil }
    self.init(node: node.node)
  }

  /// What is in a section has defaults of its own.
  public var spelling: String { "" }
}
