/// The options of one entry of `commands`: shell commands that are run around the job.
public enum CommandOptions {
  public static let commands = OptionKey<[ConfigurationSection]>(
    "commands", "Shell commands to run before and after the job's steps.", schema: schema)

  private static let steps = ["action", "repository", "configuration", "everything"]

  public static let before = OptionKey<String>(
    "before",
    "Run before each action, before each repository's actions, before a configuration file's, or once before everything.",
    example: "action", choices: steps)
  public static let after = OptionKey<String>(
    "after", "Run after that step, whether it succeeded or not; or after error, once for a file that had errors.",
    choices: steps + ["error"])
  public static let when = OptionKey<[String]>(
    "when", "Only when one of these actions is run. Without it, with any action.", example: "[create]",
    choices: [
      "repo-create", "create", "prune", "compact", "check", "extract", "restore", "repo-list", "list", "repo-info",
      "info", "export-tar", "mount", "umount", "delete", "repo-delete", "transfer", "recreate", "diff", "browse",
      "break-lock", "key", "config", "borg",
    ])
  public static let states = OptionKey<[String]>(
    "states", "For after: only when the step finished, or failed. Without it, in either case.",
    choices: ["finish", "fail"])
  public static let run = OptionKey<[String]>(
    "run",
    "The lines to run, one after the other, each by /bin/sh -c. {configuration_filename}, {repository}, {repository_label}, {log_file} and, after errors, {error} and {output} stand for values.",
    example: "[echo Backing up]", isRequired: true)

  public static let schema = OptionSchema(
    "Commands", [before.option, after.option, when.option, states.option, run.option])
}
