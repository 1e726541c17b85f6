import CCurl
import CofferSystem

/// Sends requests through libcurl.
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
    var request = request
    for _ in 0...Self.redirectionLimit {
      let transfer: CurlTransfer
      do throws(CurlTransfer.Failure) {
        transfer = try CurlTransfer()
        try prepare(transfer, for: request)
        try transfer.perform()
      } catch {
        throw .unreachable(server: server, reason: secrets.masked(error.reason))
      }
      if let target = transfer.redirection, (300...399).contains(transfer.responseCode) {
        guard Origin(request.url)?.admits(target) == true else {
          throw .redirected(server: server, to: HTTPError.server(of: target))
        }
        request = request.redirected(to: target, status: transfer.responseCode)
        continue
      }
      guard (200...299).contains(transfer.responseCode) else {
        let answer = secrets.masked(HTTPError.excerpt(transfer.received))
        throw .refused(server: server, status: transfer.responseCode, answer: answer)
      }
      return transfer.received
    }
    throw .unreachable(server: server, reason: "It redirects without end")
  }

  private func prepare(_ transfer: CurlTransfer, for request: HTTPRequest) throws(CurlTransfer.Failure) {
    try transfer.set(CURLOPT_URL, request.url)
    try transfer.set(CURLOPT_PROTOCOLS_STR, "http,https")
    try transfer.set(CURLOPT_FOLLOWLOCATION, 0)
    try transfer.set(CURLOPT_TIMEOUT_MS, Int(seconds * 1000))
    try transfer.set(CURLOPT_USERAGENT, userAgent)
    if !request.verifiesServer {
      try transfer.set(CURLOPT_SSL_VERIFYPEER, 0)
      try transfer.set(CURLOPT_SSL_VERIFYHOST, 0)
    }
    if let certificate = request.clientCertificate {
      try transfer.set(CURLOPT_SSLCERT, certificate.certificatePath)
      if let key = certificate.keyPath { try transfer.set(CURLOPT_SSLKEY, key) }
    }
    // Without an empty one libcurl announces long bodies first and waits for leave, which not every server gives.
    var headers = ["Expect:"]
    for header in request.headers { headers.append("\(header[0]): \(Self.withoutControls(header[1]))") }
    try transfer.set(CURLOPT_HTTPHEADER, headers)
    if request.method == .post {
      try transfer.set(CURLOPT_POST, 1)
      try transfer.setBody(request.body)
    }
  }

  /// A line break would begin another header.
  private static func withoutControls(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.properties.generalCategory != .control }))
  }
}

/// A request without success. URLs are not shown: those of monitoring services are secrets.
public enum HTTPError: DiagnosableError, Equatable {
  case unreachable(server: String, reason: String)
  /// The server leads elsewhere, to where the request was not meant.
  case redirected(server: String, to: String)
  case refused(server: String, status: Int, answer: String)
  /// The server took the request, but its answer says that it did not do what was asked.
  case failed(server: String, answer: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .unreachable(let server, let reason):
      Diagnosis(subject: server, problem: "Not reached: \(reason)")
    case .redirected(let server, let target):
      Diagnosis(
        subject: server, problem: "It redirects to another server, \(target), which was sent nothing",
        suggestion: "If that is the right one, write its address into the configuration")
    case .refused(let server, let status, let answer):
      Diagnosis(subject: server, problem: "Answered with status \(status)" + (answer.isEmpty ? "" : ": \(answer)"))
    case .failed(let server, let answer):
      Diagnosis(subject: server, problem: "Did not take it: \(answer)")
    }
  }

  /// Scheme, host and port of a URL, without the user and the path.
  static func server(of url: String) -> String {
    let parts = url.parts(by: "://", limit: 2)
    guard parts.count == 2 else { return "server" }
    let authority = String(decoding: parts[1].utf8.prefix { !"/?#\\".utf8.contains($0) }, as: UTF8.self)
    return Quoting.terminal("\(parts[0])://" + (authority.parts(by: "@").last ?? ""))
  }

  /// The beginning of an answer, on one line.
  static func excerpt(_ bytes: [UInt8]) -> String {
    let words = String(decoding: bytes.prefix(400), as: UTF8.self).words.joined(separator: " ")
    return Quoting.terminal(String(words.unicodeScalars.prefix(200)))
  }
}
