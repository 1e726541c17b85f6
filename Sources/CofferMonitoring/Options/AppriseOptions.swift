import CofferConfiguration

/// The options of `apprise`.
public enum AppriseOptions {
  public static let url = OptionKey<String>(
    "url",
    "Where to send to. apprise:// and apprises:// are servers with the Apprise API; anything else is given to the program apprise, which must be installed.",
    example: "apprises://apprise.example.org/backups", isRequired: true, isSecret: true)
  public static let label = OptionKey<String?>("label", "What messages call it.", example: "api")
  public static let services = OptionKey<[ConfigurationSection]>(
    "services", "The services to tell.", isRequired: true,
    schema: OptionSchema("Services", [url.option, label.option]))
  public static let logsSizeLimit = OptionKey<Int>(
    "logs_size_limit", "Bytes of logs that are sent at most; 0 for no limit.", in: NumberRange.bytes, default: 1500)

  public static let title = OptionKey<String?>("title", "The message's title.", example: "Backup")
  public static let body = OptionKey<String?>("body", "The message.", example: "It failed.")

  public static let states = MonitoringOptions.states(default: [.fail], log: true)

  public static let section = OptionKey<ConfigurationSection>(
    "apprise", "Notify through Apprise.",
    support: .differently(
      "Servers with the Apprise API are told directly, everything else by the program apprise, which must be installed"),
    schema: OptionSchema(
      "Apprise",
      [services.option, MonitoringOptions.sendLogs.option, logsSizeLimit.option]
        + MonitoringOptions.messages(
          MonitoringState.allCases, OptionSchema("Message", [title.option, body.option]))
        + [states.option]))
}
