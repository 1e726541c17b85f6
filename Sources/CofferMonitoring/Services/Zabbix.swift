import CofferConfiguration
import Foundation

/// Sets the value of an item of Zabbix.
struct Zabbix: MonitoringService {
  static let option = ZabbixOptions.section

  private struct Call<Parameters: Encodable>: Encodable {
    let jsonrpc = "2.0"
    let method: String
    let params: Parameters
    let id = 1
  }

  private struct Answer: Decodable {
    struct Failure: Decodable {
      let message: String
      let data: String?
    }

    let error: Failure?
  }

  private struct Login: Decodable {
    let result: String
  }

  private struct Pushed: Decodable {
    struct Item: Decodable {
      let error: ItemError?
    }

    /// One text, or a list of them; that there is one is enough.
    struct ItemError: Decodable {
      init(from decoder: any Decoder) {}
    }

    struct Result: Decodable {
      let response: String?
      let data: [Item]?
    }

    let result: Result
  }

  enum Authorization: Equatable {
    case token(String)
    case user(name: String, password: String)
  }

  private let settings: MonitoringSettings
  private let server: String
  private let target: [String: String]
  private let authorization: Authorization
  let states: [MonitoringState]

  init(_ settings: MonitoringSettings) throws {
    self.settings = settings
    server = try settings.required(ZabbixOptions.server)
    if let item = settings[ZabbixOptions.itemID] {
      target = ["itemid": item]
    } else {
      target = [
        "host": try settings.required(ZabbixOptions.host), "key": try settings.required(ZabbixOptions.key),
      ]
    }
    if let token = try settings.secret(ZabbixOptions.apiKey) {
      authorization = .token(token)
    } else {
      authorization = .user(
        name: try settings.requiredSecret(ZabbixOptions.username),
        password: try settings.requiredSecret(ZabbixOptions.password))
    }
    states = settings.states(default: [.fail])
  }

  func deliver(_ event: MonitoringEvent, through couriers: Couriers) throws {
    switch authorization {
    case .token(let token): try push(event, token, couriers.http)
    case .user(let name, let password):
      let answer = try ask(try loginRequest(name, password), couriers.http)
      guard let token = try? JSONDecoder().decode(Login.self, from: Data(answer)).result else {
        throw HTTPError.failed(server: HTTPError.server(of: server), answer: HTTPError.excerpt(answer))
      }
      defer { _ = try? couriers.http.send(try logoutRequest(token)) }
      try push(event, token, couriers.http)
    }
  }

  private func push(_ event: MonitoringEvent, _ token: String, _ http: HTTPClient) throws {
    let answer = try ask(try pushRequest(event, token), http)
    guard let result = try? JSONDecoder().decode(Pushed.self, from: Data(answer)).result,
      result.response == "success", result.data?.allSatisfy({ $0.error == nil }) ?? true
    else { throw HTTPError.failed(server: HTTPError.server(of: server), answer: HTTPError.excerpt(answer)) }
  }

  /// The API answers errors with status 200.
  private func ask(_ request: HTTPRequest, _ http: HTTPClient) throws -> [UInt8] {
    let answer = try http.send(request)
    if let error = try? JSONDecoder().decode(Answer.self, from: Data(answer)).error {
      throw HTTPError.failed(
        server: HTTPError.server(of: server), answer: "\(error.message) \(error.data ?? "")")
    }
    return answer
  }

  func loginRequest(_ name: String, _ password: String) throws -> HTTPRequest {
    try request(Call(method: "user.login", params: ["username": name, "password": password]))
  }

  func logoutRequest(_ token: String) throws -> HTTPRequest {
    try request(Call(method: "user.logout", params: [String]()), token)
  }

  func pushRequest(_ event: MonitoringEvent, _ token: String) throws -> HTTPRequest {
    let value = settings.message(event.state)?[ZabbixOptions.value] ?? event.state.rawValue
    return try request(Call(method: "history.push", params: target.merging(["value": value]) { $1 }), token)
  }

  private func request(_ call: Call<some Encodable>, _ token: String? = nil) throws -> HTTPRequest {
    let headers = token.map { [["Authorization", "Bearer \($0)"]] } ?? []
    var request = try HTTPRequest.json(server, headers: headers, call)
    request.headers[0][1] = "application/json-rpc"
    return request
  }
}
