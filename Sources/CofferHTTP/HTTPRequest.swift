import CofferSystem
import FoundationEssentials

/// A request, as a value: tests compare it, and only `HTTPClient` knows how to send it.
public struct HTTPRequest: Sendable, Equatable {
  public enum Method: String, Sendable {
    case get = "GET"
    case head = "HEAD"
    case post = "POST"
    case put = "PUT"
    case delete = "DELETE"
  }

  public var method: Method
  public var url: String
  /// Names and values, in their order.
  public var headers: [[String]]
  public var body: [UInt8]
  /// Whether the server must prove who it is.
  public var verifiesServer = true
  /// A file with the certificates of those who may vouch for the server; nil for the machine's own.
  public var authorities: String?
  /// Whether the environment may name a proxy for it: not for what is this machine's own affair.
  public var usesProxies = true
  /// Files with which the client proves who it is.
  public var clientCertificate: ClientCertificate?

  public struct ClientCertificate: Sendable, Equatable {
    public let certificatePath: String
    public let keyPath: String?

    public init(certificatePath: String, keyPath: String?) {
      self.certificatePath = certificatePath
      self.keyPath = keyPath
    }
  }

  public init(_ method: Method, _ url: String, headers: [[String]] = [], body: [UInt8] = []) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
  }

  /// A POST of a JSON document.
  public static func json(_ url: String, headers: [[String]] = [], _ document: some Encodable) throws -> HTTPRequest {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return HTTPRequest(
      .post, url, headers: [["Content-Type", "application/json"]] + headers, body: Array(try encoder.encode(document)))
  }

  /// A POST of a form.
  public static func form(_ url: String, _ fields: [(String, String)]) -> HTTPRequest {
    HTTPRequest(
      .post, url, headers: [["Content-Type", "application/x-www-form-urlencoded"]],
      body: Array(URLText.query(fields).utf8))
  }

  /// The header that carries a user's name and password.
  public static func basicAuthorization(_ username: String, _ password: String) -> [String] {
    ["Authorization", "Basic " + Data("\(username):\(password)".utf8).base64EncodedString()]
  }
}

/// Parts of URLs.
package enum URLText {
  package static func query(_ fields: [(String, String)]) -> String {
    fields.map { "\(Quoting.urlPart($0.0))=\(Quoting.urlPart($0.1))" }.joined(separator: "&")
  }

  /// The URL with a part added to its path, before any query.
  package static func adding(path: String, to url: String) -> String {
    let parts = url.parts(by: "?", limit: 2)
    let base = path.begins(with: "/") ? parts[0].before(end: "/") ?? parts[0] : parts[0]
    return base + path + (parts.count > 1 ? "?" + parts[1] : "")
  }

  /// The URL with fields added to its query; those it had under the same names are replaced.
  package static func adding(query fields: [(String, String)], to url: String) -> String {
    let parts = url.parts(by: "?", limit: 2)
    let names = Set(fields.map { ExactName($0.0) })
    let present = parts.count < 2 ? [] : parts[1].parts(by: "&", keepingEmpty: false)
    let kept = present.filter { !names.contains(ExactName($0.parts(by: "=", limit: 2)[0])) }
    return parts[0] + "?" + (kept + [query(fields)]).joined(separator: "&")
  }
}
