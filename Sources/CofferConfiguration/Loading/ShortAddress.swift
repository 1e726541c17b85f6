import CofferSystem

/// ssh's short form of an address without a user, `host:path`, which older configurations have for repositories: today what
/// stands before the colon would be a scheme. With a user it needs no other spelling.
struct ShortAddress {
  private let host: String
  private let path: String

  /// What stands before a colon and is no host, though it has no `//` behind it.
  private static let schemes = ["rclone", "s3", "b2", "file", "sftp", "rest"]

  /// - Returns: nil for a path of any other form.
  init?(_ text: String) {
    let parts = text.parts(by: ":", limit: 2)
    guard !text.holds("://"), parts.count > 1, !parts[0].holds("/"), !parts[0].holds("@"),
      !Self.schemes.contains(parts[0])
    else {
      return nil
    }
    (host, path) = (parts[0], parts[1])
  }

  /// The same as a URL: a path without a slash at its beginning starts from the user's own folder.
  var url: String {
    let folder = path.begins(with: "/") ? path : path.begins(with: "~") ? "/\(path)" : "/./\(path)"
    return "ssh://\(host)\(folder)"
  }
}
