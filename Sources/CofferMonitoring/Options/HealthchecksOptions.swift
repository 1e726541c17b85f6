import CofferConfiguration

/// The options of `healthchecks` and of `watchgoose`, which are spoken to alike.
public enum HealthchecksOptions {
  public static let healthchecks = OptionKey<ConfigurationSection>(
    "healthchecks", "Ping a check of Healthchecks (healthchecks.io).",
    schema: schema("Healthchecks", healthchecksBodyLimit))
  public static let watchgoose = OptionKey<ConfigurationSection>(
    "watchgoose", "Ping a check of WatchGoose.", schema: schema("WatchGoose", watchgooseBodyLimit))

  public static let pingURL = OptionKey<String>(
    "ping_url", "The check's URL; for Healthchecks also a UUID of hc-ping.com.",
    example: "https://hc-ping.com/your-uuid-here", isRequired: true, isSecret: true)
  public static let healthchecksBodyLimit = bodyLimit(100_000)
  public static let watchgooseBodyLimit = bodyLimit(10_000)
  public static let createSlug = OptionKey<Bool>(
    "create_slug", "Make the check if there is none; for URLs with a slug in place of a UUID.", default: false)

  public static let states = MonitoringOptions.states(default: MonitoringState.allCases, log: true)

  private static func bodyLimit(_ standard: Int) -> OptionKey<Int> {
    OptionKey(
      "ping_body_limit", "Bytes of logs that are sent at most; 0 for no limit.", in: NumberRange.bytes,
      default: standard)
  }

  private static func schema(_ title: String, _ bodyLimit: OptionKey<Int>) -> OptionSchema {
    OptionSchema(
      title,
      [
        pingURL.option, MonitoringOptions.verifyTLS.option, MonitoringOptions.sendLogs.option,
        bodyLimit.option, createSlug.option, states.option,
      ])
  }
}
