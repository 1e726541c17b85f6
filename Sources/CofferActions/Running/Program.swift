import CofferConfiguration
import CofferRepository
import CofferSystem
import Foundation

/// The whole program behind its command line.
public struct Program: Sendable {
  public static let version = "0.1.0"

  private let surroundings: Surroundings
  private let cancellation: Cancellation
  private let actions: [ActionDeclaration]
  private let options: OptionCatalogue

  public init(surroundings: Surroundings, cancellation: Cancellation) {
    self.init(surroundings: surroundings, cancellation: cancellation, actions: CommandTable.actions)
  }

  init(
    surroundings: Surroundings, cancellation: Cancellation, actions: [ActionDeclaration],
    options: OptionCatalogue = .standard
  ) {
    self.surroundings = surroundings
    self.cancellation = cancellation
    self.actions = actions
    // `key export` is a kind of `key`.
    self.options = options.knowing(actions: actions.map { $0.name.parts(by: " ")[0] })
  }

  /// Runs a command line.
  ///
  /// - Parameter arguments: Without the program's name.
  /// - Returns: The exit code: 0, or 1 after any error.
  public func run(_ arguments: [String]) -> Int32 {
    let output = StandardOutput()
    let plain = Console(
      verbosity: 0, environment: surroundings.environment, noColor: false, standardOutput: output)
    let code = run(arguments, plain, output)
    do {
      try output.finish()
      return code
    } catch {
      plain.error(error.diagnosis)
      return 1
    }
  }

  private func run(_ arguments: [String], _ plain: Console, _ output: StandardOutput) -> Int32 {
    let parsed: ParsedCommandLine
    do {
      parsed = try CommandLineParser(actions: actions, options: options).parse(arguments)
    } catch {
      plain.error(error.diagnosis)
      return 1
    }
    if parsed.globals.contains(GlobalFlags.version) {
      plain.output(Self.version + "\n")
      return 0
    }
    if parsed.globals.contains(GlobalFlags.help) {
      plain.output(help(parsed, width: min(plain.width, 110)))
      return 0
    }
    return run(
      parsed,
      CommandRun(
        parsed, arguments, surroundings: surroundings, cancellation: cancellation, standardOutput: output))
  }

  private func help(_ parsed: ParsedCommandLine, width: Int) -> String {
    guard !parsed.isStandard else { return HelpText.program(actions: actions, width: width) }
    return parsed.invocations.map { HelpText.action($0.action, width: width) }.joined(separator: "\n")
  }

  private var loader: ConfigurationLoader {
    ConfigurationLoader(
      environment: surroundings.environment, currentFolder: surroundings.currentFolder, options: options)
  }

  private func run(_ parsed: ParsedCommandLine, _ run: CommandRun) -> Int32 {
    var failures: [any Error] = []
    do {
      for invocation in parsed.invocations where !invocation.action.needsConfiguration {
        let options = parsed.changes.isEmpty ? nil : try loader.load(parsed.reading)
        try invocation.action.run(run.context(invocation, options))
      }
      failures += try runWithConfigurations(
        parsed.invocations.filter { $0.action.needsConfiguration }, run, reading: parsed.reading)
    } catch {
      run.console.tell([error])
      failures.append(error)
    }
    if let times = run.times { run.console.tell(times) }
    if run.wantsJSON { run.console.output(JSONValue.list(run.outcomes.all).rendered + "\n") }
    let count = SeveralErrors(failures).errors.count
    if count > 1 { run.console.warning("\(count) errors; all are shown above") }
    return failures.isEmpty ? 0 : 1
  }

  /// - Returns: The errors; they were told.
  private func runWithConfigurations(
    _ invocations: [ParsedCommandLine.Invocation], _ run: CommandRun, reading: ConfigurationReading
  ) throws -> [any Error] {
    guard !invocations.isEmpty else { return [] }
    var failures: [any Error] = []
    var configurations: [Configuration] = []
    let found = try loader.find(named: run.globals[GlobalFlags.config])
    if found.isBorgmatic {
      run.console.warning(
        "There is no configuration of Coffer's, so borgmatic's is used: \(found.paths.joined(separator: ", "))")
    }
    for error in found.unreadable { run.console.warning(Console.text(Self.diagnosis(of: error))) }
    for path in found.paths {
      do { configurations.append(try loader.load(path, as: reading)) } catch { failures.append(error) }
    }
    run.console.tell(failures)
    for configuration in configurations {
      let console = run.adapted(to: configuration).console
      for warning in configuration.notices.warnings(for: configuration.path) { console.warning(warning) }
      for failure in CommandRun.logs(of: configuration.root, surroundings).failures {
        let diagnosis = Self.diagnosis(of: failure)
        console.warning("The log cannot be written: \(Console.text(diagnosis))")
      }
    }
    if run.isStandard, !configurations.isEmpty,
      configurations.allSatisfy({ !$0.root[RunOptions.defaultActions] })
    {
      run.console.output(HelpText.program(actions: actions, width: min(run.console.width, 110)))
      return failures
    }
    let files = configurations.flatMap(\.filesRead).reduce(into: [String]()) { files, file in
      if !files.contains(where: { $0.isSame(as: file) }) { files.append(file) }
    }
    for configuration in configurations {
      for invocation in invocations where invocation.action.repositories == .none {
        try invocation.action.run(run.adapted(to: configuration).context(invocation, configuration, files: files))
      }
    }
    let jobs = invocations.filter { $0.action.repositories != .none }
    if !jobs.isEmpty { failures += try JobList(jobs, configurations, files: files, run).perform() }
    return failures
  }

  static func diagnosis(of error: any Error) -> Diagnosis {
    (error as? any DiagnosableError)?.diagnosis
      ?? Diagnosis(subject: "coffer", problem: String(describing: error), suggestion: nil)
  }
}
