import CofferConfiguration
import CofferSystem

/// The jobs of all configuration files, one after the other, with the commands around everything.
struct JobList {
  private let run: CommandRun
  private let jobs: [Job]
  private let actions: [String]

  /// - Throws: `UsageError` when no file has the repository that `--repository` names.
  init(
    _ invocations: [ParsedCommandLine.Invocation], _ configurations: [Configuration], files: [String],
    _ run: CommandRun
  ) throws {
    self.run = run
    actions = invocations.map(\.action.name)
    let wanted = invocations.lazy.compactMap { $0.flags[SharedFlags.repository] }.first
    let all = configurations.map { $0.repositories.map(RepositoryLocation.init) }
    if let wanted, !configurations.isEmpty, !all.joined().contains(where: { $0.matches(wanted) }) {
      throw UsageError(
        argument: wanted, problem: "No such repository is configured",
        suggestion: "Configured: \(all.joined().map(\.name).joined(separator: ", "))")
    }
    jobs = try zip(configurations, all).map { configuration, locations in
      let chosen = locations.filter { wanted.map($0.matches) ?? true }
      return try Job(run.adapted(to: configuration), configuration, invocations, repositories: chosen, files: files)
    }
  }

  /// Runs the jobs. An error of one does not keep the next from its turn.
  ///
  /// - Returns: The errors; they were told.
  func perform() -> [any Error] {
    StepCommands.merging(jobs.map(\.commands), run).around(.everything, of: actions) {
      var outcome = StepOutcome()
      for job in jobs where !run.cancellation.isCancelled { outcome.failures += job.perform() }
      return outcome
    }.failures
  }
}
