import CofferConfiguration
import CofferHTTP
import CofferSystem

/// A service that is told how runs go.
public protocol MonitoringService: Sendable {
  /// The option that configures it.
  static var option: OptionKey<ConfigurationSection> { get }

  /// Reads its options.
  ///
  /// - Throws: `MonitoringError`; `CredentialError`.
  init(_ settings: MonitoringSettings) throws

  /// What it wants to be told of.
  var states: [MonitoringState] { get }

  /// Tells it.
  ///
  /// - Throws: `HTTPError`, `MailError`, `MonitoringError` and others that know what to do next.
  func deliver(_ event: MonitoringEvent, through couriers: Couriers) throws
}

/// A service that takes HTTP requests, none of which depends on the answer to another.
public protocol HTTPService: MonitoringService {
  /// The requests that tell it.
  func requests(for event: MonitoringEvent) throws -> [HTTPRequest]

  /// What bodies hold of secrets. Those in addresses and headers are known without being named.
  var secrets: [String] { get }
}

extension HTTPService {
  public var secrets: [String] { [] }

  public func deliver(_ event: MonitoringEvent, through couriers: Couriers) throws {
    for request in try requests(for: event) { try couriers.http.send(request, hiding: secrets) }
  }
}

/// How services are reached.
public struct Couriers: Sendable {
  public let http: HTTPClient
  public let mail: MailClient
  public let launcher: any ProcessLauncher
  /// For programs: without the repository's passphrases.
  public let environment: ProcessEnvironment

  public init(
    http: HTTPClient, mail: MailClient, launcher: any ProcessLauncher, environment: ProcessEnvironment
  ) {
    self.http = http
    self.mail = mail
    self.launcher = launcher
    self.environment = environment
  }
}

/// The options of one service, with its secrets resolved.
public struct MonitoringSettings: Sendable {
  let section: ConfigurationSection
  private let service: String
  private let resolve: @Sendable (String) throws -> String

  /// - Parameters:
  ///   - service: The option's name that the section stands at.
  ///   - resolve: Returns the secret that a text stands for.
  public init(
    _ section: ConfigurationSection, of service: String, resolve: @escaping @Sendable (String) throws -> String
  ) {
    self.section = section
    self.service = service
    self.resolve = resolve
  }

  subscript<Value>(key: OptionKey<Value>) -> Value { section[key] }

  /// The option as messages name it: `zabbix.host`.
  func name(of key: OptionKey<some OptionValue>) -> String { "\(service).\(key.name)" }

  /// - Throws: `MonitoringError.missing`; `.malformed` for an empty one.
  func required<Text>(_ key: OptionKey<Text>) throws -> String where Text.Given == String {
    guard let value = section.given(key) else { throw MonitoringError.missing(name(of: key)) }
    return try filled(value, key)
  }

  private func filled(_ value: String, _ key: OptionKey<some OptionValue>) throws -> String {
    guard value.isEmpty else { return value }
    throw MonitoringError.malformed(
      option: name(of: key), suggestion: "It is empty: give it a value, or leave the service's section out")
  }

  /// The value, or what it is a credential of.
  ///
  /// - Throws: `CredentialError`.
  func secret(_ key: OptionKey<String?>) throws -> String? {
    guard let value = section[key] else { return nil }
    return try resolve(value)
  }

  /// - Throws: `CredentialError`.
  func secret(_ key: OptionKey<String>) throws -> String { try resolve(section[key]) }

  /// - Throws: `MonitoringError.missing`; `.malformed` for an empty one; `CredentialError`.
  func requiredSecret<Text>(_ key: OptionKey<Text>) throws -> String where Text.Given == String {
    try filled(try resolve(try required(key)), key)
  }

  /// The same for a section below.
  func inner(_ section: ConfigurationSection) -> MonitoringSettings {
    MonitoringSettings(section, of: service, resolve: resolve)
  }

  /// The section of what is sent for a state.
  func message(_ state: MonitoringState) -> ConfigurationSection {
    section[MonitoringOptions.message(state)]
  }
}

/// Monitoring that cannot work as it is configured.
public enum MonitoringError: DiagnosableError, Equatable {
  case missing(String)
  case malformed(option: String, suggestion: String)
  case programFailed(program: String, detail: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .missing(let option):
      Diagnosis(subject: option, problem: "The option is not set", suggestion: "Add it to the service's section")
    case .malformed(let option, let suggestion):
      Diagnosis(subject: option, problem: "The option's value cannot be understood", suggestion: suggestion)
    case .programFailed(let program, let detail): Diagnosis(subject: program, problem: detail)
    }
  }
}
