import CofferConfiguration
import CofferHTTP
import Glibc

/// Raises an incident in PagerDuty.
struct PagerDuty: HTTPService {
  static let option = PagerDutyOptions.section

  private struct Event: Encodable {
    let routing_key: String
    let event_action = "trigger"
    let payload: Payload
  }

  private struct Payload: Encodable {
    let summary: String
    let severity = "error"
    let source: String
    let timestamp: String
    let component = "coffer"
    let group = "Backups"
    let `class` = "Backup failure"
    let custom_details: Details
  }

  private struct Details: Encodable {
    let hostname: String
    let configuration_filename: String
    let actions: [String]
    let errors: [String]
    let log: String?
  }

  /// PagerDuty takes 512 KiB; this is as much as anybody reads on a telephone.
  private static let logLimit = 10_000
  /// PagerDuty refuses longer ones.
  private static let summaryLimit = 1024

  private let integrationKey: String
  private let sendsLogs: Bool

  init(_ settings: MonitoringSettings) throws {
    integrationKey = try settings.requiredSecret(PagerDutyOptions.integrationKey)
    sendsLogs = settings[MonitoringOptions.sendLogs]
  }

  var states: [MonitoringState] { [.fail] }

  func requests(for event: MonitoringEvent) throws -> [HTTPRequest] {
    let report = event.report
    let summary = RunSummary(event)
    let payload = Payload(
      summary: String("\(summary.title): \(summary.message)".unicodeScalars.prefix(Self.summaryLimit)),
      source: report.hostname,
      timestamp: (report.end ?? report.start).ISO8601Format(),
      custom_details: Details(
        hostname: report.hostname, configuration_filename: report.configuration, actions: report.actions,
        errors: report.errors, log: sendsLogs ? event.logText(limit: Self.logLimit) : nil))
    return [
      try .json("https://events.pagerduty.com/v2/enqueue", Event(routing_key: integrationKey, payload: payload))
    ]
  }

  var secrets: [String] { [integrationKey] }
}
