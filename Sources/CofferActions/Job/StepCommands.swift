import CofferConfiguration
import CofferHooks
import CofferSystem

/// The configured commands, run around the steps of a run.
struct StepCommands {
  private struct Entry {
    let command: StepCommand
    let runner: CommandRunner
    /// What is known from the configuration file on.
    let variables: CommandVariables
  }

  private let entries: [Entry]
  private let console: Console
  private let cancellation: Cancellation

  /// The commands of one configuration file; none in a dry run.
  init(_ configuration: Configuration, _ run: CommandRun) {
    let sections = run.isDryRun ? [] : configuration.root[CommandOptions.commands]
    console = run.console
    cancellation = run.cancellation
    let runner = CommandRunner(
      launcher: run.surroundings.launcher, environment: run.surroundings.environment,
      workingDirectory: configuration.root[GeneralOptions.workingDirectory],
      umask: configuration.root[RunOptions.umask]?.digits,
      tell: { [console, wantsJSON = run.wantsJSON] moment, line in
        if moment == .afterError {
          console.error(Diagnosis(subject: "command \(moment.title)", problem: line))
        } else if wantsJSON {
          console.step(line)
        } else {
          console.answer(line)
        }
      }, warn: console.warning)
    let variables = CommandVariables([
      "configuration_filename": configuration.path, "log_file": configuration.root[OutputOptions.logFile].spelling,
    ])
    entries = sections.map { Entry(command: StepCommand($0), runner: runner, variables: variables) }
  }

  private init(entries: [Entry], _ run: CommandRun) {
    self.entries = entries
    console = run.console
    cancellation = run.cancellation
  }

  /// The commands of several files without those that another file has, too: what is around everything runs once.
  static func merging(_ files: [StepCommands], _ run: CommandRun) -> StepCommands {
    var entries: [Entry] = []
    for entry in files.flatMap(\.entries) where !entries.contains(where: { $0.command == entry.command }) {
      entries.append(entry)
    }
    return StepCommands(entries: entries, run)
  }

  /// Whether any of them stands between one repository and the next.
  var partRepositories: Bool {
    entries.contains { entry in
      switch entry.command.moment {
      case .before(let step), .after(let step): step == .action || step == .repository
      case .afterError: false
      }
    }
  }

  /// Runs a step with the commands before and after it; their errors are told.
  ///
  /// The commands after it run whenever those before it were begun, so that they can undo what was done, and also when
  /// the run was asked to stop. A soft failure of a command before it skips both.
  func around(
    _ step: RunStep, of actions: [String], _ variables: CommandVariables = CommandVariables([:]),
    _ body: () -> StepOutcome
  ) -> StepOutcome {
    var outcome = runDue(at: .before(step), of: actions, variables)
    if outcome.isSkipped { return outcome }
    if outcome.failures.isEmpty { outcome = body() }
    outcome.add(runDue(at: .after(step), state: outcome.failures.isEmpty ? .finish : .fail, of: actions, variables))
    return outcome
  }

  /// Runs the commands that are due at a moment, up to the first that fails; its error is told.
  func runDue(
    at moment: StepCommand.Moment, state: StepState? = nil, of actions: [String], _ variables: CommandVariables
  ) -> StepOutcome {
    do {
      if case .before = moment { try cancellation.check() }
      // What comes after a step cleans up: it runs in a run that was asked to stop, too, and a second signal ends it.
      let stopping = cancellation.isCancelled ? nil : cancellation
      for entry in entries where entry.command.applies(to: moment, state: state, actions: actions) {
        try entry.runner.run(entry.command, variables: entry.variables.adding(variables), cancellation: stopping)
      }
      return StepOutcome()
    } catch let error as StepCommandError where error.isSoft {
      console.remark("Skipped: \(error.diagnosis.problem)")
      return StepOutcome(isSkipped: true)
    } catch {
      console.tell([error])
      return StepOutcome(failures: [error])
    }
  }
}

/// What became of a step.
struct StepOutcome {
  /// Errors, which were told.
  var failures: [any Error] = []
  /// Whether a command said softly that what follows is not to be done now.
  var isSkipped = false
  /// Whether any action was begun.
  var hasActed = false

  /// Whether it was not because a command said so, but because all of it was done already.
  var hadNothingDue = false
  /// Whether that was a backup: what other actions did before it makes no success of the run.
  var isBackupSkipped = false

  /// Whether nothing was done because a command said so, or not the backup that was asked for.
  var isNothingDone: Bool { isSkipped && failures.isEmpty && (!hasActed || isBackupSkipped) }

  mutating func add(_ other: StepOutcome) {
    failures += other.failures
    isSkipped = isSkipped || other.isSkipped
    hasActed = hasActed || other.hasActed
    isBackupSkipped = isBackupSkipped || other.isBackupSkipped
    hadNothingDue = hadNothingDue || other.hadNothingDue
  }
}
