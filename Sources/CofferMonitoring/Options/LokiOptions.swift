import CofferConfiguration

/// The options of `loki`.
public enum LokiOptions {
  public static let url = OptionKey<String>(
    "url", "The URL that log lines are pushed to.", example: "http://localhost:3100/loki/api/v1/push",
    isRequired: true, isSecret: true)
  public static let labels = OptionKey<ConfigurationSection>(
    "labels",
    "Labels of the stream. The values __hostname, __config and __config_path stand for this machine, the configuration file and its path.",
    example: "{app: coffer, hostname: __hostname}", isRequired: true)
  public static let certificatePath = OptionKey<String?>(
    "cert_path", "The client's certificate file.", example: "/etc/coffer/loki.crt")
  public static let keyPath = OptionKey<String?>("key_path", "The client's key file.", example: "/etc/coffer/loki.key")
  public static let tls = OptionKey<ConfigurationSection>(
    "tls", "How this client proves who it is.",
    schema: OptionSchema("TLS", [certificatePath.option, keyPath.option]))

  public static let states = MonitoringOptions.states(default: [.start, .finish, .fail], support: .own)

  public static let section = OptionKey<ConfigurationSection>(
    "loki", "Push to Grafana Loki.",
    schema: OptionSchema(
      "Loki",
      [
        url.option, labels.option, tls.option, MonitoringOptions.sendLogs.option,
        states.option,
      ]))
}
