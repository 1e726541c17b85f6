/// How much is said: each says what the ones below it say, too.
public enum Verbosity: Int, OptionChoice {
  case silent = -2
  case errors, answers, steps, details
}

/// What is said, where, and how much of it.
public enum OutputOptions {
  public static let verbosity = level(
    "verbosity", "How much is said: -2 nothing, -1 errors, 0 warnings and answers, 1 steps, 2 details.",
    default: .answers)
  public static let syslogVerbosity = level(
    "syslog_verbosity", "The same for the system's log.", default: .silent)
  public static let logFileVerbosity = level(
    "log_file_verbosity", "The same for log_file.", default: .steps)
  public static let monitoringVerbosity = level(
    "monitoring_verbosity", "The same for logs that are sent to monitoring services.", default: .steps)
  public static let color = OptionKey<Bool>(
    "color", "Whether a terminal gets colours.", default: true)
  public static let logFile = OptionKey<String?>(
    "log_file", "A file that what is said is added to.", example: "/var/log/coffer.log")
  public static let logFileFormat = OptionKey<String>(
    "log_file_format", "How a line of log_file looks: {asctime}, {levelname} and {message} are replaced.",
    default: "[{asctime}] {levelname}: {message}",
    support: .differently("Only these three names and {prefix}, which is empty, are replaced"))
  public static let progress = OptionKey<Bool>(
    "progress", "Show progress even when the output is no terminal, as --progress does.", default: false)
  public static let listDetails = OptionKey<Bool>(
    "list_details", "Print every item as it is stored, as --list does.", default: false)
  public static let statistics = OptionKey<Statistics>(
    "statistics", "Print the sizes of a new archive, as --stats does.", default: .none,
    support: .differently("standard and quick print the same; the figures cost nothing"))

  public static let exitCodes = OptionKey<ExitCodes>(
    "exit_codes",
    "What the exit code tells: 1 after any error (plain), or one for each kind of error and for warnings (classes), as "
      + "Documentation/how-to/failures.md lists them.", default: .plain, support: .own)
  public static let logJSON = OptionKey<Bool>(
    "log_json", "Say what is said to standard error as JSON, an object a line, for programs that watch a run.",
    default: false, support: .differently("The objects are Coffer's own; Borg's are not in them"))

  /// What the program's exit code tells.
  public enum ExitCodes: String, OptionChoice {
    case plain, classes
  }

  /// Which sizes of a new archive are printed.
  public enum Statistics: String, OptionChoice {
    case standard, quick, none
  }

  private static func level(
    _ name: String, _ documentation: String, default standard: Verbosity
  ) -> OptionKey<Verbosity> {
    OptionKey(name, documentation, default: standard)
  }

  public static let schema = OptionSchema(
    "Output",
    [
      verbosity.option, syslogVerbosity.option, logFileVerbosity.option, monitoringVerbosity.option, color.option,
      logFile.option, logFileFormat.option, progress.option, listDetails.option, statistics.option,
      exitCodes.option, logJSON.option,
    ])
}
