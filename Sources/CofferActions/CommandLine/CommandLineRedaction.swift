import CofferConfiguration
import CofferSystem

/// Command lines are kept in archives; what must not be read there is taken out.
enum CommandLineRedaction {
  private static let mask = "***"

  /// - Parameters:
  ///   - flags: Those of the actions and of none.
  ///   - options: Those that are flags, too.
  static func redacted(
    _ arguments: [String], flags: [FlagDeclaration] = GlobalFlags.all + CommandTable.actions.flatMap(\.flags),
    options: OptionCatalogue = .standard
  ) -> [String] {
    let secrets = flags.filter(\.isSecret).flatMap(\.names)
    var result = ["coffer"]
    var isSecret = false
    for argument in arguments {
      if isSecret {
        result.append(mask)
        isSecret = false
      } else if let name = flagBeforeValue(argument), holdsSecret(name, secrets, options) {
        result.append("\(name)=\(mask)")
      } else {
        result.append(URLSecrets.masked(argument))
        isSecret = holdsSecret(argument, secrets, options)
      }
    }
    return result
  }

  /// The name in `--name=value`.
  private static func flagBeforeValue(_ argument: String) -> String? {
    let parts = argument.parts(by: "=", limit: 2)
    return parts.count == 2 ? parts[0] : nil
  }

  /// Whether the flag's value, or a part of it, is a secret.
  private static func holdsSecret(_ flag: String, _ secrets: [String], _ options: OptionCatalogue) -> Bool {
    if secrets.contains(where: flag.isSame) { return true }
    guard let option = OptionFlag(flag, in: options) else { return false }
    return option.isSecret && option.takesValue
  }
}
