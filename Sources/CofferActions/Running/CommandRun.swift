import CofferConfiguration
import CofferMonitoring
import CofferRepository
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
  private let standardOutput: StandardOutput
  let cancellation: Cancellation
  let outcomes: Outcomes
  let secrets = SecretCache()
  let times: StageTimes?
  /// What was said, for monitoring services.
  private(set) var log: LogBuffer
  /// What was done, for monitoring services.
  private(set) var collector: ReportCollector
  private let report: RunReport
  /// How many repositories the actions are run on.
  var repositoryCount = 0

  init(
    _ parsed: ParsedCommandLine, _ arguments: [String], surroundings: Surroundings,
    cancellation: Cancellation, standardOutput: StandardOutput
  ) {
    globals = parsed.globals
    commandLine = CommandLineRedaction.redacted(
      arguments, flags: parsed.knownFlags, options: parsed.knownOptions)
    isStandard = parsed.isStandard
    wantsJSON = parsed.invocations.contains { $0.flags.contains(SharedFlags.json) }
    self.surroundings = surroundings
    self.standardOutput = standardOutput
    console = Console(
      globals: parsed.globals, root: ConfigurationSection(), environment: surroundings.environment,
      standardOutput: standardOutput, outputIsForPrograms: wantsJSON)
    self.cancellation = cancellation
    outcomes = Outcomes()
    times = globals.contains(GlobalFlags.timings) ? StageTimes(clock: surroundings.clock) : nil
    log = LogBuffer(clock: surroundings.clock)
    report = RunReport(
      configuration: "", hostname: surroundings.hostname, actions: [], start: surroundings.clock.now())
    collector = ReportCollector(report)
  }

  var isDryRun: Bool { globals.contains(GlobalFlags.dryRun) }

  /// The same for one configuration file: saying as much as it wants to hear, and with a log and a report of its own.
  func adapted(to configuration: Configuration) -> CommandRun {
    var run = self
    run.log = LogBuffer(clock: surroundings.clock)
    let verbosity = configuration.root[OutputOptions.monitoringVerbosity].rawValue
    run.console = Console(
      globals: globals, root: configuration.root, environment: surroundings.environment,
      sinks: Self.logs(of: configuration.root, surroundings).sinks
        + [MonitoringLog(buffer: run.log, verbosity: verbosity)],
      standardOutput: standardOutput, outputIsForPrograms: wantsJSON)
    var report = report
    report.configuration = configuration.path
    run.collector = ReportCollector(report)
    return run
  }

  func context(
    _ invocation: ParsedCommandLine.Invocation, _ configuration: Configuration? = nil, files: [String] = [],
    repositories: [RepositoryLocation] = []
  ) -> ActionContext {
    ActionContext(
      flags: invocation.flags, globals: globals, commandLine: commandLine, configuration: configuration,
      configurationFiles: files, repositories: repositories, surroundings: surroundings, console: console,
      cancellation: cancellation, outcomes: outcomes, collector: collector, secrets: secrets,
      times: times, isOneOfSeveral: repositoryCount > 1)
  }
}
