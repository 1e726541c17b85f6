import CofferSystem

/// How a run goes about its actions.
public enum RunOptions {
  public static let constants = OptionKey<ConfigurationSection>(
    "constants", "Names for values: {name} anywhere below stands for the value of 'name' here.",
    example: "{user: backup}")
  public static let retries = OptionKey<Int>(
    "retries", "How many more times a repository is tried after it failed, the others first.",
    in: NumberRange.counts, default: 0)
  public static let retryWait = OptionKey<Int>(
    "retry_wait", "Seconds to wait before a try, times the number of the try.",
    in: NumberRange.seconds, default: 0)
  public static let umask = OptionKey<FileModeMask?>(
    "umask", "The file mode mask of commands; its digits are read as octal ones.", example: "77")
  public static let skipActions = skipActions(alsoFor: [])
  public static let defaultActions = OptionKey<Bool>(
    "default_actions", "Whether actions run when the command line names none.", default: true)
  public static let stateDirectory = OptionKey<String?>(
    "user_state_directory", "Where it is noted when checks were last made.", example: "/var/lib/coffer")
  public static let matchArchives = OptionKey<ArchivePattern?>(
    "match_archives",
    "Which archives commands see: a glob, or a regular expression after 're:'. '*' for all.",
    example: "{hostname}-*")
  public static let archiveHostname = OptionKey<String?>(
    "archive_hostname", "The host name that archives carry, if not this machine's.", example: "database1")
  public static let archiveUsername = OptionKey<String?>(
    "archive_username", "The user name that archives carry, if not that of the user who runs Coffer.",
    example: "backup")

  /// `skip_actions` where it may name these actions, too.
  static func skipActions(alsoFor actions: [String]) -> OptionKey<[String]> {
    let known = CommandOptions.actions
    return OptionKey(
      "skip_actions", "Actions that are never run for this file.", example: "[check]",
      choices: known + actions.filter { !known.contains($0) })
  }

  public static let schema = OptionSchema(
    "Running",
    [
      constants.option, retries.option, retryWait.option, umask.option, skipActions.option, defaultActions.option,
      stateDirectory.option, matchArchives.option, archiveHostname.option, archiveUsername.option,
    ])
}
