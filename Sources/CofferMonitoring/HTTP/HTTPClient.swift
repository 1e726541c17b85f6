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

  /// Sends a request and takes the answer.
  ///
  /// - Returns: The answer's body, of any status from 200 to 299.
  /// - Throws: `HTTPError`.
  @discardableResult
  public func send(_ request: HTTPRequest) throws(HTTPError) -> [UInt8] {
    let server = HTTPError.server(of: request.url)
    let transfer: CurlTransfer
    do throws(CurlTransfer.Failure) {
      transfer = try CurlTransfer()
      try prepare(transfer, for: request)
      try transfer.perform()
    } catch {
      throw .unreachable(server: server, reason: error.reason)
    }
    guard (200...299).contains(transfer.responseCode) else {
      throw .refused(server: server, status: transfer.responseCode, answer: HTTPError.excerpt(transfer.received))
    }
    return transfer.received
  }

  private func prepare(_ transfer: CurlTransfer, for request: HTTPRequest) throws(CurlTransfer.Failure) {
    try transfer.set(CURLOPT_URL, request.url)
    try transfer.set(CURLOPT_PROTOCOLS_STR, "http,https")
    try transfer.set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
    try transfer.set(CURLOPT_FOLLOWLOCATION, 1)
    try transfer.set(CURLOPT_MAXREDIRS, 5)
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
    for header in request.headers { headers.append("\(header[0]): \(header[1].filter { !$0.isNewline })") }
    try transfer.set(CURLOPT_HTTPHEADER, headers)
    if request.method == .post {
      try transfer.set(CURLOPT_POST, 1)
      try transfer.setBody(request.body)
    }
  }
}

/// A request without success. URLs are not shown: those of monitoring services are secrets.
public enum HTTPError: DiagnosableError, Equatable {
  case unreachable(server: String, reason: String)
  case refused(server: String, status: Int, answer: String)
  /// The server took the request, but its answer says that it did not do what was asked.
  case failed(server: String, answer: String)

  public var diagnosis: Diagnosis {
    switch self {
    case .unreachable(let server, let reason):
      Diagnosis(subject: server, problem: "Not reached: \(reason)")
    case .refused(let server, let status, let answer):
      Diagnosis(subject: server, problem: "Answered with status \(status)" + (answer.isEmpty ? "" : ": \(answer)"))
    case .failed(let server, let answer):
      Diagnosis(subject: server, problem: "Did not take it: \(answer)")
    }
  }

  /// Scheme, host and port of a URL, without the user and the path.
  static func server(of url: String) -> String {
    guard let scheme = url.range(of: "://") else { return "server" }
    let authority = url[scheme.upperBound...].prefix { !"/?#".contains($0) }
    return String(url[..<scheme.upperBound]) + (authority.split(separator: "@").last ?? "")
  }

  /// The beginning of an answer, on one line.
  static func excerpt(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix(200), as: UTF8.self).split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
