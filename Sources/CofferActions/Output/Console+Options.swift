import CofferConfiguration
import CofferSystem

extension Console {
  /// Makes a console as the command line wants it or, where that says nothing, a file's `verbosity` and `color`.
  convenience init(
    globals: FlagValues, root: ConfigurationSection, environment: ProcessEnvironment, sinks: [any ConsoleSink] = [],
    clock: Clock, standardOutput: StandardOutput, outputIsForPrograms: Bool
  ) {
    let level = globals[GlobalFlags.verbosity] ?? root[OutputOptions.verbosity]
    self.init(
      verbosity: level.rawValue, environment: environment,
      noColor: globals.contains(GlobalFlags.noColor) || !root[OutputOptions.color], sinks: sinks,
      jsonClock: globals.contains(GlobalFlags.logJSON) || root[OutputOptions.logJSON] ? clock : nil,
      standardOutput: standardOutput, outputIsForPrograms: outputIsForPrograms)
  }
}
