/// How patient a run is with a dump: at the top for all databases, in a database's entry for that one.
public enum PatienceOptions {
  public static let stallTimeout = OptionKey<Int>(
    "dump_stall_timeout",
    "Seconds that a dump program may write nothing before the run gives it up. 0 waits for ever.", in: NumberRange.seconds, default: 600,
    support: .own)
  public static let timeLimit = OptionKey<Int>(
    "dump_time_limit", "Seconds that one dump may take altogether. 0 means no limit.", in: NumberRange.seconds,
    default: 0, support: .own)
  public static let retries = OptionKey<Int>(
    "dump_retries", "How often the dump of one database is tried again when it failed.", in: NumberRange.counts,
    default: 0, support: .own)
  public static let retryWait = OptionKey<Int>(
    "dump_retry_wait", "Seconds before a dump is tried again; doubled each time.", in: NumberRange.seconds,
    default: 5, support: .own)

  public static let all: [Option] = [stallTimeout.option, timeLimit.option, retries.option, retryWait.option]
}
