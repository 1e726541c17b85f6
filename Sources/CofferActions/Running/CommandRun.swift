import CofferConfiguration
import CofferSystem

/// What all actions of one command line share.
struct CommandRun: Sendable {
  let globals: FlagValues
  /// As kept in archives.
  let commandLine: [String]
  let wantsJSON: Bool
  /// Whether the command line names no action.
  let isStandard: Bool
  let surroundings: Surroundings
  private(set) var console: Console
  let cancellation: Cancellation
  let outcomes: Outcomes
  private let secrets = SecretCache()

  init(
    _ parsed: ParsedCommandLine, _ arguments: [String], surroundings: Surroundings,
    cancellation: Cancellation
  ) {
    globals = parsed.globals
    commandLine = CommandLineRedaction.redacted(arguments)
    isStandard = parsed.isStandard
    wantsJSON = parsed.invocations.contains { $0.flags.contains(SharedFlags.json) }
    self.surroundings = surroundings
    console = Console(
      globals: parsed.globals, root: ConfigurationSection(), environment: surroundings.environment)
    self.cancellation = cancellation
    outcomes = Outcomes()
  }

  var isDryRun: Bool { globals.contains(GlobalFlags.dryRun) }

  /// The same, saying as much as the configuration file wants to hear.
  func adapted(to configuration: Configuration) -> CommandRun {
    var run = self
    run.console = Console(
      globals: globals, root: configuration.root, environment: surroundings.environment,
      sinks: Self.logs(of: configuration.root, surroundings).sinks)
    return run
  }

  func context(
    _ invocation: ParsedCommandLine.Invocation, _ configuration: Configuration? = nil, files: [String] = [],
    repositories: [RepositoryLocation] = []
  ) -> ActionContext {
    ActionContext(
      flags: invocation.flags, globals: globals, commandLine: commandLine, configuration: configuration,
      configurationFiles: files, repositories: repositories, surroundings: surroundings, console: console,
      cancellation: cancellation, outcomes: outcomes, secrets: secrets)
  }
}
