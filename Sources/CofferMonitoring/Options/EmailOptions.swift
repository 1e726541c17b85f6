import CofferConfiguration
import CofferSystem

/// The options of `email`.
public enum EmailOptions {
  /// When a mail is sent.
  public enum Occasion: String, OptionChoice {
    case start, finish, fail, always

    public var states: [MonitoringState] {
      switch self {
      case .start: [.start]
      case .finish: [.finish]
      case .fail: [.fail]
      case .always: [.finish, .fail]
      }
    }
  }

  public static let server = OptionKey<String>(
    "server", "The mail server: smtp:// or smtps://, the host and, if it is not the usual one, the port.",
    example: "smtp://mail.example.org:587", isRequired: true)
  public static let from = OptionKey<String>(
    "from", "The sender's address.", example: "backup@example.org", isRequired: true)
  public static let recipients = OptionKey<[String]>(
    "to", "The recipients' addresses.", example: "[admin@example.org]", isRequired: true)
  public static let username = OptionKey<String?>("username", "The user to log in as.", example: "backup")
  public static let password = OptionKey<String?>(
    "password", "The user's password.", example: "\"{credential file /etc/coffer/mail}\"", isSecret: true)
  public static let startTLS = OptionKey<Bool>(
    "starttls", "Whether a connection by smtp:// must be encrypted before anything is said.", default: true)

  public static let states = OptionKey<[Occasion]>(
    "states", "When a mail is sent; always is the same as finish and fail.", default: [.fail])

  public static let section = OptionKey<ConfigurationSection>(
    "email", "Send a mail with what was done and what went wrong.", support: .own,
    schema: OptionSchema(
      "Email",
      [
        server.option, from.option, recipients.option, username.option, password.option, startTLS.option,
        MonitoringOptions.verifyTLS.option, MonitoringOptions.sendLogs.option,
        states.option,
      ]))
}
