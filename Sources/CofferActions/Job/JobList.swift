import CofferConfiguration
import CofferSystem

/// The jobs of all configuration files, one after the other, with the commands around everything.
struct JobList {
  private let run: CommandRun
  private let jobs: [Job]
  private let actions: [String]
  /// Whether the run changes or looks after repositories, rather than telling what is in them.
  private let isWork: Bool

  /// - Throws: `UsageError` when no file has the repository that `--repository` names.
  init(_ files: ConfigurationFiles, _ run: CommandRun) throws {
    self.run = run
    let invocations = run.parsed.invocations.filter { $0.action.needsConfiguration && $0.action.repositories != .none }
    actions = invocations.map(\.action.name)
    isWork = !run.isDryRun && invocations.contains(where: \.action.isMonitored)
    let wanted = invocations.lazy.compactMap { $0.flags[SharedFlags.repository] }.first
    let configurations =
      invocations.isEmpty
      ? [] : files.configurations.filter { !run.parsed.isStandard || $0.root[RunOptions.defaultActions] }
    let all = configurations.map { $0.repositories.map(RepositoryLocation.init) }
    if let wanted, !configurations.isEmpty, !all.joined().contains(where: { $0.matches(wanted) }) {
      throw UsageError(
        argument: wanted, problem: "No such repository is configured",
        suggestion: "Configured: \(all.joined().map(\.name).joined(separator: ", "))")
    }
    let chosen = all.joined().filter { location in wanted.map(location.matches) ?? true }
    try Self.checkSingle(invocations, chosen)
    var run = run
    run.hasSeveralRepositories = chosen.count > 1
    jobs = zip(configurations, all).map { configuration, locations in
      let chosen = locations.filter { wanted.map($0.matches) ?? true }
      return Job(
        run.adapted(to: configuration), configuration, invocations, repositories: chosen, files: files.paths)
    }
  }

  /// Repeating such an action for each repository would do the same work several times over.
  private static func checkSingle(
    _ invocations: [ParsedCommandLine.Invocation], _ repositories: [RepositoryLocation]
  ) throws {
    guard repositories.count > 1, let reader = invocations.first(where: { $0.action.repositories == .one }) else {
      return
    }
    let isTwice = repositories.contains { one in repositories.filter { $0.name == one.name }.count > 1 }
    throw UsageError(
      argument: SharedFlags.repository.name,
      problem: "Several repositories are configured; \(reader.action.name) reads one",
      suggestion: isTwice
        ? "Choose a configuration file with --config"
        : "Write: --repository \(Quoting.pastedWord(repositories[0].name))")
  }

  /// Runs the jobs. An error of one does not keep the next from its turn.
  ///
  /// - Returns: The errors; they were told.
  func runEverything() -> [any Error] {
    let start = run.surroundings.clock.steadySeconds()
    let outcome = StepCommands.merging(jobs.map(\.commands), run).around(.everything, of: actions) {
      var outcome = StepOutcome(hasActed: true)
      for job in jobs {
        guard !run.cancellation.isCancelled else {
          outcome.failures.append(RunCancelled())
          break
        }
        outcome.failures += job.runConfiguration()
      }
      return outcome
    }
    if outcome.isNothingDone { for job in jobs { job.skip() } }
    if isWork { tellSummary(since: start) }
    return outcome.failures
  }

  private func tellSummary(since start: Double) {
    let summary = RunSummary(jobs.map(\.report), seconds: run.surroundings.clock.steadySeconds() - start)
    guard summary.isWorthSaying else { return }
    // One that is to be silent is.
    let console = jobs.map(\.console).min { $0.verbosity < $1.verbosity }
    console?.remark(summary.text, ["summary": summary.json])
    // Elements of a single file's are known to be of repositories.
    if jobs.count > 1, run.wantsJSON { run.outcomes.add(.object(["summary": summary.json])) }
  }
}
