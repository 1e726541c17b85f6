import CofferHTTP
import CofferSystem
import FoundationEssentials

/// An answer that says that what was asked was not done
/// (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
struct S3Refusal {
  let status: Int
  /// The kind of refusal in the server's own word, `NoSuchKey` for example; nil when there is none.
  let code: String?
  /// In the server's words: short, and fit to be shown.
  let message: String?
  /// The region that the server says to be the bucket's.
  let region: String?
  /// Seconds after which the server wants to be asked again.
  let retryAfter: Double?
  /// The server's clock.
  let serverTime: Date?

  /// Characters of the server's words that are shown.
  private static let messageLimit = 300

  init(_ answer: HTTPAnswer) {
    status = answer.status
    // Not every proxy in between answers in XML.
    let document = try? XMLElement(answer.body)
    let error = document?.name == "ErrorResponse" ? document?["Error"] : document
    code = error?.text("Code").map { Self.shown($0.trimmed) }
    let plain = document == nil ? HTTPError.excerpt(answer.body) : nil
    message = (error?.text("Message") ?? plain).flatMap { $0.trimmed.isEmpty ? nil : Self.shown($0) }
    let region = error?.text("Region") ?? answer.header("x-amz-bucket-region")
    self.region = region.flatMap { $0.isEmpty ? nil : Self.shown($0) }
    serverTime = answer.header("date").flatMap { AWSTime.http($0) }
    retryAfter = answer.header("retry-after").flatMap { Self.seconds($0, from: answer.header("date")) }
  }

  private static func shown(_ text: String) -> String {
    Quoting.terminal(String(text.words.joined(separator: " ").unicodeScalars.prefix(messageLimit)))
  }

  /// A number of seconds, or a date (RFC 9110, 10.2.3).
  private static func seconds(_ text: String, from now: String?) -> Double? {
    if let seconds = UInt32(text) { return Double(seconds) }
    guard let then = AWSTime.http(text), let now = now.flatMap({ AWSTime.http($0) }) else { return nil }
    return max(then.timeIntervalSince(now), 0)
  }

  /// Whether the same request may be done when it is made again.
  var isTransient: Bool {
    if [408, 429, 500, 502, 503, 504].contains(status) { return true }
    // Bytes that were changed on the way, and requests that met others.
    let passing = [
      "BadDigest", "ConditionalRequestConflict", "IncompleteBody", "InternalError", "OperationAborted",
      "RequestTimeout", "RequestTimeoutException", "ServiceUnavailable", "SlowDown", "Throttling",
      "XAmzContentSHA256Mismatch",
    ]
    return code.map { passing.contains($0) } ?? (status == 409)
  }

  /// Whether other credentials may be accepted.
  var isEndOfCredentials: Bool {
    code.map { ["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"].contains($0) } ?? false
  }

  var isFull: Bool {
    let full = ["InsufficientStorage", "NotEnoughSpace", "QuotaExceeded", "StorageFull", "XMinioStorageFull"]
    return status == 507 || code.map { full.contains($0) } ?? false
  }

  var isMissing: Bool { status == 404 && code != "NoSuchBucket" }

  /// The refusal in one line.
  var words: String {
    let said = [code, message].compactMap(\.self).joined(separator: ": ")
    return "the server answered \(status)" + (said.isEmpty ? "" : ", \(said)")
  }
}
