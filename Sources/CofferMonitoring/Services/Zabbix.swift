import CofferConfiguration
import CofferHTTP
import CofferSystem
import FoundationEssentials

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
    states = settings[ZabbixOptions.states]
  }

  func deliver(_ event: MonitoringEvent, through couriers: Couriers) throws {
    switch authorization {
    case .token(let token): try push(event, token, couriers.http)
    case .user(let name, let password):
      let login = try loginRequest(name, password)
      let answer = try ask(login, couriers.http)
      guard let token = try? JSONDecoder().decode(Login.self, from: Data(answer)).result else {
        throw failure(String(decoding: answer, as: UTF8.self), login)
      }
      defer { _ = try? couriers.http.send(try logoutRequest(token), hiding: secrets) }
      try push(event, token, couriers.http)
    }
  }

  private var secrets: [String] {
    switch authorization {
    case .token(let token): [token]
    case .user(_, let password): [password]
    }
  }

  /// An answer that says that it did not work, without what was sent.
  private func failure(_ answer: String, _ request: HTTPRequest) -> HTTPError {
    .failed(
      server: HTTPError.server(of: server),
      answer: RequestSecrets(of: request, secrets).masked(HTTPError.excerpt(Array(answer.utf8))))
  }

  private func push(_ event: MonitoringEvent, _ token: String, _ http: HTTPClient) throws {
    let request = try pushRequest(event, token)
    let answer = try ask(request, http)
    guard let result = try? JSONDecoder().decode(Pushed.self, from: Data(answer)).result,
      result.response?.isSame(as: "success") == true, result.data?.allSatisfy({ $0.error == nil }) ?? true
    else { throw failure(String(decoding: answer, as: UTF8.self), request) }
  }

  /// The API answers errors with status 200.
  private func ask(_ request: HTTPRequest, _ http: HTTPClient) throws -> [UInt8] {
    let answer = try http.send(request, hiding: secrets)
    if let error = try? JSONDecoder().decode(Answer.self, from: Data(answer)).error {
      throw failure("\(error.message) \(error.data ?? "")", request)
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
    let value = settings.message(event.state)[ZabbixOptions.value] ?? event.state.rawValue
    return try request(Call(method: "history.push", params: target.merging(["value": value]) { $1 }), token)
  }

  private func request(_ call: Call<some Encodable>, _ token: String? = nil) throws -> HTTPRequest {
    let headers = token.map { [["Authorization", "Bearer \($0)"]] } ?? []
    var request = try HTTPRequest.json(server, headers: headers, call)
    request.headers[0][1] = "application/json-rpc"
    return request
  }
}
