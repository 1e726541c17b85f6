import CofferConfiguration
import CofferHTTP
import CofferSystem
import FoundationEssentials
import Glibc

/// Pings a check of Healthchecks.
struct Healthchecks: HTTPService {
  static let option = HealthchecksOptions.healthchecks

  private let check: PingedCheck

  init(_ settings: MonitoringSettings) throws {
    check = try PingedCheck(settings, host: "https://hc-ping.com", bodyLimit: HealthchecksOptions.healthchecksBodyLimit)
  }

  var states: [MonitoringState] { check.states }

  func requests(for event: MonitoringEvent) -> [HTTPRequest] { [check.request(for: event)] }
}

/// Pings a check of WatchGoose.
struct WatchGoose: HTTPService {
  static let option = HealthchecksOptions.watchgoose

  private let check: PingedCheck

  init(_ settings: MonitoringSettings) throws {
    check = try PingedCheck(settings, host: nil, bodyLimit: HealthchecksOptions.watchgooseBodyLimit)
  }

  var states: [MonitoringState] { check.states }

  func requests(for event: MonitoringEvent) -> [HTTPRequest] { [check.request(for: event)] }
}

/// A check that is pinged at a URL of its own for each state.
private struct PingedCheck {
  private let url: String
  private let createsSlug: Bool
  private let verifiesServer: Bool
  private let bodyLimit: Int?
  let states: [MonitoringState]

  /// - Parameter host: Where a check is whose identifier stands alone; nil when none may.
  init(_ settings: MonitoringSettings, host: String?, bodyLimit key: OptionKey<Int>) throws {
    let text = try settings.requiredSecret(HealthchecksOptions.pingURL)
    if text.holds("://") {
      url = text
    } else if let host {
      url = "\(host)/\(text)"
    } else {
      throw MonitoringError.malformed(
        option: settings.name(of: HealthchecksOptions.pingURL), suggestion: "Copy the whole URL from the check's page")
    }
    // A UUID is of a check that exists.
    let last = url.parts(by: "/", keepingEmpty: false).last ?? ""
    createsSlug = settings[HealthchecksOptions.createSlug] && UUID(uuidString: last) == nil
    verifiesServer = settings[MonitoringOptions.verifyTLS]
    bodyLimit = settings[MonitoringOptions.sendLogs] ? settings[key] : nil
    states = settings[HealthchecksOptions.states]
  }

  func request(for event: MonitoringEvent) -> HTTPRequest {
    let path =
      switch event.state {
      case .start: "/start"
      case .finish: ""
      case .fail: "/fail"
      case .log: "/log"
      }
    var target = URLText.adding(path: path, to: url)
    if createsSlug { target = URLText.adding(query: [("create", "1")], to: target) }
    var body = ""
    if let bodyLimit, event.state != .start { body = event.logText(limit: bodyLimit) }
    var request = HTTPRequest(
      .post, target, headers: [["Content-Type", "text/plain; charset=utf-8"]], body: Array(body.utf8))
    request.verifiesServer = verifiesServer
    return request
  }
}
