import CofferSystem

/// A folder on another host as `ssh://`, `sftp://` and the short form `user@host:path` spell it. Nothing in it is decoded: what
/// stands there is what is meant.
struct SSHAddress: Sendable, Equatable {
  let user: String?
  /// A name, an address, or a `Host` of ssh's own configuration; without the brackets of an IPv6 address.
  let host: String
  let port: Int?
  /// From the root on, or else from the folder that one is in there after logging in; never empty.
  let path: String

  /// - Parameter scheme: The one that may stand in front, and does unless the address is in the short form.
  /// - Throws: `Invalid`.
  init(_ address: StoreAddress, scheme: String) throws(Invalid) {
    if address.isShortForm {
      let parts = address.text.parts(by: ":", limit: 2)
      try self.init(login: parts[0], port: nil, path: address.rest, address.shown)
      return
    }
    guard let rest = address.rest.after(beginning: "//") else {
      throw Invalid(address.shown, "'//' is missing behind '\(scheme):'", "Write \(scheme)://user@host/path")
    }
    let parts = rest.parts(by: "/", limit: 2)
    guard parts.count == 2 else {
      throw Invalid(address.shown, "The folder on the host is missing", "Write \(scheme)://user@host/path")
    }
    var (login, port) = (parts[0], nil as String?)
    let afterBracket = login.utf8.lastIndex(of: UInt8(ascii: "]")).map { login.utf8.index(after: $0) }
    if let colon = login.utf8[(afterBracket ?? login.startIndex)...].lastIndex(of: UInt8(ascii: ":")) {
      // A colon in front of the `@` is a password's.
      if !login[colon...].holds("@") {
        port = String(login[login.utf8.index(after: colon)...])
        login = String(login[..<colon])
      }
    }
    var path = "/" + parts[1]
    for home in ["/~/", "/./"] {
      if let below = path.after(beginning: home) { path = below }
    }
    if path.begins(with: "/~") {
      throw Invalid(
        address.shown, "Another user's home folder is not looked up", "Write the path of the folder from the root on")
    }
    try self.init(login: login, port: port, path: path, address.shown)
  }

  private init(login: String, port: String?, path: String, _ text: String) throws(Invalid) {
    let at = login.utf8.lastIndex(of: UInt8(ascii: "@"))
    user = at.map { String(login[..<$0]) }
    var host = at.map { String(login[login.utf8.index(after: $0)...]) } ?? login
    if let inner = host.after(beginning: "[")?.before(end: "]") { host = inner }
    self.host = host
    if let user, user.holds(":") {
      throw Invalid(
        text, "A password cannot stand in an address, nor can a colon in a user's name",
        "Let ssh log in with a key: ssh_command: ssh -i FILE")
    }
    for (what, name) in [("user", user), ("host", host)] {
      guard let name else { continue }
      guard Self.isHarmless(name) else {
        throw Invalid(
          text, "'\(Quoting.terminal(name))' is no name of a \(what)",
          "Write a name without blanks, quotes, signs of a "
            + "shell, and a dash at its beginning")
      }
    }
    guard let port else {
      self.port = nil
      self.path = try Self.trimmed(path, text)
      return
    }
    let isNumber = port.utf8.allSatisfy { (0x30...0x39).contains($0) }
    guard isNumber, let number = Int(port), (1...65535).contains(number) else {
      // A password that has a slash in it ends up in two of the parts.
      throw Invalid(
        text, path.holds("@") ? "What follows the host is no port" : "'\(Quoting.terminal(port))' is no port",
        "Write a number from 1 to 65535")
    }
    self.port = number
    self.path = try Self.trimmed(path, text)
  }

  /// Whether ssh, and what its configuration runs with the name put in, take it for a name and nothing else; as OpenSSH
  /// judges it since version 9.6.
  private static func isHarmless(_ name: String) -> Bool {
    guard let first = name.utf8.first, first != UInt8(ascii: "-") else { return false }
    return name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"'`\"$\\;&<>|(){}[]".utf8.contains($0) }
  }

  /// Without slashes at the end.
  private static func trimmed(_ path: String, _ text: String) throws(Invalid) -> String {
    var bytes = Array(path.utf8)
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    let home = "~/"
    var path = String(decoding: bytes, as: UTF8.self)
    if !path.begins(with: "/") {
      path = path.after(beginning: home) ?? path
      while let below = path.after(beginning: "./") { path = below }
    }
    guard !path.isEmpty, path != ".", path != "~", path != "/" else {
      throw Invalid(text, "It names no folder of its own", "Write the path of a folder that is the repository's alone")
    }
    guard !path.utf8.contains(0) else {
      throw Invalid(text, "A path cannot hold the byte 0", "Correct the path")
    }
    return path
  }

  /// As ssh is told whom to log in as and where.
  var login: String { user.map { "\($0)@\(host)" } ?? host }

  /// An address that ssh cannot be given.
  struct Invalid: DiagnosableError, Equatable {
    let address: String
    let problem: String
    let suggestion: String

    /// - Parameter address: For messages.
    init(_ address: String, _ problem: String, _ suggestion: String) {
      self.address = address
      self.problem = problem
      self.suggestion = suggestion
    }

    var diagnosis: Diagnosis {
      Diagnosis(subject: "repository \(address)", problem: problem, suggestion: suggestion)
    }
  }
}
