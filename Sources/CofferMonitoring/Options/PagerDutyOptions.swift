import CofferConfiguration

/// The options of `pagerduty`.
public enum PagerDutyOptions {
  public static let integrationKey = OptionKey<String>(
    "integration_key", "The service's integration key.", example: "a177cad45bd374409f78906a810a3074", isRequired: true,
    isSecret: true)

  public static let section = OptionKey<ConfigurationSection>(
    "pagerduty", "Raise an incident in PagerDuty when a backup fails.",
    schema: OptionSchema("PagerDuty", [integrationKey.option, MonitoringOptions.sendLogs.option]))
}
