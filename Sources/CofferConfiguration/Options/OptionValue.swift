/// A value that an option can have.
public protocol OptionValue: Sendable {
  /// What is there when something is: the value itself, but for those that may be missing.
  associatedtype Given: OptionValue = Self

  static var kind: OptionKind { get }
  /// The only values that are allowed, as a user writes them; empty for any.
  static var choices: [String] { get }
  /// The form that a value must have; nil for any.
  static var format: OptionFormat? { get }

  /// - Returns: nil when the node is something else.
  init?(section node: ConfigurationNode)

  /// As a user would write it; empty for a value that stands for "not set".
  var spelling: String { get }
}

/// A value with something that stands for "not set", so that options need not say what they are without one.
public protocol EmptyOptionValue: OptionValue {
  static var empty: Self { get }
}

/// One of a few values.
public protocol OptionChoice: OptionValue, CaseIterable, RawRepresentable where RawValue: OptionValue {}

extension OptionValue {
  public static var choices: [String] { [] }
  public static var format: OptionFormat? { nil }
}

extension OptionChoice {
  public static var kind: OptionKind { RawValue.kind }
  public static var choices: [String] { allCases.map(\.spelling) }

  public init?(section node: ConfigurationNode) {
    guard let value = RawValue(section: node) else { return nil }
    self.init(rawValue: value)
  }

  public var spelling: String { rawValue.spelling }
}

/// A validated value, opaque outside this target; options turn it into their types.
public struct ConfigurationNode: Sendable {
  let node: YAMLNode
}

extension String: EmptyOptionValue {
  public static var kind: OptionKind { .text }
  public static var empty: String { "" }

  public init?(section node: ConfigurationNode) {
    guard let text = node.node.text else { return nil }
    self = text
  }

  public var spelling: String { self }
}

extension Int: OptionValue {
  public static var kind: OptionKind { .integer }

  public init?(section node: ConfigurationNode) {
    guard let number = node.node.integer else { return nil }
    self = number
  }

  public var spelling: String { String(self) }
}

extension Double: OptionValue {
  public static var kind: OptionKind { .number }

  public init?(section node: ConfigurationNode) {
    guard let number = node.node.number else { return nil }
    self = number
  }

  public var spelling: String { String(self) }
}

extension Bool: OptionValue {
  public static var kind: OptionKind { .boolean }

  public init?(section node: ConfigurationNode) {
    guard let truth = node.node.boolean else { return nil }
    self = truth
  }

  public var spelling: String { String(self) }
}

extension Array: OptionValue, EmptyOptionValue where Element: OptionValue {
  public static var kind: OptionKind { .list(Element.kind) }
  public static var choices: [String] { Element.choices }
  public static var format: OptionFormat? { Element.format }
  public static var empty: [Element] { [] }

  public init?(section node: ConfigurationNode) {
    guard case .sequence(let elements) = node.node.content else { return nil }
    var values: [Element] = []
    for element in elements {
      guard let value = Element(section: ConfigurationNode(node: element)) else { return nil }
      values.append(value)
    }
    self = values
  }

  public var spelling: String { isEmpty ? "" : "[\(map(\.spelling).joined(separator: ", "))]" }
}

extension Optional: OptionValue, EmptyOptionValue where Wrapped: OptionValue {
  public typealias Given = Wrapped

  public static var kind: OptionKind { Wrapped.kind }
  public static var choices: [String] { Wrapped.choices }
  public static var format: OptionFormat? { Wrapped.format }
  public static var empty: Wrapped? { nil }

  public init?(section node: ConfigurationNode) {
    guard let value = Wrapped(section: node) else { return nil }
    self = .some(value)
  }

  public var spelling: String { map(\.spelling) ?? "" }
}
