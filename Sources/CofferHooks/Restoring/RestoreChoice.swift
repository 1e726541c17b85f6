import CofferSystem

/// What database systems let be chosen for a single restore, by a flag of the command line; without the type of its value.
public struct RestoreChoice: Sendable {
  /// How often a flag is given, and with what.
  public enum Form: Sendable {
    case given
    /// - Parameters:
    ///   - name: What help calls the value.
    ///   - choices: The only values there are; empty for any.
    case value(String, choices: [String])
    /// - Parameter name: What help calls each value.
    case values(String)
  }

  /// Why a database whose system does not know the choice cannot be restored with it.
  public struct Refusal: Sendable {
    let problem: String
    let suggestion: String
  }

  /// The flag, with its dashes; systems that share it mean the same by it.
  public let flag: String
  public let form: Form
  /// What it does, beginning with the system's name, unless systems share it.
  public let help: String
  /// nil when systems that do not know it pay no heed.
  let refusal: Refusal?
  /// What the value names, if only one database can be restored with it.
  public let place: String?
}

/// A typed handle of a choice: its one declaration. Reading a `RestoreTarget` by it gives a value of its type.
public struct RestoreChoiceKey<Value: Sendable>: Sendable {
  public let choice: RestoreChoice
  let read: @Sendable ([String]?) -> Value
  let write: @Sendable (Value) -> [String]?

  private init(
    _ flag: String, _ form: RestoreChoice.Form, help: String, refusal: RestoreChoice.Refusal?, place: String?,
    read: @escaping @Sendable ([String]?) -> Value, write: @escaping @Sendable (Value) -> [String]?
  ) {
    choice = RestoreChoice(flag: flag, form: form, help: help, refusal: refusal, place: place)
    self.read = read
    self.write = write
  }
}

extension RestoreChoiceKey where Value == Bool {
  public init(_ flag: String, help: String) {
    self.init(flag, .given, help: help, refusal: nil, place: nil, read: { $0 != nil }, write: { $0 ? [] : nil })
  }
}

extension RestoreChoiceKey where Value == String? {
  init(_ flag: String, value name: String, help: String, refusal: RestoreChoice.Refusal?, place: String?) {
    self.init(
      flag, .value(name, choices: []), help: help, refusal: refusal, place: place, read: { $0?.last },
      write: { $0.map { [$0] } })
  }
}

extension RestoreChoiceKey where Value == [String] {
  init(_ flag: String, each name: String, help: String, refusal: RestoreChoice.Refusal?) {
    self.init(
      flag, .values(name), help: help, refusal: refusal, place: nil, read: { $0 ?? [] },
      write: { $0.isEmpty ? nil : $0 })
  }
}

extension RestoreChoiceKey {
  /// Declares a flag with one of a few values.
  public init<Choice>(_ flag: String, value name: String, help: String)
  where Value == Choice?, Choice: CaseIterable & RawRepresentable & Sendable, Choice.RawValue == String {
    self.init(
      flag, .value(name, choices: Choice.allCases.map(\.rawValue)), help: help, refusal: nil, place: nil,
      read: { $0?.last.flatMap(Choice.init) }, write: { $0.map { [$0.rawValue] } })
  }
}

/// Choices that several systems know.
public enum SharedChoices {
  public static let schemas = RestoreChoiceKey<[String]>(
    "--schema", each: "NAME", help: "Restore only this schema, of MongoDB this collection; may be repeated.",
    refusal: .init(
      problem: "schemas cannot be chosen from it",
      suggestion: "Restore it whole, to another place if need be (--target-name, or --restore-path for a file)"))
  public static let restorePath = RestoreChoiceKey<String?>(
    "--restore-path", value: "FILE", help: "For a database that is a file: restore it to this one.",
    refusal: .init(
      problem: "it is no file, and cannot be restored to a file",
      suggestion: "Choose a database that is a file with --hook or --database"), place: "file")
}
