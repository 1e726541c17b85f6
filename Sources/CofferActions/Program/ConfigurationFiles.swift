import CofferConfiguration
import CofferSystem

/// The configuration files that a command line acts on.
struct ConfigurationFiles {
  let configurations: [Configuration]
  /// Why the others could not be loaded; they were told.
  let failures: [any Error]
  /// Every file that was read for any of them: all of them are bundled.
  let paths: [String]
  /// Whether there is none, and the actions can do without.
  let areMissing: Bool
  private let run: CommandRun

  /// Loads the files if any action needs one, and tells what is wrong with them.
  ///
  /// - Throws: `ConfigurationError` when none is found.
  init(_ run: CommandRun) throws {
    self.run = run
    var configurations: [Configuration] = []
    var failures: [any Error] = []
    let found = try Self.find(run)
    areMissing = found == nil && run.parsed.invocations.contains(where: \.action.needsConfiguration)
    if let found {
      if found.isBorgmatic {
        run.console.warning(
          "There is no configuration of Coffer's, so borgmatic's is used: \(found.paths.joined(separator: ", "))")
      }
      for error in found.unreadable { run.console.warning(Console.text(error.diagnosis)) }
      let reading = run.parsed.reading
      for path in found.paths {
        do { configurations.append(try run.loader.load(path, as: reading)) } catch { failures.append(error) }
      }
    }
    self.configurations = configurations
    self.failures = failures
    paths = configurations.flatMap(\.filesRead).reduce(into: []) { paths, path in
      if !paths.contains(where: { $0.isSame(as: path) }) { paths.append(path) }
    }
    run.console.tell(failures)
    for configuration in configurations { warn(of: configuration) }
  }

  /// - Returns: nil when no action needs one, or there is none and all actions can do without.
  private static func find(_ run: CommandRun) throws -> ConfigurationLoader.Found? {
    let invocations = run.parsed.invocations.filter(\.action.needsConfiguration)
    guard !invocations.isEmpty else { return nil }
    let named = run.globals[GlobalFlags.config]
    do {
      return try run.loader.find(named: named)
    } catch {
      let canDoWithout = invocations.allSatisfy {
        $0.action.canDoWithoutConfiguration && $0.flags[SharedFlags.repository] != nil
      }
      guard case .noFiles = error, named.isEmpty, canDoWithout else { throw error }
      return nil
    }
  }

  /// Whether no file lets anything run when no action is named.
  var haveNoDefaultActions: Bool {
    !configurations.isEmpty && configurations.allSatisfy { !$0.root[RunOptions.defaultActions] }
  }

  private func warn(of configuration: Configuration) {
    let console = run.adapted(to: configuration).console
    for warning in configuration.notices.warnings(for: configuration.path) { console.warning(warning) }
    for failure in CommandRun.logs(of: configuration.root, run.surroundings).failures {
      console.warning("The log cannot be written: \(Console.text(Diagnosis(of: failure)))")
    }
  }

  /// Calls the actions that look at files and at no repository.
  func callActionsWithoutRepository() throws {
    for configuration in configurations {
      for invocation in run.parsed.invocations
      where invocation.action.needsConfiguration && invocation.action.repositories == .none {
        let context = ActionContext(run.adapted(to: configuration), invocation, configuration, files: paths)
        try invocation.action.run(context)
      }
    }
  }
}
