/// Which archives `prune` keeps, and when `compact` gives their space back.
public enum RetentionOptions {
  public static let within = OptionKey<ArchiveAge?>(
    "keep_within", "Keep every archive that is younger than this: a number and S, M, H, d, w, m or y.", example: "3d")
  public static let labelled = OptionKey<ArchiveAge?>(
    "keep_labelled",
    "Keep every archive that was made with --label and is younger than this, besides those that the other options keep. Alone it deletes nothing.",
    example: "1y", support: .own)
  public static let log = OptionKey<ArchiveAge?>(
    "keep_log",
    "How much of each database server's log that 'coffer wal' or 'coffer binlog' has stored is kept by 'prune', counted back from the newest part of that server's: a number and S, M, H, d, w, m or y. Without it, all. Where archives have base backups of the server, or dumps that note its place in the log, all stays from the newest on that is older than that, or from the oldest. Log of servers that 'postgresql_clusters', 'mariadb_servers' or 'mysql_servers' does not name stays.",
    example: "2w", support: .own)
  public static let last = OptionKey<Int?>(
    "keep_last", "Keep this many of the newest archives that keep_within does not keep; -1 for all of them.",
    in: NumberRange.kept, example: "3", support: .own)
  public static let secondly = count("keep_secondly", "seconds", example: "60")
  public static let minutely = count("keep_minutely", "minutes", example: "60")
  public static let hourly = count("keep_hourly", "hours", example: "24")
  public static let daily = count("keep_daily", "days", example: "7")
  public static let weekly = count("keep_weekly", "weeks", example: "4")
  public static let monthly = count("keep_monthly", "months", example: "6")
  public static let quarterlyByWeeks = count("keep_13weekly", "quarters of thirteen weeks", example: "4")
  public static let quarterlyByMonths = count("keep_3monthly", "quarters of three months", example: "4")
  public static let yearly = count("keep_yearly", "years", example: "1")
  public static let compactThreshold = OptionKey<Percentage>(
    "compact_threshold", "The percentage of a pack that must be unused before 'compact' writes it anew.",
    default: .tenth)

  private static func count(_ name: String, _ period: String, example: String) -> OptionKey<Int?> {
    OptionKey(
      name, "Keep the last archive of each of this many \(period); -1 for all of them.", in: NumberRange.kept,
      example: example)
  }

  public static let schema = OptionSchema(
    "Retention",
    [
      within.option, labelled.option, last.option, secondly.option, minutely.option, hourly.option, daily.option,
      weekly.option, monthly.option, quarterlyByWeeks.option, quarterlyByMonths.option, yearly.option, log.option,
    ])

  /// What `compact` reads.
  public static let compaction = OptionSchema("Compaction", [compactThreshold.option])
}
