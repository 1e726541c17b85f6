import CofferConfiguration

/// The options of `pushover`.
public enum PushoverOptions {
  /// How loud a message is, in Pushover's numbers (https://pushover.net/api#priority).
  public enum Priority: Int, OptionChoice {
    case lowest = -2
    case low, normal, high, emergency
  }

  public static let token = OptionKey<String>(
    "token", "The application's token.", example: "7ms6TXHpTokTou2P6x4SodDeentHRa", isRequired: true, isSecret: true)
  public static let user = OptionKey<String>(
    "user", "The user's or the group's key.", example: "hwRwoWsXMBWwgrSecfa9EfPey55WSN", isRequired: true,
    isSecret: true)

  public static let message = OptionKey<String?>("message", "The message.", example: "It failed.")
  public static let priority = OptionKey<Priority>(
    "priority", "From -2 to 2; 2 is repeated until somebody confirms it.", default: .normal)
  /// What Pushover takes (https://pushover.net/api#priority).
  private static let longest = 10_800
  public static let expire = OptionKey<Int>(
    "expire", "Seconds after which priority 2 is given up.", in: 1...longest, default: 600)
  public static let retry = OptionKey<Int>(
    "retry", "Seconds between the repeats of priority 2.", in: 30...longest, default: 30)
  public static let device = OptionKey<String?>("device", "The only device to show it on.", example: "pixel8")
  public static let html = OptionKey<Bool>("html", "Whether the message is HTML.", default: false)
  public static let sound = OptionKey<String?>("sound", "The sound to play.", example: "bike")
  public static let title = OptionKey<String?>("title", "The message's title.", example: "Backup")
  public static let ttl = OptionKey<Int?>(
    "ttl", "Seconds after which the message goes away.", in: 1...NumberRange.seconds.upperBound, example: "3600")
  public static let url = OptionKey<String?>("url", "A link to go with it.", example: "https://example.org")
  public static let urlTitle = OptionKey<String?>("url_title", "The link's text.", example: "Runbook")

  private static let messageSchema = OptionSchema(
    "Message",
    [
      message.option, priority.option, expire.option, retry.option, device.option, html.option, sound.option,
      title.option, ttl.option, url.option, urlTitle.option,
    ])

  public static let states = MonitoringOptions.states(default: [.fail])

  public static let section = OptionKey<ConfigurationSection>(
    "pushover", "Send a notification by Pushover.",
    schema: OptionSchema(
      "Pushover",
      [token.option, user.option] + MonitoringOptions.messages([.start, .finish, .fail], messageSchema)
        + [states.option]))
}
