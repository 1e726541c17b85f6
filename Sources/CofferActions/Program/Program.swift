import CofferConfiguration
import CofferHooks
import CofferMonitoring
import CofferStorage
import CofferSystem

/// The whole program behind its command line.
public struct Program: Sendable {
  public static let version = "0.1.0"

  private let surroundings: Surroundings
  private let cancellation: Cancellation
  private let actions: [ActionDeclaration]
  private let options: OptionCatalogue
  private let stores: StoreRegistry
  private let hooks: HookRegistry
  private let services: MonitoringRegistry
  private let output: StandardOutput
  private let starter: BackgroundStarter?

  /// - Parameter starter: Who waits for work that goes on in the background.
  public init(surroundings: Surroundings, cancellation: Cancellation, starter: BackgroundStarter? = nil) {
    self.init(surroundings: surroundings, cancellation: cancellation, options: nil, starter: starter)
  }

  /// - Parameter options: All that may stand in a file; nil for the program's own, the stores', the systems' and the
  ///   services'.
  init(
    surroundings: Surroundings, cancellation: Cancellation, actions: [ActionDeclaration] = CommandTable.actions,
    options: OptionCatalogue? = nil, stores: StoreRegistry = .standard, hooks: HookRegistry = .standard,
    services: MonitoringRegistry = .standard, output: StandardOutput = StandardOutput(),
    starter: BackgroundStarter? = nil
  ) {
    self.surroundings = surroundings
    self.cancellation = cancellation
    self.actions = actions.map { action in
      var action = action
      action.stores = stores
      action.hooks = hooks
      action.services = services
      return action
    }
    self.stores = stores
    self.hooks = hooks
    self.services = services
    self.output = output
    self.starter = starter
    self.options = (options ?? OptionCatalogue(stores, hooks, services)).knowing(actions: actions.map(\.family))
  }

  /// Does what a command line asks for.
  ///
  /// - Parameter arguments: Without the program's name.
  /// - Returns: The exit code: 0, or 1 after any error; one of `ExitClass` where the configuration asks for that; of 'wal get'
  ///   what PostgreSQL goes by.
  public func execute(_ arguments: [String]) -> Int32 {
    // What cannot be understood was meant for a program all the same.
    let isForPrograms = arguments.contains(where: GlobalFlags.logJSON.name.isSame)
    let plain = Console(
      verbosity: 0, environment: surroundings.environment, noColor: false,
      jsonClock: isForPrograms ? surroundings.clock : nil, standardOutput: output)
    var failures: [any Error] = []
    var (notes, codes) = (ExitNotes(), OutputOptions.ExitCodes.plain)
    do {
      if let words = CompletionScript.words(of: arguments) {
        plain.output(Completion(actions: actions, options: options).lines(for: words))
        return 0
      }
      let parsed = try parse(arguments)
      if let page = page(for: parsed, width: plain.pageWidth) {
        plain.output(page)
      } else {
        var run = run(parsed, arguments)
        run.starter = starter
        notes = run.notes
        do {
          codes = try run.exitCodes(of: [])
          try run.callActionsWithoutFile()
          let files = try ConfigurationFiles(run)
          failures = files.failures
          codes = try run.exitCodes(of: files.configurations)
          if parsed.isStandard, files.haveNoDefaultActions {
            run.console.output(HelpText.program(actions: actions, width: run.console.pageWidth))
          }
          if files.areMissing { try run.callActionsOnNamedRepository() }
          try files.callActionsWithoutRepository()
          failures += try JobList(files, run).runEverything()
          if let skipped = LogSkipped(run, files, after: failures) {
            run.console.tell([skipped])
            failures.append(skipped)
          }
        } catch {
          run.console.tell([error])
          failures.append(error)
        }
        run.tellOutcome(failures)
      }
    } catch {
      plain.tell([error])
      failures = [error]
      if arguments.contains(where: SharedFlags.json.name.isSame) {
        plain.output(JSONValue.list([JSONShapes.failure(error)]).rendered + "\n")
      }
    }
    do {
      try output.finish()
    } catch {
      plain.tell([error])
      failures.append(error)
    }
    return WALGetAction.isMeant(by: arguments)
      ? WALGetAction.exitCode(after: failures, isGiven: notes.isGiven) : notes.code(after: failures, codes)
  }

  /// - Throws: `UsageError`.
  func parse(_ arguments: [String]) throws(UsageError) -> ParsedCommandLine {
    try CommandLineParser(actions: actions, options: options).parse(arguments)
  }

  /// A run of a command line.
  ///
  /// - Parameter arguments: What was parsed.
  func run(_ parsed: ParsedCommandLine, _ arguments: [String]) -> CommandRun {
    CommandRun(
      parsed, arguments, surroundings: surroundings, stores: stores, hooks: hooks, services: services,
      cancellation: cancellation, standardOutput: output)
  }

  /// What is printed in place of running anything; nil when nothing was asked for that only prints.
  private func page(for parsed: ParsedCommandLine, width: Int) -> String? {
    if parsed.globals.contains(GlobalFlags.version) { return Self.version + "\n" }
    if parsed.globals.contains(GlobalFlags.bashCompletion) { return CompletionScript.bash.text }
    if parsed.globals.contains(GlobalFlags.fishCompletion) { return CompletionScript.fish.text }
    guard parsed.globals.contains(GlobalFlags.help) else { return nil }
    guard !parsed.isStandard else { return HelpText.program(actions: actions, width: width) }
    guard !parsed.isGroup else { return HelpText.group(parsed.invocations.map(\.action), width: width) }
    return parsed.invocations.map { HelpText.action($0.action, width: width) }.joined(separator: "\n")
  }
}

extension OptionCatalogue {
  init(_ stores: StoreRegistry, _ hooks: HookRegistry, _ services: MonitoringRegistry) {
    self.init(
      stores: stores.schema.options, databases: hooks.options, services: services.schema.options)
  }

  /// Everything that may stand in a configuration file.
  public static let standard = OptionCatalogue(.standard, .standard, .standard)
    .knowing(actions: CommandTable.actions.map(\.family))
}
