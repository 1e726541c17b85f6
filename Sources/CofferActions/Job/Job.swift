import CofferConfiguration
import CofferHooks
import CofferMonitoring
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
  private let monitoring: JobMonitoring

  init(
    _ run: CommandRun, _ configuration: Configuration, _ invocations: [ParsedCommandLine.Invocation],
    repositories: [RepositoryLocation], files: [String]
  ) {
    self.run = run
    self.configuration = configuration
    let skipped = configuration.root[RunOptions.skipActions]
    self.invocations = invocations.filter {
      !skipped.contains($0.action.family) || $0.flags.contains(SharedFlags.force)
    }
    self.repositories = repositories
    self.files = files
    commands = StepCommands(configuration, run)
    // A file that has none of the chosen repositories has no news, least of all a success.
    monitoring = JobMonitoring(
      configuration, run, actions: repositories.isEmpty ? [] : self.invocations.map(\.action))
  }

  var console: Console { run.console }
  /// What became of it so far.
  var report: RunReport { run.collector.report }

  private var actions: [String] { invocations.map(\.action.name) }

  /// Runs all of it: the repositories' turns, and after them those of the repositories that are tried again.
  ///
  /// - Returns: The errors; they were told.
  func runConfiguration() -> [any Error] {
    var failed: RepositoryLocation?
    monitoring.begin()
    var outcome = commands.around(.configuration, of: actions) {
      var outcome = StepOutcome()
      var attempts = groups.map { Attempt(group: $0) }
      while !attempts.isEmpty, !run.cancellation.isCancelled {
        let attempt = attempts.removeFirst()
        run.collector.begin(attempt.group)
        let result: StepOutcome
        do {
          try wait(for: attempt)
          result = runRepositories(attempt.group)
        } catch {
          result = StepOutcome(failures: [error])
        }
        let failures = result.failures
        run.collector.note(failures, of: attempt.group, at: run.surroundings.clock.now())
        if result.isNothingDone { run.collector.noteSkipped(attempt.group) }
        outcome.isSkipped = outcome.isSkipped || result.isSkipped
        outcome.hadNothingDue = outcome.hadNothingDue || result.hadNothingDue
        outcome.hasActed = outcome.hasActed || result.hasActed && !result.isNothingDone
        if let next = attempt.next(after: failures, run.cancellation.isCancelled ? 0 : retries) {
          attempts.append(next)
        } else if !failures.isEmpty {
          failed = failed ?? failures.lazy.compactMap { ($0 as? RepositoryFailure)?.location }.first ?? attempt.group[0]
          outcome.failures += failures
        }
      }
      // Stopped before they had their turn: the job is not done.
      if !attempts.isEmpty { outcome.failures.append(RunCancelled()) }
      return outcome
    }
    monitoring.end(outcome.failures, isSkipped: outcome.isNothingDone)
    // Where nothing was due, what became of the run before still stands.
    if !(outcome.isNothingDone && outcome.hadNothingDue) { remember() }
    if !outcome.failures.isEmpty {
      outcome.add(commands.runDue(at: .afterError, of: actions, Self.variables(of: outcome.failures, failed)))
    }
    return outcome.failures
  }

  /// Tells that a command before all jobs said that they are not to be run now.
  func skip() {
    monitoring.skip()
    remember()
  }

  /// Notes what became of a run that was to make backups.
  private func remember() {
    guard !run.isDryRun, !repositories.isEmpty, invocations.contains(where: \.action.makesBackups) else { return }
    RunMemory(configuration, run.surroundings).note(run.collector.report, run.console)
  }

  /// The repositories that go through the actions together: those for which the same options count, but for how each is
  /// reached and opened.
  private var groups: [[RepositoryLocation]] {
    let access =
      run.stores.schema.options + RemoteOptions.schema.options
      + [
        GeneralOptions.encryptionPassphrase.option, GeneralOptions.encryptionPasscommand.option,
      ]
    let alone = repositories.filter {
      commands.partRepositories || configuration.hasOwnOptions($0.section, besides: access)
    }
    let together = repositories.filter { location in !alone.contains { $0.path == location.path } }
    return (together.isEmpty ? [] : [together]) + alone.map { [$0] }
  }

  private var retries: Int { configuration.root[RunOptions.retries] }

  /// Some repositories' turn at the actions; after a failure they get another behind all others.
  private struct Attempt {
    let group: [RepositoryLocation]
    var retry = 0

    func next(after failures: [any Error], _ retries: Int) -> Attempt? {
      // What is too old now is so at the next try, too, and what is certainly not there.
      guard !failures.isEmpty, retry < retries, !failures.allSatisfy(OverdueBackups.isOne),
        !failures.allSatisfy(WALGetAction.isEnd)
      else { return nil }
      let remaining = Job.remaining(of: group, after: failures).map(\.path)
      return Attempt(group: group.filter { !remaining.contains($0.path) }, retry: retry + 1)
    }
  }

  /// Waits before another attempt as long as the configuration says.
  private func wait(for attempt: Attempt) throws {
    guard attempt.retry > 0 else { return }
    let seconds = Double(attempt.retry * configuration.root[RunOptions.retryWait])
    let names = attempt.group.map(\.name).joined(separator: ", ")
    run.console.warning(
      "Trying \(names) again in \(Formats.duration(seconds)) (\(attempt.retry) of \(retries)), because of the errors above"
    )
    try run.cancellation.sleep(seconds)
  }

  /// Calls the actions for a group of repositories. An error of an action keeps the actions after it from their turn with
  /// that repository: they lean on it.
  private func runRepositories(_ group: [RepositoryLocation]) -> StepOutcome {
    let variables = CommandVariables(["repository": group[0].path, "repository_label": group[0].label ?? ""])
    // A repository may have commands of its own.
    let commands = StepCommands(configuration.focused(on: group[0].section), run)
    return commands.around(.repository, of: actions, variables) {
      var outcome = StepOutcome()
      var group = group
      for invocation in invocations where !group.isEmpty {
        let step = commands.around(.action, of: [invocation.action.name], variables) {
          var step = StepOutcome(hasActed: true)
          for context in contexts(of: invocation, group) {
            guard !run.cancellation.isCancelled else {
              step.failures.append(RunCancelled())
              break
            }
            do {
              try invocation.action.run(context)
            } catch is NothingDue {
              (step.isSkipped, step.hadNothingDue, step.hasActed) = (true, true, false)
            } catch {
              step.failures += told(error, of: context.repositories)
            }
          }
          return step
        }
        outcome.add(step)
        if step.isSkipped {
          outcome.isBackupSkipped = invocation.action.makesBackups
          return outcome
        }
        group = Self.remaining(of: group, after: step.failures)
      }
      return outcome
    }
  }

  /// What an action's calls are given: all repositories of a group together, or each by itself.
  private func contexts(of invocation: ParsedCommandLine.Invocation, _ group: [RepositoryLocation]) -> [ActionContext] {
    let calls = invocation.action.repositories == .together ? [group] : group.map { [$0] }
    return calls.map {
      // What only one of several says counts for that one.
      let configuration = $0.count > 1 ? configuration : configuration.focused(on: $0[0].section)
      return ActionContext(run, invocation, configuration, files: files, repositories: $0)
    }
  }

  /// Tells the error of an action's call, and returns it as what failed for those repositories.
  private func told(_ error: any Error, of repositories: [RepositoryLocation]) -> [any Error] {
    run.console.tell([error])
    return SeveralErrors([error]).errors.map { error in
      repositories.count > 1 || error is RepositoryFailure ? error : RepositoryFailure(repositories[0], error)
    }
  }

  /// The repositories that an action did not fail for.
  private static func remaining(
    of group: [RepositoryLocation], after failures: [any Error]
  ) -> [RepositoryLocation] {
    let failed = failures.compactMap { ($0 as? RepositoryFailure)?.location.path }
    return failed.count == failures.count ? group.filter { !failed.contains($0.path) } : []
  }

  private static func variables(of failures: [any Error], _ location: RepositoryLocation?) -> CommandVariables {
    let errors = SeveralErrors(failures).errors
    return CommandVariables([
      "repository": location?.path ?? "", "repository_label": location?.label ?? "",
      "error": errors.map { Console.text(Diagnosis(of: $0)) }.joined(separator: "\n"),
      "output": errors.flatMap(ProgramOutput.lines).joined(separator: "\n"),
    ])
  }
}

/// What a program had printed when an error made of its failure was thrown.
enum ProgramOutput {
  static func lines(of error: any Error) -> [String] {
    switch error {
    case let error as RepositoryFailure: lines(of: error.cause)
    case let error as StepCommandError: error.output
    case DumpError.programFailed(_, _, _, let lines): lines
    case RestoreError.programFailed(_, _, _, let lines): lines
    default: []
    }
  }
}
