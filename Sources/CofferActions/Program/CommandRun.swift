import CofferConfiguration
import CofferHooks
import CofferMonitoring
import CofferRepository
import CofferStorage
import CofferSystem

/// What all actions of one command line share.
struct CommandRun: Sendable {
  let parsed: ParsedCommandLine
  /// The command line, without the program's name.
  let arguments: [String]
  /// The same as kept in archives, with the name.
  let commandLine: [String]
  let wantsJSON: Bool
  let surroundings: Surroundings
  /// The places that repositories can be kept in.
  let stores: StoreRegistry
  /// The database systems that can be dumped and restored.
  let hooks: HookRegistry
  /// The services that can be told.
  let services: MonitoringRegistry
  private(set) var console: Console
  private let standardOutput: StandardOutput
  private(set) var cancellation: Cancellation
  let outcomes = Outcomes()
  /// What the exit code is to tell besides the errors.
  let notes = ExitNotes()
  /// How the repositories stand that were looked at so far.
  let statuses = Monitor<[RepositoryStatus]>([])
  /// What was asked of credentials and commands so far.
  let secrets = SecretCache()
  /// What is waited for of repositories elsewhere.
  let waits: StoreWaits
  /// Told where the time goes; nil if nobody asks.
  let times: Timings?
  /// The stores of the repositories that were opened, if somebody asks where the time goes.
  private let counting = Monitor<[CountingStore]>([])
  /// What was said, for monitoring services.
  private(set) var log: LogBuffer
  /// What was done, for monitoring services.
  private(set) var collector: ReportCollector
  private let report: RunReport
  /// Whether the actions are run on several repositories, so that answers must say whose they are.
  var hasSeveralRepositories = false
  /// Whether nothing is to be changed, whatever the command line says.
  var looksOnly = false
  /// Who waits until work goes on in the background; nil when that is not wanted.
  var starter: BackgroundStarter?

  init(
    _ parsed: ParsedCommandLine, _ arguments: [String], surroundings: Surroundings, stores: StoreRegistry,
    hooks: HookRegistry, services: MonitoringRegistry, cancellation: Cancellation, standardOutput: StandardOutput
  ) {
    self.parsed = parsed
    self.arguments = arguments
    commandLine = CommandLineRedaction.redacted(
      arguments, flags: parsed.knownFlags, options: parsed.knownOptions)
    wantsJSON = parsed.invocations.contains {
      $0.flags.contains(SharedFlags.json) || $0.flags.contains(SharedFlags.jsonLines)
    }
    self.surroundings = surroundings
    self.stores = stores
    self.hooks = hooks
    self.services = services
    self.standardOutput = standardOutput
    console = Console(
      globals: parsed.globals, root: ConfigurationSection(), environment: surroundings.environment, sinks: [notes],
      clock: surroundings.clock, standardOutput: standardOutput, outputIsForPrograms: wantsJSON)
    self.cancellation = cancellation
    waits = StoreWaits(surroundings.clock)
    times = parsed.globals.contains(GlobalFlags.timings) ? Timings(clock: surroundings.clock) : nil
    log = LogBuffer(clock: surroundings.clock)
    report = RunReport(
      configuration: "", hostname: surroundings.hostname, actions: [], start: surroundings.clock.now())
    collector = ReportCollector(report)
  }

  /// Whether the command line has what must not be read elsewhere.
  var saysSecrets: Bool { !commandLine.dropFirst().elementsEqual(arguments) { $0.isSame(as: $1) } }

  var globals: FlagValues { parsed.globals }
  var isDryRun: Bool { looksOnly || globals.contains(GlobalFlags.dryRun) }

  var loader: ConfigurationLoader {
    ConfigurationLoader(
      environment: surroundings.environment, currentFolder: surroundings.currentFolder, options: parsed.knownOptions)
  }

  /// The same for one configuration file: saying as much as it wants to hear, and with a log and a report of its own.
  func adapted(to configuration: Configuration) -> CommandRun {
    var run = self
    run.log = LogBuffer(clock: surroundings.clock)
    let verbosity = configuration.root[OutputOptions.monitoringVerbosity].rawValue
    run.console = Console(
      globals: globals, root: configuration.root, environment: surroundings.environment,
      sinks: Self.logs(of: configuration.root, surroundings).sinks
        + [MonitoringLog(buffer: run.log, verbosity: verbosity), notes],
      clock: surroundings.clock, standardOutput: standardOutput, outputIsForPrograms: wantsJSON)
    var report = report
    report.configuration = configuration.path
    run.collector = ReportCollector(report)
    return run
  }

  /// The same, for what is to be stopped by something else than the run.
  func stopping(by cancellation: Cancellation) -> CommandRun {
    var run = self
    run.cancellation = cancellation
    return run
  }

  /// The same program with another command line.
  ///
  /// - Throws: `UsageError`.
  func calling(_ arguments: [String]) throws(UsageError) -> CommandRun {
    let parser = CommandLineParser(actions: parsed.knownActions, options: parsed.knownOptions)
    return CommandRun(
      try parser.parse(arguments), arguments, surroundings: surroundings, stores: stores, hooks: hooks,
      services: services, cancellation: cancellation, standardOutput: standardOutput)
  }

  /// The same store, which counts what is asked of it if somebody asks where the time goes.
  func counted(_ store: any ObjectStore) -> any ObjectStore {
    guard times != nil else { return store }
    let counted = CountingStore(store)
    counting.update { $0.append(counted) }
    return counted
  }

  /// Calls the actions that need no configuration file.
  func callActionsWithoutFile() throws {
    for invocation in parsed.invocations where !invocation.action.needsConfiguration {
      try invocation.action.run(ActionContext(self, invocation, try givenOptions()))
    }
  }

  /// Calls the actions that could do without a configuration file, for there is none.
  func callActionsOnNamedRepository() throws {
    for invocation in parsed.invocations {
      guard invocation.action.needsConfiguration, let path = invocation.flags[SharedFlags.repository] else { continue }
      let context = ActionContext(
        self, invocation, try givenOptions(), repositories: [RepositoryLocation(path: path)])
      try invocation.action.run(context)
    }
  }

  /// The options that the command line gives; nil for none.
  private func givenOptions() throws -> Configuration? {
    parsed.changes.isEmpty ? nil : try loader.load(parsed.reading)
  }

  /// What the exit code is to tell: as the command line says, or else any of the files.
  func exitCodes(of configurations: [Configuration]) throws -> OutputOptions.ExitCodes {
    let given = try configurations.isEmpty ? givenOptions().map { [$0] } ?? [] : configurations
    return given.contains { $0.root[OutputOptions.exitCodes] == .classes } ? .classes : .plain
  }

  /// Says at the end what the actions had to say together.
  ///
  /// - Parameter failures: The errors; they were told.
  func tellOutcome(_ failures: [any Error]) {
    if let times { console.tell(times, counting.update { $0 }) }
    if parsed.invocations.contains(where: { $0.flags.contains(SharedFlags.jsonLines) }) {
      for failure in SeveralErrors(failures).errors { console.output(JSONShapes.failure(failure).rendered + "\n") }
    } else if wantsJSON {
      let failed = SeveralErrors(failures).errors.map(JSONShapes.failure)
      console.output(JSONValue.list(outcomes.all + failed).rendered + "\n")
    }
    let count = SeveralErrors(failures).errors.count
    if count > 1 { console.warning("\(count) errors; all are shown above") }
  }
}

/// The JSON outcomes of a run: one array, one element for every configuration, repository and action.
final class Outcomes: Sendable {
  private let values = Monitor<[JSONValue]>([])

  func add(_ value: JSONValue) {
    values.update { $0.append(value) }
  }

  var all: [JSONValue] { values.update { $0 } }
}
