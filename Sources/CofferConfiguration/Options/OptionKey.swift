import CofferSystem

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

/// A typed handle of an option: its one declaration. Reading a section by it gives a value of its type, or the default.
///
/// An option that may be missing has a value that may: `OptionKey<Int?>`.
public struct OptionKey<Value: OptionValue>: Sendable {
  public let option: Option
  /// What the option is when it is not set.
  public let standard: Value

  /// - Parameters:
  ///   - documentation: What it does, in full sentences.
  ///   - standard: The default.
  ///   - example: A value for `config generate`.
  ///   - choices: The only values that are allowed, where they are not those of the type; empty for any.
  ///   - isSecret: Whether the value is to be shown to nobody.
  ///   - support: What the option does here, compared with borgmatic.
  ///   - schema: The options of the sections below, for options whose value is a section or a list of them.
  ///   - format: The form that a value must have, where it is not that of the type; nil for any.
  public init(
    _ name: String, _ documentation: String, default standard: Value, example: String? = nil,
    choices: [String] = Value.choices, isRequired: Bool = false, isSecret: Bool = false,
    support: OptionSupport = .works, schema: OptionSchema? = nil, format: OptionFormat? = Value.format
  ) {
    self.standard = standard
    let spelling = standard.spelling
    option = Option(
      name: name, documentation: documentation, kind: Value.kind.replacingSchema(schema),
      standard: spelling.isEmpty ? nil : spelling, example: example, choices: choices, isRequired: isRequired,
      isSecret: isSecret, support: support, format: format)
  }

  /// Declares an option without a default: not set it is empty, or nil where it may be missing. A required one is never
  /// missing in a file that was validated.
  public init(
    _ name: String, _ documentation: String, example: String? = nil, choices: [String] = Value.choices,
    isRequired: Bool = false, isSecret: Bool = false, support: OptionSupport = .works, schema: OptionSchema? = nil
  ) where Value: EmptyOptionValue {
    self.init(
      name, documentation, default: .empty, example: example, choices: choices, isRequired: isRequired,
      isSecret: isSecret, support: support, schema: schema)
  }

  public var name: String { option.name }
}

/// An option without its type: what validation, the template and the reference need. One object for each declaration: whatever holds
/// options would otherwise copy all of this.
public final class Option: Sendable {
  public let name: String
  public let documentation: String
  public let kind: OptionKind
  /// The default, as a user would write it; nil for none.
  public let standard: String?
  public let example: String?
  public let choices: [String]
  public let isRequired: Bool
  public let isSecret: Bool
  public let support: OptionSupport
  /// The form that a value must have; nil for any.
  public let format: OptionFormat?

  init(
    name: String, documentation: String, kind: OptionKind, standard: String?, example: String?, choices: [String],
    isRequired: Bool, isSecret: Bool, support: OptionSupport, format: OptionFormat? = nil
  ) {
    self.name = name
    self.documentation = documentation
    self.kind = kind
    self.standard = standard
    self.example = example
    self.choices = choices
    self.isRequired = isRequired
    self.isSecret = isSecret
    self.support = support
    self.format = format
  }
}

/// The options that may stand in one place.
public struct OptionSchema: Sendable {
  public let title: String
  public let options: [Option]
  /// Whether the options of the file's top may stand here as well.
  let takesTopOptions: Bool
  public let role: Role

  /// Whose the options are.
  public enum Role: Sendable {
    case program
    /// Each lists the databases of one system, which not every action reads.
    case databases
    /// Each configures one monitoring service, which not every action tells of its run.
    case services
  }

  public init(_ title: String, _ options: [Option], takesTopOptions: Bool = false, role: Role = .program) {
    self.title = title
    self.options = options
    self.takesTopOptions = takesTopOptions
    self.role = role
  }

  public subscript(name: String) -> Option? { options.first { $0.name.isSame(as: name) } }
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
