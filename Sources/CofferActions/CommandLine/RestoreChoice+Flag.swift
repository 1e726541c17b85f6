import CofferHooks
import CofferSystem

extension RestoreChoice {
  /// The flag that makes the choice.
  var declaration: FlagDeclaration {
    switch form {
    case .given: given.declaration
    case .value(let name, let choices): valued(name, choices).declaration
    case .values(let name): repeated(name).declaration
    }
  }

  /// What was chosen; nil when the flag is not there.
  func values(in flags: FlagValues) -> [String]? {
    switch form {
    case .given: flags[given] ? [] : nil
    case .value(let name, let choices): flags[valued(name, choices)].map { [$0] }
    case .values(let name): flags.contains(repeated(name)) ? flags[repeated(name)] : nil
    }
  }

  private var given: Flag<Bool> { Flag(flag, help: help) }

  private func valued(_ name: String, _ choices: [String]) -> Flag<String?> {
    Flag(flag, value: name, choices.isEmpty ? .text : .one(of: choices), help: help)
  }

  private func repeated(_ name: String) -> Flag<[String]> { Flag(flag, value: name, help: help) }
}
