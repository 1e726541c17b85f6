import CofferHooks
import CofferSystem

extension RestoreChoice {
  /// The flag that makes the choice.
  var declaration: FlagDeclaration {
    if let valueName { valued(valueName).declaration } else { given.declaration }
  }

  /// What was chosen; empty for a switch, nil when the flag is not there.
  func value(in flags: FlagValues) -> String? {
    if let valueName { flags[valued(valueName)] } else { flags[given] ? "" : nil }
  }

  private func valued(_ valueName: String) -> Flag<String?> {
    Flag(flag, value: valueName, .one(of: values), help: help)
  }

  private var given: Flag<Bool> { Flag(flag, help: help) }
}
