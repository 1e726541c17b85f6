import CofferConfiguration
import CofferSystem

/// The services that can be told how runs go.
public struct MonitoringRegistry: Sendable {
  public let services: [any MonitoringService.Type]

  public init(_ services: [any MonitoringService.Type]) {
    self.services = services
  }

  /// The services there are. A new one is one more line.
  public static let standard = MonitoringRegistry([
    Healthchecks.self,
    WatchGoose.self,
    Cronitor.self,
    UptimeKuma.self,
    Sentry.self,
    Ntfy.self,
    Pushover.self,
    PagerDuty.self,
    Apprise.self,
    Zabbix.self,
    Loki.self,
    Email.self,
    PrometheusTextfile.self,
  ])

  /// The options that configure them.
  public var schema: OptionSchema { OptionSchema("Monitoring", services.map { $0.option.option }, role: .services) }

  private struct Unknown: Error {}

  /// What is wrong with the services of a file, as far as it can be told without asking for credentials.
  public func problems(in root: ConfigurationSection) -> [(name: String, error: any Error)] {
    services.compactMap { type in
      guard let section = root.given(type.option) else { return nil }
      let settings = MonitoringSettings(section, of: type.option.name) { text in
        // Validation leaves variables of the environment as they are.
        guard !text.begins(with: "{credential"), !text.holds("${") else { throw Unknown() }
        return text
      }
      do {
        _ = try type.init(settings)
        return nil
      } catch is Unknown {
        return nil
      } catch {
        return (type.option.name, error)
      }
    }
  }
}
