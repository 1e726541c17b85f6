import CofferSystem

/// Sends single requests whose answers are short: those of monitoring services.
public struct HTTPClient: Sendable {
  private let userAgent: String
  private let seconds: Double

  /// - Parameters:
  ///   - userAgent: How the program calls itself, for example `coffer/1.0`.
  ///   - seconds: How long one request may take altogether.
  public init(userAgent: String, seconds: Double = 10) {
    self.userAgent = userAgent
    self.seconds = seconds
  }

  private static let redirectionLimit = 5
  /// Bytes: answers are only shown in messages.
  private static let answerLimit = 64 << 10

  /// Sends a request and takes the answer. Redirections are followed on the same server only: what is sent is secret, the
  /// address included, and only that server is meant.
  ///
  /// - Parameter others: Secrets in the body, for them not to be shown when the server repeats them.
  /// - Returns: The answer's body, of any status from 200 to 299.
  /// - Throws: `HTTPError`.
  @discardableResult
  public func send(_ request: HTTPRequest, hiding others: [String] = []) throws(HTTPError) -> [UInt8] {
    let server = HTTPError.server(of: request.url)
    let secrets = RequestSecrets(of: request, others)
    let patience = HTTPPatience(total: seconds)
    var request = request
    for _ in 0...Self.redirectionLimit {
      // Each goes by a connection of its own: what a server says of one is not held against the next.
      let connection = try HTTPConnection(userAgent: userAgent, patience: patience)
      let answer = try connection.exchange(request, hiding: others, limit: Self.answerLimit)
      if let target = connection.redirection, (300...399).contains(answer.status) {
        guard Origin(request.url)?.admits(target) == true else {
          throw .redirected(server: server, to: HTTPError.server(of: target))
        }
        request = request.redirected(to: target, status: answer.status)
        continue
      }
      guard (200...299).contains(answer.status) else {
        let text = secrets.masked(HTTPError.excerpt(answer.body))
        throw .refused(server: server, status: answer.status, answer: text)
      }
      return answer.body
    }
    throw .unreachable(server: server, reason: "It redirects without end")
  }
}
