import CCurl
import CofferHTTP
import CofferSystem

/// How a mail server is reached.
public struct MailServer: Sendable, Equatable {
  /// `smtp://` or `smtps://`, the host and perhaps a port.
  public var url: String
  public var username: String?
  public var password: String?
  /// Whether a connection by `smtp://` must be encrypted first.
  public var startsTLS = true
  public var verifiesServer = true
}

/// Sends mails through libcurl.
public struct MailClient: Sendable {
  private let hostname: String
  private let seconds: Double

  /// - Parameters:
  ///   - hostname: How this machine greets the server.
  ///   - seconds: How long one mail may take altogether. Mail servers make strangers wait before they greet them.
  public init(hostname: String, seconds: Double = 30) {
    self.hostname = hostname
    self.seconds = seconds
  }

  /// - Throws: `MailError`.
  public func send(_ message: MailMessage, through server: MailServer) throws(MailError) {
    do throws(CurlTransfer.Failure) {
      let transfer = try CurlTransfer()
      transfer.begin(limit: 0)
      try prepare(transfer, for: message, server)
      try transfer.perform(uploading: message.bytes)
    } catch {
      let secrets = RequestSecrets(urls: [server.url], others: [server.password].compactMap(\.self))
      throw MailError(server: HTTPError.server(of: server.url), reason: secrets.masked(error.reason))
    }
  }

  private func prepare(
    _ transfer: CurlTransfer, for message: MailMessage, _ server: MailServer
  ) throws(CurlTransfer.Failure) {
    let base = server.url.before(end: "/") ?? server.url
    try transfer.set(CURLOPT_URL, "\(base)/\(Quoting.urlPart(hostname))")
    try transfer.set(CURLOPT_PROTOCOLS_STR, "smtp,smtps")
    try transfer.set(CURLOPT_TIMEOUT_MS, Int(seconds * 1000))
    let encryption = server.startsTLS ? CURLUSESSL_ALL : CURLUSESSL_NONE
    try transfer.set(CURLOPT_USE_SSL, Int(encryption.rawValue))
    if !server.verifiesServer {
      try transfer.set(CURLOPT_SSL_VERIFYPEER, 0)
      try transfer.set(CURLOPT_SSL_VERIFYHOST, 0)
    }
    if let username = server.username {
      try transfer.set(CURLOPT_USERNAME, username)
      try transfer.set(CURLOPT_PASSWORD, server.password ?? "")
    }
    let (from, recipients) = message.envelope
    try transfer.set(CURLOPT_MAIL_FROM, "<\(from)>")
    try transfer.set(CURLOPT_MAIL_RCPT, recipients.map { "<\($0)>" })
  }
}

/// A mail that could not be sent.
public struct MailError: DiagnosableError, Equatable {
  public let server: String
  public let reason: String

  public var diagnosis: Diagnosis {
    let hint = reason.holds("STARTTLS") || reason.holds("SSL")
    return Diagnosis(
      subject: server, problem: "The mail was not sent: \(reason)",
      suggestion: hint ? "If the server offers no encryption and is near, set starttls: false" : nil)
  }
}
