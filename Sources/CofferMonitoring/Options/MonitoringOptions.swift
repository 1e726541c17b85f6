import CofferConfiguration
import CofferSystem

/// What monitoring services are told of.
public enum MonitoringState: String, OptionChoice {
  case start, finish, fail
  /// The logs, before finish or fail.
  case log
}

/// What the options of monitoring services have in common.
public enum MonitoringOptions {
  public static let verifyTLS = OptionKey<Bool>(
    "verify_tls", "Whether the server's certificate must be good.", default: true)
  public static let sendLogs = OptionKey<Bool>(
    "send_logs", "Send the last lines of what was said, as much of it as monitoring_verbosity asks for.",
    default: true)

  /// States that are told to a service.
  static func states(
    default standard: [MonitoringState], log: Bool = false, support: OptionSupport = .works
  ) -> OptionKey<[MonitoringState]> {
    OptionKey(
      "states", "Of what the service is told.", default: standard,
      choices: MonitoringState.allCases.filter { log || $0 != .log }.map(\.spelling), support: support)
  }

  /// A section for each state, with what is sent then.
  static func messages(_ states: [MonitoringState], _ schema: OptionSchema) -> [Option] {
    states.map { message($0, schema).option }
  }

  /// For reading what `messages(_:_:)` declares.
  public static func message(_ state: MonitoringState, _ schema: OptionSchema? = nil) -> OptionKey<ConfigurationSection>
  {
    OptionKey(state.rawValue, "What is sent for the state '\(state.rawValue)'.", schema: schema)
  }
}
