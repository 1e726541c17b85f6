/// The options of `healthchecks` and of `watchgoose`, which are spoken to alike.
public enum HealthchecksOptions {
  public static let healthchecks = OptionKey<ConfigurationSection>(
    "healthchecks", "Ping a check of Healthchecks (healthchecks.io).", schema: schema("Healthchecks", limit: "100000"))
  public static let watchgoose = OptionKey<ConfigurationSection>(
    "watchgoose", "Ping a check of WatchGoose.", schema: schema("WatchGoose", limit: "10000"))

  public static let pingURL = OptionKey<String>(
    "ping_url", "The check's URL; for Healthchecks also a UUID of hc-ping.com.",
    example: "https://hc-ping.com/your-uuid-here", isRequired: true, isSecret: true)
  public static let pingBodyLimit = OptionKey<Int>(
    "ping_body_limit", "Bytes of logs that are sent at most; 0 for no limit.")
  public static let createSlug = OptionKey<Bool>(
    "create_slug", "Make the check if there is none; for URLs with a slug in place of a UUID.", default: "false")

  private static func schema(_ title: String, limit: String) -> OptionSchema {
    OptionSchema(
      title,
      [
        pingURL.option, MonitoringOptions.verifyTLS.option, MonitoringOptions.sendLogs.option,
        OptionKey<Int>(pingBodyLimit.name, pingBodyLimit.option.documentation, default: limit).option,
        createSlug.option, MonitoringOptions.states(default: "[start, finish, fail, log]", log: true).option,
      ])
  }
}
