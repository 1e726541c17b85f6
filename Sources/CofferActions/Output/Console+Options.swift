import CofferConfiguration
import CofferSystem

extension Console {
  /// Makes a console as the command line wants it or, where that says nothing, a file's `verbosity` and `color`.
  convenience init(
    globals: FlagValues, root: ConfigurationSection, environment: ProcessEnvironment, sinks: [any ConsoleSink] = [],
    standardOutput: StandardOutput, outputIsForPrograms: Bool
  ) {
    let level = globals[GlobalFlags.verbosity].flatMap { Int($0) } ?? root[OutputOptions.verbosity] ?? 0
    self.init(
      verbosity: min(max(level, -2), 2), environment: environment,
      noColor: globals.contains(GlobalFlags.noColor) || root[OutputOptions.color] == false, sinks: sinks,
      standardOutput: standardOutput, outputIsForPrograms: outputIsForPrograms)
  }
}
