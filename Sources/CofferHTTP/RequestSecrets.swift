import CofferSystem

/// What of a request nobody is to read in a message: servers and programs like to repeat what they were sent.
///
/// The addresses of monitoring services are secrets: whoever knows one can say that all is well.
package struct RequestSecrets {
  private static let mask = "***"
  /// Shorter parts of addresses are words like `api`.
  private static let shortest = 5

  /// The longest first, so that none hides a part of another.
  private let texts: [String]

  /// - Parameter others: What its body holds of secrets.
  package init(of request: HTTPRequest, _ others: [String]) {
    let headers = request.headers.filter { $0[0].lowercased().isSame(as: "authorization") }.flatMap { $0[1].words }
    self.init(urls: [request.url], others: others + headers)
  }

  /// - Parameter others: Texts that are secrets by themselves, however short.
  package init(urls: [String], others: [String] = []) {
    var texts: Set<ExactName> = Set(others.filter { !$0.isEmpty }.map { ExactName($0) })
    for url in urls {
      for part in Self.parts(of: url) where part.utf8.count >= Self.shortest {
        texts.insert(ExactName(part))
        if let plain = part.withoutPercentEncoding { texts.insert(ExactName(plain)) }
      }
    }
    self.texts = texts.map(\.text).sorted { ($0.utf8.count, $0) > ($1.utf8.count, $1) }
  }

  /// Everything of a URL but its scheme, host and port.
  private static func parts(of url: String) -> [String] {
    guard let rest = url.parts(by: "://", limit: 2).dropFirst().first else { return [url] }
    let authority = rest.utf8.prefix { !"/?#".utf8.contains($0) }
    let path = String(decoding: rest.utf8.dropFirst(authority.count), as: UTF8.self)
    let users = String(decoding: authority, as: UTF8.self).parts(by: "@").dropLast()
    let separators = Set("/?#&=;:,".utf8)
    return (users + [path]).flatMap { text in
      text.utf8.split { separators.contains($0) }.map { String(decoding: $0, as: UTF8.self) }
    }
  }

  /// The text without them, fit to be shown.
  package func masked(_ text: String) -> String {
    Quoting.terminal(texts.reduce(text) { $0.swapping($1, for: Self.mask) })
  }
}
