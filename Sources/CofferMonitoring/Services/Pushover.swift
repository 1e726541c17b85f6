import CofferConfiguration
import CofferHTTP
import CofferSystem

/// Sends a notification by Pushover.
struct Pushover: HTTPService {
  static let option = PushoverOptions.section

  private let settings: MonitoringSettings
  private let token: String
  private let user: String
  let states: [MonitoringState]

  init(_ settings: MonitoringSettings) throws {
    self.settings = settings
    token = try settings.requiredSecret(PushoverOptions.token)
    user = try settings.requiredSecret(PushoverOptions.user)
    states = settings[PushoverOptions.states]
  }

  func requests(for event: MonitoringEvent) -> [HTTPRequest] {
    guard event.state != .log else { return [] }
    let own = settings.message(event.state)
    let summary = RunSummary(event)
    var fields = [
      ("token", token), ("user", user), ("title", own[PushoverOptions.title] ?? summary.title),
      ("message", own[PushoverOptions.message] ?? summary.message),
    ]
    if let priority = own.given(PushoverOptions.priority) {
      fields.append(("priority", String(priority.rawValue)))
      if priority == .emergency {
        fields.append(("expire", String(own[PushoverOptions.expire])))
        fields.append(("retry", String(own[PushoverOptions.retry])))
      }
    }
    for key in [PushoverOptions.device, PushoverOptions.sound, PushoverOptions.url, PushoverOptions.urlTitle] {
      if let value = own[key] { fields.append((key.name, value)) }
    }
    if own[PushoverOptions.html] { fields.append(("html", "1")) }
    if let seconds = own[PushoverOptions.ttl] { fields.append(("ttl", String(seconds))) }
    return [.form("https://api.pushover.net/1/messages.json", fields)]
  }

  var secrets: [String] { [token, user] }
}
