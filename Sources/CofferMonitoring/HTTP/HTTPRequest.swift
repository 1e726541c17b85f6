import Foundation

/// A request, as a value: tests compare it, and only `HTTPClient` knows how to send it.
public struct HTTPRequest: Sendable, Equatable {
  public enum Method: String, Sendable {
    case get = "GET"
    case post = "POST"
  }

  public var method: Method
  public var url: String
  /// Names and values, in their order.
  public var headers: [[String]]
  public var body: [UInt8]
  /// Whether the server must prove who it is.
  public var verifiesServer = true
  /// Files with which the client proves who it is.
  public var clientCertificate: ClientCertificate?

  public struct ClientCertificate: Sendable, Equatable {
    public let certificatePath: String
    public let keyPath: String?
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
enum URLText {
  private static let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)

  /// Percent-encodes everything that is not unreserved.
  static func encoded(_ text: String) -> String {
    text.utf8.map { plain.contains($0) ? String(UnicodeScalar($0)) : String(format: "%%%02X", $0) }.joined()
  }

  static func query(_ fields: [(String, String)]) -> String {
    fields.map { "\(encoded($0.0))=\(encoded($0.1))" }.joined(separator: "&")
  }

  /// The URL with a part added to its path, before any query.
  static func adding(path: String, to url: String) -> String {
    let parts = url.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let base = parts[0].hasSuffix("/") && path.hasPrefix("/") ? parts[0].dropLast() : parts[0]
    return base + path + (parts.count > 1 ? "?" + parts[1] : "")
  }

  /// The URL with fields added to its query; those it had under the same names are replaced.
  static func adding(query fields: [(String, String)], to url: String) -> String {
    let parts = url.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let names = Set(fields.map(\.0))
    let present = parts.count < 2 ? [] : parts[1].split(separator: "&").map(String.init)
    let kept = present.filter { !names.contains(String($0.prefix { $0 != "=" })) }
    return parts[0] + "?" + (kept + [query(fields)]).joined(separator: "&")
  }
}
