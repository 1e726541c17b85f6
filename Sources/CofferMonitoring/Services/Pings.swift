import CofferConfiguration
import CofferHTTP
import CofferSystem
import Glibc

/// Pings a monitor of Cronitor.
struct Cronitor: HTTPService {
  static let option = CronitorOptions.section

  private let url: String
  let states: [MonitoringState]

  init(_ settings: MonitoringSettings) throws {
    url = try settings.requiredSecret(CronitorOptions.pingURL)
    states = settings[CronitorOptions.states]
  }

  func requests(for event: MonitoringEvent) -> [HTTPRequest] {
    switch event.state {
    case .start: [HTTPRequest(.get, URLText.adding(path: "/run", to: url))]
    case .finish: [HTTPRequest(.get, URLText.adding(path: "/complete", to: url))]
    case .fail: [HTTPRequest(.get, URLText.adding(path: "/fail", to: url))]
    case .log: []
    }
  }
}

/// Pushes to a monitor of Uptime Kuma.
struct UptimeKuma: HTTPService {
  static let option = UptimeKumaOptions.section

  private let url: String
  private let verifiesServer: Bool
  let states: [MonitoringState]

  init(_ settings: MonitoringSettings) throws {
    url = try settings.requiredSecret(UptimeKumaOptions.pushURL)
    verifiesServer = settings[MonitoringOptions.verifyTLS]
    states = settings[UptimeKumaOptions.states]
  }

  func requests(for event: MonitoringEvent) -> [HTTPRequest] {
    guard event.state != .log else { return [] }
    let fields = [("status", event.state == .fail ? "down" : "up"), ("msg", event.state.rawValue)]
    var request = HTTPRequest(.get, URLText.adding(query: fields, to: url))
    request.verifiesServer = verifiesServer
    return [request]
  }
}

/// Checks in with a cron monitor of Sentry.
struct Sentry: HTTPService {
  static let option = SentryOptions.section

  private let url: String
  private let environment: String?
  let states: [MonitoringState]

  init(_ settings: MonitoringSettings) throws {
    let source = try settings.requiredSecret(SentryOptions.dataSourceNameURL)
    guard let parts = source.wholeMatch(of: #/(https?):\/\/([^:@\/]+)(?::[^@\/]*)?@([^\/]+)\/(.*\/)?([0-9]+)/#) else {
      throw MonitoringError.malformed(
        option: settings.name(of: SentryOptions.dataSourceNameURL),
        suggestion: "Copy the DSN from the project's settings in Sentry")
    }
    let (_, scheme, key, host, path, project) = parts.output
    let slug = Quoting.urlPart(try settings.required(SentryOptions.monitorSlug))
    url = "\(scheme)://\(host)/\(path ?? "")api/\(project)/cron/\(slug)/\(key)/"
    environment = settings[SentryOptions.environment]
    states = settings[SentryOptions.states]
  }

  func requests(for event: MonitoringEvent) -> [HTTPRequest] {
    let status: String
    switch event.state {
    case .start: status = "in_progress"
    case .finish: status = "ok"
    case .fail: status = "error"
    case .log: return []
    }
    let fields = [("status", status)] + (environment.map { [("environment", $0)] } ?? [])
    return [HTTPRequest(.post, URLText.adding(query: fields, to: url))]
  }
}
