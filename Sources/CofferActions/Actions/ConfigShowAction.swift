import CofferConfiguration
import CofferSystem

/// `config show`: the configuration as it counts.
enum ConfigShowAction {
  private static let option = Flag<String?>(
    "--option", value: "NAME", help: "Show this option only, by its default when the file does not set it.")
  private static let secrets = Flag<Bool>("--show-secrets", help: "Show passwords, too, in place of '***'.")

  static let declaration = ActionDeclaration(
    "config show", abstract: "Show the configuration as it counts.",
    discussion: """
      Included files, constants, variables of the environment and options of the command line are put in. Secrets are \
      masked, so that the output can be shown to others. With --json, an array with one element for every file.
      """,
    flags: [option, secrets, SharedFlags.json],
    examples: ["coffer config show --option repositories[0].path", "coffer config show --json"],
    repositories: .none, run: run)

  private static func run(_ context: ActionContext) throws {
    guard let configuration = context.configuration else { return }
    let value = try value(configuration, context)
    if context.wantsJSON {
      context.run.outcomes.add(JSONValue(value))
    } else {
      context.console.output(value.yaml)
    }
  }

  private static func value(_ configuration: Configuration, _ context: ActionContext) throws -> ConfigurationValue {
    let hidesSecrets = !context.flags.contains(secrets)
    guard let name = context.flags[option] else { return configuration.value(hidesSecrets: hidesSecrets) }
    guard let value = configuration.value(of: name, hidesSecrets: hidesSecrets) else {
      let nearest = NearestName.of(name, among: configuration.known.top.options.map(\.name))
      throw UsageError(
        argument: name, problem: "There is no such option", suggestion: nearest.map { "Did you mean '\($0)'?" })
    }
    return value
  }
}

extension JSONValue {
  fileprivate init(_ value: ConfigurationValue) {
    switch value {
    case .null: self = .null
    case .boolean(let truth): self = .bool(truth)
    case .integer(let number): self = .number(number)
    case .number(let number): self = .real(number)
    case .text(let text): self = .text(text)
    case .list(let elements): self = .list(elements.map { JSONValue($0) })
    case .section(let members):
      self = .object(Dictionary(members.map { ($0.name, JSONValue($0.value)) }, uniquingKeysWith: { _, last in last }))
    }
  }
}
