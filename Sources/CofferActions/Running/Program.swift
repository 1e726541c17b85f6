import CofferConfiguration
import CofferRepository
import CofferSystem
import Foundation

/// The whole program behind its command line.
public struct Program: Sendable {
  public static let version = "0.1.0"

  private let surroundings: Surroundings
  private let cancellation: Cancellation

  public init(surroundings: Surroundings, cancellation: Cancellation) {
    self.surroundings = surroundings
    self.cancellation = cancellation
  }

  /// Runs a command line.
  ///
  /// - Parameter arguments: Without the program's name.
  /// - Returns: The exit code: 0, or 1 after any error.
  public func run(_ arguments: [String]) -> Int32 {
    let plain = Console(verbosity: 0, environment: surroundings.environment, noColor: false)
    let parsed: ParsedCommandLine
    do {
      parsed = try CommandLineParser(actions: CommandTable.actions).parse(arguments)
    } catch {
      plain.error(error.diagnosis)
      return 1
    }
    if parsed.globals.contains(GlobalFlags.version) {
      plain.output(Self.version + "\n")
      return 0
    }
    if parsed.globals.contains(GlobalFlags.help) {
      plain.output(help(parsed, arguments, width: min(plain.width, 110)))
      return 0
    }
    guard (-2...2).contains(Int(parsed.globals[GlobalFlags.verbosity] ?? "0") ?? .max) else {
      plain.error(
        UsageError(argument: "--verbosity", problem: "It is a number from -2 to 2", suggestion: nil).diagnosis)
      return 1
    }
    return run(parsed, arguments, console(parsed, for: nil))
  }

  private func console(_ parsed: ParsedCommandLine, for configuration: Configuration?) -> Console {
    Console(
      globals: parsed.globals, root: configuration?.root ?? ConfigurationSection(),
      environment: surroundings.environment)
  }

  private func help(_ parsed: ParsedCommandLine, _ arguments: [String], width: Int) -> String {
    let isNamed = parsed.invocations.contains { invocation in
      invocation.action.names.contains { name in arguments.joined(separator: " ").contains(name) }
    }
    guard isNamed else { return HelpText.program(actions: CommandTable.actions, width: width) }
    return parsed.invocations.map { HelpText.action($0.action, width: width) }.joined(separator: "\n")
  }

  private func run(_ parsed: ParsedCommandLine, _ arguments: [String], _ console: Console) -> Int32 {
    let outcomes = Outcomes()
    var failures: [any Error] = []
    let wantsJSON = parsed.invocations.contains { $0.flags.contains(SharedFlags.json) }
    do {
      try runWithoutConfiguration(parsed, arguments, console, outcomes)
      try runWithConfigurations(parsed, arguments, console, outcomes, &failures)
    } catch {
      failures.append(error)
    }
    if wantsJSON { console.output(JSONValue.list(outcomes.all).rendered + "\n") }
    report(failures, console)
    return failures.isEmpty ? 0 : 1
  }

  private func runWithoutConfiguration(
    _ parsed: ParsedCommandLine, _ arguments: [String], _ console: Console, _ outcomes: Outcomes
  ) throws {
    for invocation in parsed.invocations where !invocation.action.needsConfiguration {
      try invocation.action.run(context(invocation, parsed, arguments, nil, [], console, outcomes))
    }
  }

  private func runWithConfigurations(
    _ parsed: ParsedCommandLine, _ arguments: [String], _ console: Console, _ outcomes: Outcomes,
    _ failures: inout [any Error]
  ) throws {
    let invocations = parsed.invocations.filter { $0.action.needsConfiguration }
    guard !invocations.isEmpty else { return }
    let loader = ConfigurationLoader(
      environment: surroundings.environment, currentFolder: surroundings.currentFolder)
    var configurations: [Configuration] = []
    for path in try loader.find(named: parsed.globals.all(GlobalFlags.config)) {
      do { configurations.append(try loader.load(path)) } catch { failures.append(error) }
    }
    for configuration in configurations {
      let console = self.console(parsed, for: configuration)
      for warning in configuration.notices.warnings(for: configuration.path) { console.warning(warning) }
    }
    let files = configurations.flatMap(\.filesRead).reduce(into: [String]()) { files, file in
      if !files.contains(file) { files.append(file) }
    }
    for configuration in configurations {
      let console = self.console(parsed, for: configuration)
      for invocation in invocations {
        guard !cancellation.isCancelled else { return }
        do {
          try invocation.action.run(
            context(invocation, parsed, arguments, configuration, files, console, outcomes))
        } catch {
          failures.append(error)
          // What comes after a failed step of the same file leans on it.
          break
        }
      }
    }
  }

  private func context(
    _ invocation: ParsedCommandLine.Invocation, _ parsed: ParsedCommandLine, _ arguments: [String],
    _ configuration: Configuration?, _ files: [String], _ console: Console, _ outcomes: Outcomes
  ) -> ActionContext {
    ActionContext(
      flags: invocation.flags, globals: parsed.globals, commandLine: CommandLineRedaction.redacted(arguments),
      configuration: configuration, configurationFiles: files, surroundings: surroundings, console: console,
      cancellation: cancellation, outcomes: outcomes)
  }

  private func report(_ failures: [any Error], _ console: Console) {
    let errors = SeveralErrors(failures).errors
    for error in errors { console.error(Self.diagnosis(of: error)) }
    if errors.count > 1 { console.warning("\(errors.count) errors; all are shown above") }
  }

  static func diagnosis(of error: any Error) -> Diagnosis {
    (error as? any DiagnosableError)?.diagnosis
      ?? Diagnosis(subject: "coffer", problem: String(describing: error), suggestion: nil)
  }
}

/// Command lines are kept in archives; what must not be read there is taken out.
enum CommandLineRedaction {
  static func redacted(_ arguments: [String]) -> [String] {
    var result = ["coffer"]
    var isSecret = false
    for argument in arguments {
      if isSecret {
        result.append("***")
      } else if argument.hasPrefix("--password=") {
        result.append("--password=***")
      } else {
        result.append(argument)
      }
      isSecret = argument == "--password"
    }
    return result
  }
}
