import CCurl
import CofferSystem

/// How long a request may take.
public struct HTTPPatience: Sendable, Equatable {
  /// Seconds altogether; nil for any.
  public var total: Double?
  /// Seconds without a byte in either direction; nil for any.
  public var stall: Int?

  public init(total: Double? = nil, stall: Int? = nil) {
    self.total = total
    self.stall = stall
  }
}

/// Sends requests one after the other, by the same connection as long as the server keeps it. Used by one thread at a time.
public final class HTTPConnection {
  private let transfer: CurlTransfer
  private let userAgent: String
  private let patience: HTTPPatience
  private var hasBeenUsed = false

  /// - Parameter userAgent: How the program calls itself, for example `coffer/1.0`.
  /// - Throws: `HTTPError.unable` when libcurl is not there, or there is no memory for it.
  public init(userAgent: String, patience: HTTPPatience) throws(HTTPError) {
    do throws(CurlTransfer.Failure) { transfer = try CurlTransfer() } catch {
      throw .unable(reason: error.reason)
    }
    self.userAgent = userAgent
    self.patience = patience
  }

  /// Sends a request and takes the answer, whatever its status. Redirections are not followed.
  ///
  /// - Parameters:
  ///   - body: Sent in place of the request's own, from where it is.
  ///   - others: Secrets in the body, for them not to be shown when libcurl repeats them.
  ///   - limit: Bytes of the answer's body that are kept; the rest is passed over.
  /// - Throws: `HTTPError.unreachable`; `.untrusted`; `.cancelled`, at most a second after the cancellation came.
  public func exchange(
    _ request: HTTPRequest, body: UnsafeRawBufferPointer? = nil, hiding others: [String] = [], limit: Int,
    cancellation: Cancellation? = nil
  ) throws(HTTPError) -> HTTPAnswer {
    let wasUsed = hasBeenUsed
    hasBeenUsed = true
    do throws(CurlTransfer.Failure) {
      transfer.begin(limit: limit, cancellation: cancellation)
      try prepare(for: request)
      if !request.method.hasBody {
        try transfer.perform()
      } else if let body {
        try transfer.perform(posting: body)
      } else {
        try post(request.body)
      }
    } catch {
      let server = HTTPError.server(of: request.url)
      if cancellation?.isCancelled == true { throw .cancelled(server: server) }
      let reason = RequestSecrets(of: request, others).masked(error.reason)
      throw error.isUntrusted
        ? .untrusted(server: server, reason: reason) : .unreachable(server: server, reason: reason)
    }
    // libcurl sends a request again by itself when a kept connection turns out to be dead.
    let mayHaveComeTwice = wasUsed && transfer.newConnections > 0
    return HTTPAnswer(
      status: transfer.responseCode, head: transfer.head, body: transfer.received, isCut: transfer.isCut,
      mayHaveComeTwice: mayHaveComeTwice)
  }

  /// Where the last answer leads, from the scheme on; nil when it leads nowhere.
  var redirection: String? { transfer.redirection }

  /// Connections that were made for the last request.
  var newConnections: Int { transfer.newConnections }

  private func post(_ bytes: [UInt8]) throws(CurlTransfer.Failure) {
    let outcome = bytes.withUnsafeBytes { body -> Result<Void, CurlTransfer.Failure> in
      do throws(CurlTransfer.Failure) {
        return .success(try transfer.perform(posting: body))
      } catch {
        return .failure(error)
      }
    }
    try outcome.get()
  }

  private func prepare(for request: HTTPRequest) throws(CurlTransfer.Failure) {
    try transfer.set(CURLOPT_URL, request.url)
    try transfer.set(CURLOPT_PROTOCOLS_STR, "http,https")
    try transfer.set(CURLOPT_FOLLOWLOCATION, 0)
    if let total = patience.total { try transfer.set(CURLOPT_TIMEOUT_MS, Int(total * 1000)) }
    if let stall = patience.stall {
      try transfer.set(CURLOPT_LOW_SPEED_LIMIT, 1)
      try transfer.set(CURLOPT_LOW_SPEED_TIME, stall)
      try transfer.set(CURLOPT_CONNECTTIMEOUT, stall)
    }
    try transfer.set(CURLOPT_USERAGENT, userAgent)
    if !request.verifiesServer {
      try transfer.set(CURLOPT_SSL_VERIFYPEER, 0)
      try transfer.set(CURLOPT_SSL_VERIFYHOST, 0)
    }
    if let authorities = request.authorities { try transfer.set(CURLOPT_CAINFO, authorities) }
    if !request.usesProxies { try transfer.set(CURLOPT_NOPROXY, "*") }
    // Whoever signs a path signs it as it is.
    try transfer.set(CURLOPT_PATH_AS_IS, 1)
    if let certificate = request.clientCertificate {
      try transfer.set(CURLOPT_SSLCERT, certificate.certificatePath)
      if let key = certificate.keyPath { try transfer.set(CURLOPT_SSLKEY, key) }
    }
    // Without an empty one libcurl announces long bodies first and waits for leave, which not every server gives.
    var headers = ["Expect:"]
    // libcurl would call a body a form by itself.
    if request.method == .put { headers.append("Content-Type:") }
    for header in request.headers { headers.append("\(header[0]): \(Self.withoutControls(header[1]))") }
    try transfer.set(CURLOPT_HTTPHEADER, headers)
    switch request.method {
    case .get: break
    case .head: try transfer.set(CURLOPT_NOBODY, 1)
    case .delete: try transfer.set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
    case .post: try transfer.set(CURLOPT_POST, 1)
    case .put:
      try transfer.set(CURLOPT_POST, 1)
      try transfer.set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
    }
  }

  /// A line break would begin another header.
  private static func withoutControls(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.properties.generalCategory != .control }))
  }
}

extension HTTPRequest.Method {
  fileprivate var hasBody: Bool {
    switch self {
    case .post, .put: true
    case .get, .head, .delete: false
    }
  }
}
