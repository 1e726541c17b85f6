import CofferSystem

/// How a repository's place is spelled: `scheme:rest`, or a path.
public struct StoreAddress: Sendable, Equatable {
  /// As it was configured.
  public let text: String
  /// What stands before the first colon, in lower-case letters; nil for a path. In `user@host:path` it is `user@host`.
  public let scheme: String?
  /// What follows the colon, or the whole path.
  public let rest: String

  /// A path with a colon in its first part is one only if it begins like a path: with `/`, `.` or `~`.
  public init(_ text: String) {
    self.text = text
    let beginning = text.utf8.prefix { $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "/") }
    let behind = text.utf8.dropFirst(beginning.count)
    guard let first = beginning.first, behind.first == UInt8(ascii: ":"), first != UInt8(ascii: "."),
      first != UInt8(ascii: "~")
    else {
      scheme = nil
      rest = text
      return
    }
    scheme = String(decoding: beginning, as: UTF8.self).lowercased()
    rest = String(decoding: behind.dropFirst(), as: UTF8.self)
  }

  /// For messages: with a user and a password in front of an `@` masked, wherever their URL would end by the rules.
  public var shown: String {
    let parts = text.parts(by: "://", limit: 2)
    let (beginning, rest) = parts.count == 2 ? (parts[0] + "://", parts[1]) : ("", text)
    guard let sign = rest.utf8.lastIndex(of: UInt8(ascii: "@")), rest.utf8[..<sign].contains(UInt8(ascii: ":")) else {
      return text
    }
    return beginning + "***" + rest[sign...]
  }

  /// Whether it is `user@host:path`, ssh's short form.
  public var isShortForm: Bool { scheme?.holds("@") == true }
}
