import CofferConfiguration
import CofferHTTP
import CofferSystem
import FoundationEssentials
import Glibc

/// Pushes log lines to Grafana Loki.
struct Loki: HTTPService {
  static let option = LokiOptions.section

  private struct Push: Encodable {
    let streams: [Stream]
  }

  private struct Stream: Encodable {
    let stream: [String: String]
    /// Nanoseconds and lines.
    let values: [[String]]
  }

  private let url: String
  private let labels: [String: String]
  private let sendsLogs: Bool
  private let certificate: HTTPRequest.ClientCertificate?
  let states: [MonitoringState]

  init(_ settings: MonitoringSettings) throws {
    url = try settings.requiredSecret(LokiOptions.url)
    let section = settings[LokiOptions.labels]
    labels = Dictionary(
      section.names.map { ($0, section.text(named: $0) ?? "") },
      // JSON's writer takes two names that look alike for one; no label may hold what could.
      uniquingKeysWith: { _, last in last })
    sendsLogs = settings[MonitoringOptions.sendLogs]
    let tls = settings[LokiOptions.tls]
    certificate = tls[LokiOptions.certificatePath].map {
      HTTPRequest.ClientCertificate(certificatePath: $0, keyPath: tls[LokiOptions.keyPath])
    }
    states = settings[LokiOptions.states] + [.log]
  }

  func requests(for event: MonitoringEvent) throws -> [HTTPRequest] {
    // The log comes with the end; of a run that was skipped there is none.
    guard event.state != .log || event.report.isSkipped else { return [] }
    let report = event.report
    let logged = sendsLogs && event.state != .start ? event.log : []
    let last = LogLine(
      time: max(report.end ?? report.start, logged.last?.time ?? .distantPast),
      text: "\(report.configuration): \(report.isSkipped ? "skipped" : event.state.rawValue)")
    let values = (logged + [last]).map { [String($0.time.nanosecondsSince1970), $0.text] }
    let stream = Stream(stream: labels.mapValues { Self.replaced($0, report) }, values: values)
    var request = try HTTPRequest.json(url, Push(streams: [stream]))
    request.clientCertificate = certificate
    return [request]
  }

  private static func replaced(_ label: String, _ report: RunReport) -> String {
    switch label {
    case "__hostname": report.hostname
    case "__config": UserPath.name(of: report.configuration)
    case "__config_path": report.configuration
    default: label
    }
  }
}
