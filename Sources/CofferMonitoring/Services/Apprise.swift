import CofferConfiguration
import CofferHTTP
import CofferSystem
import FoundationEssentials
import Glibc

/// Notifies through Apprise: servers with its API by HTTP, everything else through its program.
struct Apprise: MonitoringService {
  static let option = AppriseOptions.section

  struct Notification: Encodable, Equatable {
    let title: String
    let body: String
    let type: String
    let tag: String?
  }

  private let settings: MonitoringSettings
  private let servers: [AppriseServer]
  /// For the program.
  private let urls: [String]
  private let logLimit: Int?
  let states: [MonitoringState]

  init(_ settings: MonitoringSettings) throws {
    self.settings = settings
    let all = try settings[AppriseOptions.services].map {
      try settings.inner($0).requiredSecret(AppriseOptions.url)
    }
    servers = all.compactMap(AppriseServer.init)
    urls = all.filter { AppriseServer($0) == nil }
    logLimit =
      settings[MonitoringOptions.sendLogs] ? settings[AppriseOptions.logsSizeLimit] : nil
    states = settings[AppriseOptions.states]
  }

  func deliver(_ event: MonitoringEvent, through couriers: Couriers) throws {
    // One target that cannot be told does not keep the others from being told.
    var failures: [any Error] = []
    for request in try requests(for: event) {
      do { try couriers.http.send(request) } catch { failures.append(error) }
    }
    if !urls.isEmpty {
      do { try runProgram(event, couriers) } catch { failures.append(error) }
    }
    if let first = failures.first { throw first }
  }

  private func runProgram(_ event: MonitoringEvent, _ couriers: Couriers) throws {
    let result = try couriers.launcher.run(
      command(for: event, environment: couriers.environment), input: Array(urls.joined(separator: "\n").utf8))
    guard result.status.isSuccess else {
      let said = (result.text.lines() + result.errorLines).last.map {
        RequestSecrets(urls: urls, others: urls).masked($0)
      }
      throw MonitoringError.programFailed(
        program: "apprise",
        detail: "Failed with exit status \(result.status.code)" + (said.map { ": \($0)" } ?? ""))
    }
  }

  func requests(for event: MonitoringEvent) throws -> [HTTPRequest] {
    let notification = notification(for: event)
    return try servers.map { try $0.request(for: notification) }
  }

  /// The program reads the URLs, which hold secrets, from its standard input.
  func command(for event: MonitoringEvent, environment: ProcessEnvironment) -> ChildCommand {
    let notification = notification(for: event)
    return ChildCommand(
      "apprise",
      [
        "--config=file:///dev/stdin?format=text", "--title=\(notification.title)", "--body=\(notification.body)",
        "--notification-type=\(notification.type)",
      ], environment: environment
    )
    .installed(by: ["apprise": "On Debian: apt-get install apprise"])
  }

  private func notification(for event: MonitoringEvent) -> Notification {
    let own = settings.message(event.state)
    let summary = RunSummary(event)
    var body = own[AppriseOptions.body] ?? summary.message
    if let logLimit, event.state != .start, !event.log.isEmpty { body += "\n\n" + event.logText(limit: logLimit) }
    let type =
      switch event.state {
      case .start, .log: "info"
      case .finish: "success"
      case .fail: "failure"
      }
    return Notification(title: own[AppriseOptions.title] ?? summary.title, body: body, type: type, tag: nil)
  }
}

/// A server with the Apprise API: `apprise://user:password@host:port/folder/key?tags=a`.
struct AppriseServer: Equatable {
  private let url: String
  private let authorization: [[String]]
  private let tags: String?

  /// - Returns: nil for URLs of other services.
  init?(_ text: String) {
    guard let parts = URLComponents(string: text), let host = parts.host,
      parts.scheme == "apprise" || parts.scheme == "apprises"
    else { return nil }
    var folders = parts.percentEncodedPath.parts(by: "/", keepingEmpty: false)
    guard let key = folders.popLast() else { return nil }
    let scheme = parts.scheme == "apprises" ? "https" : "http"
    let port = parts.port.map { ":\($0)" } ?? ""
    url = "\(scheme)://\(host)\(port)/" + (folders + ["notify", key]).joined(separator: "/")
    authorization = parts.user.map { [HTTPRequest.basicAuthorization($0, parts.password ?? "")] } ?? []
    tags = parts.queryItems?.first { ["tags", "tag", "to"].contains($0.name) }?.value
  }

  func request(for notification: Apprise.Notification) throws -> HTTPRequest {
    try .json(
      url, headers: authorization,
      Apprise.Notification(
        title: notification.title, body: notification.body, type: notification.type, tag: tags))
  }
}
