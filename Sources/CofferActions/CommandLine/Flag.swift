import CofferConfiguration
import CofferSystem

/// A flag of the command line: its one declaration, from which parsing, help, suggestions and what is kept of command lines
/// come. Reading the flags that were given by it gives a value of its type.
///
/// A switch is a `Flag<Bool>`, a flag that may be missing a `Flag<String?>`, one that may be repeated a `Flag<[String]>`.
struct Flag<Value: Sendable>: CommandFlag {
  let declaration: FlagDeclaration
  /// Makes its value of what was given, in the order of writing.
  fileprivate let read: @Sendable ([any Sendable]) -> Value

  private init<Part: Sendable>(
    _ names: [String], value valueName: String?, _ parser: FlagParser<Part>, standard: String? = nil,
    isRepeatable: Bool = false, isRequired: Bool = false, isSecret: Bool = false, standsFor other: String? = nil,
    help: String, read: @escaping @Sendable ([Part]) -> Value
  ) {
    declaration = FlagDeclaration(
      names: names, valueName: valueName, help: help, standard: standard, isRepeatable: isRepeatable,
      isRequired: isRequired, isSecret: isSecret, standsFor: other,
      parse: { [name = names[0]] text throws(UsageError) in
        guard let part = parser.parse(text) else {
          throw parser.refusal(of: text, for: name, isSecret: isSecret)
        }
        return part
      })
    self.read = { read($0.compactMap { $0 as? Part }) }
  }
}

/// A flag without its type.
protocol CommandFlag: Sendable {
  var declaration: FlagDeclaration { get }
}

extension CommandFlag {
  var name: String { declaration.name }
}

/// What parsing, help and suggestions need of a flag.
struct FlagDeclaration: Sendable {
  /// With the dashes, the first one being how help shows it.
  let names: [String]
  /// What help calls the value; nil for a switch.
  let valueName: String?
  let help: String
  /// The default, as a user would write it; nil for none.
  let standard: String?
  let isRepeatable: Bool
  let isRequired: Bool
  /// Whether the value is to be kept nowhere.
  let isSecret: Bool
  /// The required flag that need not be given when this one is.
  let standsFor: String?
  /// Reads one value.
  let parse: @Sendable (String) throws(UsageError) -> any Sendable

  var name: String { names[0] }

  /// What help calls it where it is written without the flag.
  var operandName: String? { valueName.map { $0 + (isRepeatable ? "..." : "") } }
}

/// The values of the flags that were given, by the flags' first names.
struct FlagValues: Sendable {
  private var values: [String: [any Sendable]] = [:]

  /// - Throws: `UsageError` for a value that is none of the flag's.
  mutating func add(_ flag: FlagDeclaration, _ text: String?) throws(UsageError) {
    // An empty value counts as not given.
    let isNone = flag.valueName != nil && !flag.isRepeatable && (text ?? "").isEmpty
    values[flag.name] = (values[flag.name] ?? []) + (isNone ? [] : [try flag.parse(text ?? "")])
  }

  /// Whether the flag stands there, with a value or an empty one.
  func contains(_ flag: any CommandFlag) -> Bool { contains(flag.declaration) }

  func contains(_ flag: FlagDeclaration) -> Bool { values[flag.name] != nil }

  func hasValue(_ flag: any CommandFlag) -> Bool { hasValue(flag.declaration) }

  func hasValue(_ flag: FlagDeclaration) -> Bool { values[flag.name]?.isEmpty == false }

  /// The flag's value, or its default.
  subscript<Value>(flag: Flag<Value>) -> Value { flag.read(values[flag.name] ?? []) }
}

// MARK: - Kinds of flags

extension Flag where Value == Bool {
  init(_ names: String..., help: String) {
    self.init(names, value: nil, .text, help: help) { !$0.isEmpty }
  }
}

extension Flag where Value == String {
  /// - Parameter valueName: What help calls the value, which must be given.
  init(_ names: String..., required valueName: String, help: String) {
    self.init(names, value: valueName, .text, isRequired: true, help: help) { $0.last ?? "" }
  }

  init(_ names: String..., value valueName: String, default standard: String, help: String) {
    self.init(names, value: valueName, .text, standard: standard.isEmpty ? nil : standard, help: help) {
      $0.last ?? standard
    }
  }
}

extension Flag where Value == String? {
  init(_ names: String..., value valueName: String, isSecret: Bool = false, help: String) {
    self.init(names, value: valueName, .text, isSecret: isSecret, help: help) { $0.last }
  }
}

extension Flag where Value == [String] {
  init(_ names: String..., value valueName: String, isSecret: Bool = false, help: String) {
    self.init(names, value: valueName, .text, isRepeatable: true, isSecret: isSecret, help: help) { $0 }
  }
}

extension Flag {
  /// - Parameter other: A required flag that need not be given when this one is.
  init<Part>(
    _ names: String..., value valueName: String, _ parser: FlagParser<Part>, standsFor other: String? = nil,
    help: String
  ) where Value == Part? {
    self.init(names, value: valueName, parser, standsFor: other, help: help) { $0.last }
  }

  init<Part>(_ names: String..., value valueName: String, each parser: FlagParser<Part>, help: String)
  where Value == [Part] {
    self.init(names, value: valueName, parser, isRepeatable: true, help: help) { $0 }
  }

  init(
    _ names: String..., value valueName: String, _ parser: FlagParser<Value>, default standard: Value, help: String
  ) {
    let spelling = (standard as? any OptionValue)?.spelling ?? ""
    self.init(names, value: valueName, parser, standard: spelling.isEmpty ? nil : spelling, help: help) {
      $0.last ?? standard
    }
  }
}
