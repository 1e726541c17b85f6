import CofferSystem
import FoundationEssentials

/// Signs requests as AWS and all who speak S3 want it: Signature Version 4
/// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
struct RequestSignature {
  /// What of a request is signed.
  struct Request {
    var method: String
    /// As it is sent, without the query; percent-encoded.
    var path: String
    /// Names and values, not encoded.
    var query: [(String, String)] = []
    /// Names and values, without those that the signature adds.
    var headers: [(String, String)]
    /// The SHA-256 of the body in hexadecimal digits, or what S3 takes for it.
    var payload: String
  }

  /// Whether a path stands for itself, as with S3, or `.`, `..` and double slashes are resolved first, as everywhere else.
  enum Paths {
    case asTheyAre, resolved
  }

  let credentials: S3Credentials
  let region: String
  let service: String
  let time: Date
  var paths = Paths.asTheyAre
  /// Whether paths that are encoded for being sent are encoded once more for being signed: everywhere but with S3.
  var encodesPathsTwice = false

  private static let algorithm = "AWS4-HMAC-SHA256"

  /// `20130524T000000Z`.
  var timestamp: String { AWSTime.compact(time) }
  private var day: String { String(decoding: timestamp.utf8.prefix(8), as: UTF8.self) }
  private var scope: String { "\(day)/\(region)/\(service)/aws4_request" }

  /// Returns the headers to send: the request's own, the time, the session's token if there is one, and the signature.
  func headers(for request: Request) -> [(String, String)] {
    let request = completed(request)
    return request.headers + [("Authorization", authorization(for: request))]
  }

  /// The request with the headers that are signed, too.
  func completed(_ request: Request) -> Request {
    var request = request
    request.headers.append(("X-Amz-Date", timestamp))
    if let token = credentials.sessionToken { request.headers.append(("X-Amz-Security-Token", token)) }
    return request
  }

  /// - Parameter request: Completed.
  func authorization(for request: Request) -> String {
    let signature = signature(of: stringToSign(for: request))
    return "\(Self.algorithm) Credential=\(credentials.accessKey)/\(scope), "
      + "SignedHeaders=\(signedNames(of: request)), Signature=\(signature)"
  }

  func canonicalRequest(_ request: Request) -> String {
    let headers = canonicalHeaders(of: request).map { "\($0.name.text):\($0.value)\n" }.joined()
    return [
      request.method, canonicalPath(of: request), Self.canonicalQuery(request.query), headers,
      signedNames(of: request), request.payload,
    ].joined(separator: "\n")
  }

  func stringToSign(for request: Request) -> String {
    let hash = Digests.hexadecimal(Digests.sha256(canonicalRequest(request)))
    return [Self.algorithm, timestamp, scope, hash].joined(separator: "\n")
  }

  func signature(of stringToSign: String) -> String {
    let key = ["AWS4" + credentials.secretKey, day, region, service, "aws4_request"]
    let signingKey = key.dropFirst().reduce(Array(key[0].utf8)) { Digests.hmac($0, $1) }
    return Digests.hexadecimal(Digests.hmac(signingKey, stringToSign))
  }

  /// Names and values, sorted by their encoded bytes; what is sent is the same text.
  static func canonicalQuery(_ query: [(String, String)]) -> String {
    var fields: [(name: ExactName, value: ExactName)] = []
    for (name, value) in query {
      fields.append((ExactName(Quoting.urlPart(name)), ExactName(Quoting.urlPart(value))))
    }
    fields.sort { one, other in
      if one.name == other.name { return one.value < other.value }
      return one.name < other.name
    }
    let texts: [String] = fields.map { field in field.name.text + "=" + field.value.text }
    return texts.joined(separator: "&")
  }

  private func canonicalPath(of request: Request) -> String {
    let path = paths == .resolved ? Self.resolved(request.path) : request.path
    guard encodesPathsTwice else { return path }
    return path.parts(by: "/").map { Quoting.urlPart($0) }.joined(separator: "/")
  }

  /// Without `.`, `..` and doubled slashes (RFC 3986, 5.2.4).
  private static func resolved(_ path: String) -> String {
    var parts: [String] = []
    for part in path.parts(by: "/", keepingEmpty: false) where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    let isFolder = !parts.isEmpty && ["/", "/.", "/.."].contains { path.ends(with: $0) }
    return "/" + parts.joined(separator: "/") + (isFolder ? "/" : "")
  }

  private func signedNames(of request: Request) -> String {
    canonicalHeaders(of: request).map(\.name.text).joined(separator: ";")
  }

  /// Sorted by name; the values of one name in the order in which they are sent.
  private func canonicalHeaders(of request: Request) -> [(name: ExactName, value: String)] {
    var values: [ExactName: [String]] = [:]
    for (name, value) in request.headers {
      values[ExactName(name.asciiLowercased), default: []].append(value.words.joined(separator: " "))
    }
    return values.map { ($0.key, $0.value.joined(separator: ",")) }.sorted { $0.name < $1.name }
  }
}
