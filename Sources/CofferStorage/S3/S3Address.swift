import CofferSystem

/// Where a repository in object storage is: `s3://bucket/prefix`, or `s3:https://endpoint/bucket/prefix`.
struct S3Address: Equatable {
  /// The server that the address names; nil for one that it does not.
  let server: S3Server?
  let bucket: String
  /// Empty, or with a slash at its end.
  let prefix: String

  /// - Parameter rest: What follows `s3:`.
  /// - Throws: `S3ConfigurationError`.
  init(_ rest: String) throws(S3ConfigurationError) {
    let path: String
    if let below = rest.after(beginning: "//") {
      server = nil
      path = below
    } else {
      let halves = rest.parts(by: "://", limit: 2)
      guard halves.count == 2 else { throw .malformedAddress }
      let parts = halves[1].parts(by: "/", limit: 2)
      guard parts.count == 2 else { throw .malformedAddress }
      server = try S3Server("\(halves[0])://\(parts[0])")
      path = parts[1]
    }
    var parts = path.parts(by: "/")
    if parts.count > 1, parts.last?.isEmpty == true { parts.removeLast() }
    bucket = parts.removeFirst()
    guard Self.isBucket(bucket) else { throw .malformedBucket(bucket) }
    guard parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }),
      parts.allSatisfy({ $0.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } }),
      path.utf8.count <= 512
    else { throw .malformedPrefix }
    prefix = parts.map { $0 + "/" }.joined()
  }

  /// Servers have rules of their own beyond this; what matters here is that the name cannot lead elsewhere.
  private static func isBucket(_ name: String) -> Bool {
    let others = Set("-._".utf8)
    func isLetterOrDigit(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: false
      }
    }
    guard let first = name.utf8.first, isLetterOrDigit(first), name.utf8.count <= 255, !name.holds("..") else {
      return false
    }
    return name.utf8.allSatisfy { isLetterOrDigit($0) || others.contains($0) }
  }
}

/// A server of object storage.
struct S3Server: Equatable {
  let isEncrypted: Bool
  /// Name and port as requests name them: without a port that goes without saying.
  let authority: String

  /// - Parameter text: `https://host:port`.
  /// - Throws: `S3ConfigurationError.malformedEndpoint`.
  init(_ text: String) throws(S3ConfigurationError) {
    let parts = text.parts(by: "://", limit: 2)
    guard parts.count == 2, ["http", "https"].contains(parts[0].asciiLowercased) else { throw .malformedEndpoint(text) }
    isEncrypted = parts[0].asciiLowercased == "https"
    var name = (parts[1].before(end: "/") ?? parts[1]).asciiLowercased
    // The port is behind the last colon, unless that is one of an IPv6 address in brackets.
    let halves = name.parts(by: ":")
    if let port = halves.last, halves.count > 1, !port.ends(with: "]") {
      guard let number = UInt16(port), number > 0 else { throw .malformedEndpoint(text) }
      name = halves.dropLast().joined(separator: ":")
      if number != (isEncrypted ? 443 : 80) { name += ":\(number)" }
    }
    let signs = Set("abcdefghijklmnopqrstuvwxyz0123456789.-_:[]".utf8)
    guard !name.isEmpty, !name.begins(with: ":"), name.utf8.allSatisfy(signs.contains) else {
      throw .malformedEndpoint(text)
    }
    authority = name
  }

  /// - Parameter authority: Well-formed.
  init(encryptedAt authority: String) {
    isEncrypted = true
    self.authority = authority
  }

  /// Amazon's own.
  static func amazon(_ region: String) -> S3Server {
    S3Server(encryptedAt: "s3.\(region).amazonaws.com" + (region.begins(with: "cn-") ? ".cn" : ""))
  }

  /// Whether what is sent there stays on this machine.
  var isLoopback: Bool {
    let host = authority.begins(with: "[") ? authority.parts(by: "]")[0] + "]" : authority.parts(by: ":")[0]
    return host == "localhost" || host == "[::1]" || LoopbackAddress.isIPv4(host)
  }
}

enum LoopbackAddress {
  /// Whether a text is an address of 127.0.0.0/8: a name that only begins like one is somebody's.
  static func isIPv4(_ host: String) -> Bool {
    let numbers = host.parts(by: ".").map { UInt8($0) }
    return numbers.count == 4 && numbers[0] == 127 && numbers.allSatisfy { $0 != nil }
  }
}
