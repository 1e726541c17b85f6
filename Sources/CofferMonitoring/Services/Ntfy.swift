import CofferConfiguration
import CofferSystem

/// Publishes to a topic of ntfy.
struct Ntfy: HTTPService {
  static let option = NtfyOptions.section

  private struct Message: Encodable {
    let topic: String
    let title: String
    let message: String
    let priority: Int
    let tags: [String]
  }

  private let settings: MonitoringSettings
  private let topic: String
  private let authorization: [[String]]
  let states: [MonitoringState]

  init(_ settings: MonitoringSettings) throws {
    self.settings = settings
    topic = try settings.required(NtfyOptions.topic)
    if let token = try settings.secret(NtfyOptions.accessToken) {
      authorization = [["Authorization", "Bearer \(token)"]]
    } else if let username = try settings.secret(NtfyOptions.username) {
      authorization = [HTTPRequest.basicAuthorization(username, try settings.secret(NtfyOptions.password))]
    } else {
      authorization = []
    }
    states = settings[NtfyOptions.states]
  }

  func requests(for event: MonitoringEvent) throws -> [HTTPRequest] {
    guard event.state != .log else { return [] }
    let own = settings.message(event.state)
    let summary = RunSummary(event)
    let message = Message(
      topic: topic, title: own[NtfyOptions.title] ?? summary.title,
      message: own[NtfyOptions.message] ?? summary.message, priority: Self.level(own[NtfyOptions.priority]),
      tags: own[NtfyOptions.tags].parts(by: ",").map { $0.words.joined() })
    return [try .json(settings[NtfyOptions.server], headers: authorization, message)]
  }

  private static func level(_ priority: NtfyOptions.Priority) -> Int {
    switch priority {
    case .min: 1
    case .low: 2
    case .default: 3
    case .high: 4
    case .urgent, .max: 5
    }
  }
}
