/// The path by which a socket is reached.
enum SocketPath {
  /// Bytes: `sockaddr_un` has room for one more.
  private static let limit = 107

  /// Whether a socket can have a name in a folder.
  static func fits(_ name: String, in folder: String) -> Bool { folder.utf8.count + 1 + name.utf8.count <= limit }
}
