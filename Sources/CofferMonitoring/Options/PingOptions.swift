import CofferConfiguration

/// The options of `cronitor`.
public enum CronitorOptions {
  public static let pingURL = OptionKey<String>(
    "ping_url", "The monitor's telemetry URL.", example: "https://cronitor.link/d3x0c1", isRequired: true,
    isSecret: true)

  public static let states = MonitoringOptions.states(default: [.start, .finish, .fail], support: .own)

  public static let section = OptionKey<ConfigurationSection>(
    "cronitor", "Ping a monitor of Cronitor.",
    schema: OptionSchema(
      "Cronitor",
      [pingURL.option, states.option]))
}

/// The options of `uptime_kuma`.
public enum UptimeKumaOptions {
  public static let pushURL = OptionKey<String>(
    "push_url", "The push monitor's URL; its query is filled in.",
    example: "https://kuma.example.org/api/push/abcd1234", isRequired: true, isSecret: true)

  public static let states = MonitoringOptions.states(default: [.start, .finish, .fail])

  public static let section = OptionKey<ConfigurationSection>(
    "uptime_kuma", "Push to a monitor of Uptime Kuma.",
    schema: OptionSchema(
      "Uptime Kuma",
      [
        pushURL.option, MonitoringOptions.verifyTLS.option,
        states.option,
      ]))
}

/// The options of `sentry`.
public enum SentryOptions {
  public static let dataSourceNameURL = OptionKey<String>(
    "data_source_name_url", "The project's DSN.", example: "https://key@o1.ingest.sentry.io/203069",
    isRequired: true, isSecret: true)
  public static let monitorSlug = OptionKey<String>(
    "monitor_slug", "The cron monitor's slug.", example: "backup", isRequired: true)
  public static let environment = OptionKey<String?>(
    "environment", "The environment that check-ins are filed under.", example: "production")

  public static let states = MonitoringOptions.states(default: [.start, .finish, .fail])

  public static let section = OptionKey<ConfigurationSection>(
    "sentry", "Check in with a cron monitor of Sentry.",
    schema: OptionSchema(
      "Sentry",
      [
        dataSourceNameURL.option, monitorSlug.option, environment.option,
        states.option,
      ]))
}
