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
      let facts = try? place.status(), facts.st_uid == geteuid(), facts.st_mode & 0o077 == 0
    else { return nil }
    return path
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: "/._-".utf8.contains(byte)
    }
  }

  /// Removes the socket of an ssh that has ended, if it could not do so itself.
  static func remove(_ path: String) { _ = unlink(path) }
}
