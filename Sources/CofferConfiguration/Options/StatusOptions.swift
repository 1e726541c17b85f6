/// What `status` holds backups to.
public enum StatusOptions {
  public static let within = OptionKey<CheckFrequency?>(
    "backup_within",
    "How old the last good backup of a database, and of a repository, may be: a number and a unit. 'status' ends with exit code 1 when one is older, or there is none.",
    example: "26 hours", support: .own)

  public static let schema = OptionSchema("Status", [within.option])
}
