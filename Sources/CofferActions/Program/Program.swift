import CofferConfiguration
import CofferSystem

/// The whole program behind its command line.
public struct Program: Sendable {
  public static let version = "0.1.0"

  private let surroundings: Surroundings
  private let cancellation: Cancellation

  public init(surroundings: Surroundings, cancellation: Cancellation) {
    self.surroundings = surroundings
    self.cancellation = cancellation
  }

  /// Does what a command line asks for.
  ///
  /// - Parameter arguments: Without the program's name.
  /// - Returns: The exit code: 0, or 1 after any error.
  public func execute(_ arguments: [String]) -> Int32 {
    let output = StandardOutput()
    let plain = Console(
      verbosity: 0, environment: surroundings.environment, noColor: false, standardOutput: output)
    var failures: [any Error] = []
    do {
      let parsed = try CommandLineParser(actions: CommandTable.actions).parse(arguments)
      if let page = try parsed.page(width: plain.pageWidth) {
        plain.output(page)
      } else {
        let run = CommandRun(
          parsed, arguments, surroundings: surroundings, cancellation: cancellation, standardOutput: output)
        do {
          try run.callActionsWithoutFile()
          let files = try ConfigurationFiles(run)
          failures = files.failures
          try files.callActionsWithoutRepository()
          failures += try JobList(files, run).runEverything()
        } catch {
          run.console.tell([error])
          failures.append(error)
        }
        run.tellOutcome(failures)
      }
    } catch {
      plain.tell([error])
      failures = [error]
    }
    do {
      try output.finish()
    } catch {
      plain.tell([error])
      failures.append(error)
    }
    return failures.isEmpty ? 0 : 1
  }
}

extension ParsedCommandLine {
  /// What is printed in place of running anything; nil when nothing was asked for that only prints.
  ///
  /// - Throws: `UsageError`.
  fileprivate func page(width: Int) throws(UsageError) -> String? {
    if globals.contains(GlobalFlags.version) { return Program.version + "\n" }
    if globals.contains(GlobalFlags.help) {
      guard !isStandard else { return HelpText.program(actions: CommandTable.actions, width: width) }
      return invocations.map { HelpText.action($0.action, width: width) }.joined(separator: "\n")
    }
    guard (-2...2).contains(Int(globals[GlobalFlags.verbosity] ?? "0") ?? .max) else {
      throw UsageError(argument: "--verbosity", problem: "It is a number from -2 to 2", suggestion: nil)
    }
    return nil
  }
}
