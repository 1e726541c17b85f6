import CofferConfiguration
import CofferSystem
import FoundationEssentials
import Glibc

/// Sends a mail with what was done and what went wrong.
struct Email: MonitoringService {
  static let option = EmailOptions.section

  /// As much as anybody reads in a mail.
  private static let logLimit = 100_000

  private let from: String
  private let recipients: [String]
  private let sendsLogs: Bool
  let server: MailServer
  let states: [MonitoringState]

  init(_ settings: MonitoringSettings) throws {
    let url = try settings.required(EmailOptions.server)
    guard url.begins(with: "smtp://") || url.begins(with: "smtps://") else {
      throw MonitoringError.malformed(
        option: settings.name(of: EmailOptions.server), suggestion: "Write it as smtp://host:port or smtps://host:port")
    }
    server = MailServer(
      url: url, username: try settings.secret(EmailOptions.username),
      password: try settings.secret(EmailOptions.password), startsTLS: settings[EmailOptions.startTLS],
      verifiesServer: settings[MonitoringOptions.verifyTLS])
    from = try settings.required(EmailOptions.from)
    recipients = settings[EmailOptions.recipients]
    sendsLogs = settings[MonitoringOptions.sendLogs]
    states = settings[EmailOptions.states].flatMap(\.states)
  }

  func deliver(_ event: MonitoringEvent, through couriers: Couriers) throws {
    try couriers.mail.send(message(for: event, identifier: UUID().uuidString), through: server)
  }

  func message(for event: MonitoringEvent, identifier: String) -> MailMessage {
    let summary = RunSummary(event)
    var body = summary.text
    if sendsLogs, event.state != .start, !event.log.isEmpty {
      body += "\nLog:\n\n" + event.logText(limit: Self.logLimit)
    }
    let domain = MailMessage.address(from).parts(by: "@", keepingEmpty: false).last ?? "localhost"
    return MailMessage(
      from: from, recipients: recipients, subject: "\(summary.title): \(event.report.configuration)", body: body,
      date: event.report.end ?? event.report.start, identifier: "\(identifier)@\(domain)")
  }
}
