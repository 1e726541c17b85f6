import CofferConfiguration

/// The options of `zabbix`.
public enum ZabbixOptions {
  public static let server = OptionKey<String>(
    "server", "The URL of the server's API.", example: "https://zabbix.example.org/api_jsonrpc.php", isRequired: true)
  public static let itemID = OptionKey<String?>("itemid", "The item's number; or else host and key.", example: "55105")
  public static let host = OptionKey<String?>("host", "The host that the item belongs to.", example: "database1")
  public static let key = OptionKey<String?>("key", "The key of the item.", example: "coffer.status")
  public static let username = OptionKey<String?>("username", "The user to log in as.", example: "backup")
  public static let password = OptionKey<String?>(
    "password", "The user's password.", example: "\"{credential file /etc/coffer/zabbix}\"", isSecret: true)
  public static let apiKey = OptionKey<String?>(
    "api_key", "An API token, in place of user and password.", example: "5e6f7a8b9c0d", isSecret: true)
  public static let value = OptionKey<String?>("value", "The item's value then.", example: "FAILED")

  public static let states = MonitoringOptions.states(default: [.fail])

  public static let section = OptionKey<ConfigurationSection>(
    "zabbix", "Set the value of an item of Zabbix.",
    schema: OptionSchema(
      "Zabbix",
      [server.option, itemID.option, host.option, key.option, username.option, password.option, apiKey.option]
        + MonitoringOptions.messages([.start, .finish, .fail], OptionSchema("Value", [value.option]))
        + [states.option]))
}
