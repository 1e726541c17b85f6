import CofferSystem

/// A step of a run that commands can be put around.
public enum RunStep: String, OptionChoice {
  case action, repository, configuration, everything
}

/// How a step ended, for the commands after it.
public enum StepState: String, OptionChoice {
  case finish, fail
}

/// The options of one entry of `commands`: shell commands that are run around the job.
public enum CommandOptions {
  /// What a command runs after.
  public enum Ending: String, OptionChoice {
    case action, repository, configuration, everything
    /// Once for a file that had errors.
    case error

    /// nil for errors.
    public var step: RunStep? { RunStep(rawValue: rawValue) }
  }

  public static let commands = commands(schema)

  public static let before = OptionKey<RunStep?>(
    "before",
    "Run before each action, before each repository's actions, before a configuration file's, or once before everything.",
    example: "action")
  public static let after = OptionKey<Ending?>(
    "after", "Run after that step, whether it succeeded or not; or after error, once for a file that had errors.")
  public static let when = when(alsoFor: [])
  public static let states = OptionKey<[StepState]?>(
    "states", "For after: only when the step finished, or failed. Without it, in either case.")
  public static let run = OptionKey<[String]>(
    "run",
    "The lines to run, one after the other, each by /bin/sh -c. {configuration_filename}, {repository}, {repository_label}, {log_file} and, after errors, {error} and {output} stand for values.",
    example: "[echo Backing up]", isRequired: true)

  /// borgmatic's actions, whether Coffer has them or not, and Coffer's own.
  static let actions = [
    "repo-create", "create", "prune", "compact", "check", "extract", "restore", "repo-list", "list", "repo-info",
    "info", "export-tar", "mount", "umount", "delete", "repo-delete", "transfer", "recreate", "diff", "browse",
    "break-lock", "key", "config", "borg", "verify",
  ]

  public static let schema = schema(when)
  /// The options of the top that put commands around a run.
  public static let around = OptionSchema("Commands", [commands.option])

  /// `commands` where it may name these actions, too.
  static func commands(alsoFor actions: [String]) -> OptionKey<[ConfigurationSection]> {
    commands(schema(when(alsoFor: actions)))
  }

  private static func when(alsoFor others: [String]) -> OptionKey<[String]?> {
    OptionKey(
      "when", "Only when one of these actions is run. Without it, with any action.", example: "[create]",
      choices: actions + others.filter { !actions.contains($0) })
  }

  private static func commands(_ schema: OptionSchema) -> OptionKey<[ConfigurationSection]> {
    OptionKey("commands", "Shell commands to run before and after the job's steps.", schema: schema)
  }

  private static func schema(_ when: OptionKey<[String]?>) -> OptionSchema {
    OptionSchema("Commands", [before.option, after.option, when.option, states.option, run.option])
  }
}
