import CofferConfiguration

/// The options of `ntfy`.
public enum NtfyOptions {
  public enum Priority: String, OptionChoice {
    case min, low, `default`, high, urgent, max
  }

  public static let topic = OptionKey<String>(
    "topic", "The topic to publish to.", example: "backups", isRequired: true)
  public static let server = OptionKey<String>("server", "The server to publish at.", default: "https://ntfy.sh")
  public static let username = OptionKey<String?>("username", "The user to publish as.", example: "backup")
  public static let password = OptionKey<String>(
    "password", "The user's password.", example: "\"{credential file /etc/coffer/ntfy}\"", isSecret: true)
  public static let accessToken = OptionKey<String?>(
    "access_token", "An access token, in place of user and password.", example: "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2",
    isSecret: true)

  public static let title = OptionKey<String?>("title", "The message's title.", example: "Backup")
  public static let message = OptionKey<String?>("message", "The message.", example: "It failed.")
  public static let priority = OptionKey<Priority>(
    "priority", "How urgent it is.", default: .default)
  public static let tags = OptionKey<String>("tags", "Tags, parted by commas.", default: "coffer")

  private static let messageSchema = OptionSchema(
    "Message", [title.option, message.option, priority.option, tags.option])

  public static let states = MonitoringOptions.states(default: [.fail])

  public static let section = OptionKey<ConfigurationSection>(
    "ntfy", "Publish to a topic of ntfy.",
    schema: OptionSchema(
      "ntfy",
      [topic.option, server.option, username.option, password.option, accessToken.option]
        + MonitoringOptions.messages([.start, .finish, .fail], messageSchema)
        + [states.option]))
}
