import CofferSystem
import Glibc
import Synchronization

/// Where ssh listens for others that want a channel on a connection which it has made: in a folder of the user's cache.
///
/// ssh removes a socket when it ends. Of one that was killed it stays, and means nothing to anybody.
final class SSHSockets: Sendable {
  private let folder: String
  private let known = Mutex<SSHCommand.Settings?>(nil)

  /// Bytes of a path at most: an address has room for 107, and ssh makes the socket under a longer name first.
  private static let pathLimit = 90

  init(_ surroundings: Surroundings) {
    folder = surroundings.environment[.cache] + "/coffer/ssh"
  }

  /// Returns what the user's configuration of ssh says, asked for once.
  func settings(_ ask: () throws(RemoteError) -> SSHCommand.Settings) throws(RemoteError) -> SSHCommand.Settings {
    if let known = known.withLock({ $0 }) { return known }
    let found = try ask()
    known.withLock { $0 = found }
    return found
  }

  /// - Returns: A path that nothing has; nil where there can be no socket that only this user reaches.
  func newPath() -> String? {
    let path = folder + "/" + String(UInt64.random(in: 0 ... .max), radix: 36)
    // ssh would put other things in the place of some signs.
    guard path.utf8.count <= Self.pathLimit, path.utf8.allSatisfy(Self.isPlain),
      let place = try? Folder.trusted(folder, .folders, makingWith: 0o700),
      let facts = try? place.status(), facts.st_uid == geteuid(), facts.st_mode & 0o077 == 0, Self.canBeMade(path)
    else { return nil }
    return path
  }

  /// Whether there can be a socket at a path that nothing has: an ssh that cannot listen ends. It makes its socket under another name,
  /// and links it.
  private static func canBeMade(_ path: String) -> Bool {
    let number = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { return false }
    defer { _ = close(number) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // Its last byte stays zero: the path is not so long.
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let outcome = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard outcome == 0 else { return false }
    let linked = path + ".linked"
    defer { for made in [path, linked] { remove(made) } }
    return link(path, linked) == 0
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "/._-".utf8.contains(byte)
    }
  }

  /// Whether ssh listens, or has listened, at a path.
  static func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Removes the socket of an ssh that has ended, if it could not do so itself.
  static func remove(_ path: String) { _ = unlink(path) }
}
