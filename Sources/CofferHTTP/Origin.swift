import CofferSystem
import FoundationEssentials

/// Which server a URL is of: its scheme, host and port (RFC 6454).
struct Origin: Equatable {
  private let isEncrypted: Bool
  private let host: String
  private let port: Int

  /// - Returns: nil for what is no URL of HTTP.
  init?(_ url: String) {
    guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(), let host = parts.host,
      scheme == "http" || scheme == "https"
    else { return nil }
    isEncrypted = scheme == "https"
    self.host = host.lowercased()
    port = parts.port ?? (isEncrypted ? 443 : 80)
  }

  /// Whether a redirection may be followed: to the same server, or from its plain to its encrypted side.
  func admits(_ url: String) -> Bool {
    guard let other = Origin(url), other.host.isSame(as: host) else { return false }
    let isUpgrade = !isEncrypted && other.isEncrypted && port == 80 && other.port == 443
    return isUpgrade || other.isEncrypted == isEncrypted && other.port == port
  }
}

extension HTTPRequest {
  /// The same request at the address that an answer leads to. It is sent as it was: a message that became a mere look at
  /// the address, as browsers do it, would seem delivered. Only the status 303 says that there is nothing to be sent again.
  func redirected(to url: String, status: Int) -> HTTPRequest {
    var request = self
    request.url = url
    if status == 303 {
      request.method = .get
      request.body = []
      request.headers.removeAll { $0[0].lowercased().isSame(as: "content-type") }
    }
    return request
  }
}
