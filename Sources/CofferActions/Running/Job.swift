import CofferConfiguration
import CofferHooks
import CofferSystem

/// The actions of one configuration file on its repositories, with the commands around them.
struct Job {
  private let run: CommandRun
  private let configuration: Configuration
  private let invocations: [ParsedCommandLine.Invocation]
  private let repositories: [RepositoryLocation]
  /// Every configuration file of the run.
  private let files: [String]
  let commands: StepCommands

  /// - Throws: `ConfigurationError` when the commands make no sense; `UsageError` when an action that reads one
  ///   repository is given several.
  init(
    _ run: CommandRun, _ configuration: Configuration, _ invocations: [ParsedCommandLine.Invocation],
    repositories: [RepositoryLocation], files: [String]
  ) throws {
    self.run = run
    self.configuration = configuration
    self.invocations = invocations
    self.repositories = repositories
    self.files = files
    commands = try StepCommands(configuration, run)
    if repositories.count > 1, let reader = invocations.first(where: { $0.action.repositories == .one }) {
      throw UsageError(
        argument: SharedFlags.repository.name,
        problem: "Several repositories are configured; \(reader.action.name) reads one",
        suggestion: "Write '--repository \(repositories[0].name)'")
    }
  }

  private var actions: [String] { invocations.map(\.action.name) }

  /// Runs all of it.
  ///
  /// - Returns: The errors; they were told.
  func perform() -> [any Error] {
    var failed: RepositoryLocation?
    var outcome = commands.around(.configuration, of: actions) {
      var outcome = StepOutcome()
      for location in repositories where !run.cancellation.isCancelled {
        let failures = perform(on: location).failures
        if !failures.isEmpty { failed = failed ?? location }
        outcome.failures += failures
      }
      return outcome
    }
    if !outcome.failures.isEmpty {
      outcome.add(commands.run(.afterError, of: actions, Self.variables(of: outcome.failures, failed)))
    }
    return outcome.failures
  }

  /// An error of an action keeps the actions after it from their turn: they lean on it.
  private func perform(on location: RepositoryLocation) -> StepOutcome {
    let variables = CommandVariables(["repository": location.path, "repository_label": location.label ?? ""])
    return commands.around(.repository, of: actions, variables) {
      for invocation in invocations {
        let outcome = commands.around(.action, of: [invocation.action.name], variables) {
          perform(invocation, on: location)
        }
        if outcome.isSkipped || !outcome.failures.isEmpty { return outcome }
      }
      return StepOutcome()
    }
  }

  private func perform(_ invocation: ParsedCommandLine.Invocation, on location: RepositoryLocation) -> StepOutcome {
    do {
      let configuration = configuration.focused(on: location.section)
      try invocation.action.run(run.context(invocation, configuration, files: files, repositories: [location]))
      return StepOutcome()
    } catch {
      run.console.tell([error])
      return StepOutcome(failures: [error])
    }
  }

  private static func variables(of failures: [any Error], _ location: RepositoryLocation?) -> CommandVariables {
    let errors = SeveralErrors(failures).errors
    return CommandVariables([
      "repository": location?.path ?? "", "repository_label": location?.label ?? "",
      "error": errors.map { Console.text(Program.diagnosis(of: $0)) }.joined(separator: "\n"),
      "output": errors.flatMap(ProgramOutput.lines).joined(separator: "\n"),
    ])
  }
}

/// What a program had printed when an error made of its failure was thrown.
enum ProgramOutput {
  static func lines(of error: any Error) -> [String] {
    switch error {
    case let error as CommandHookError: error.output
    case DumpError.programFailed(_, _, _, let lines): lines
    case RestoreError.programFailed(_, _, _, let lines): lines
    default: []
    }
  }
}
