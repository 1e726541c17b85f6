import CofferSystem
import FoundationEssentials
import Glibc
import Synchronization

/// Where ssh listens for others that want a channel on a connection which it has made: in a folder of the user's cache.
///
/// ssh removes a socket when it ends. Of one that was killed, or lost its power, it stays until the next is made.
final class SSHSockets: Sendable {
  private let folder: String
  private let clock: Clock
  /// What names of this machine's sockets begin with: of those of another, which shares the folder, nobody here can know whether
  /// somebody listens.
  private let machine: String
  private let known = Mutex<SSHCommand.Settings?>(nil)

  /// Bytes of a path at most: an address has room for 107, and ssh makes the socket under a longer name first.
  private static let pathLimit = 90
  private static let addressLimit = 107

  init(_ surroundings: Surroundings) {
    folder = surroundings.environment[.cache] + "/coffer/ssh"
    clock = surroundings.clock
    // The half of it: a path has little room.
    machine = String(UInt32(truncatingIfNeeded: NameHash.of(surroundings.hostname)), radix: 36) + "-"
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
    let path = folder + "/" + machine + String(UInt64.random(in: 0 ... .max), radix: 36)
    // ssh would put other things in the place of some signs.
    guard path.utf8.count <= Self.pathLimit, path.utf8.allSatisfy(Self.isPlain),
      let place = try? Folder.trusted(folder, .folders, makingWith: 0o700),
      let facts = try? place.status(), facts.st_uid == geteuid(), facts.st_mode & 0o077 == 0
    else { return nil }
    sweep(place)
    return Self.canBeMade(path) ? path : nil
  }

  /// Seconds for which a socket is left alone at which nobody listens: whoever makes one listens a moment later.
  private static let youth: Double = 60

  /// Removes sockets at which nobody listens any more. What cannot be removed does no harm.
  private func sweep(_ place: Folder) {
    let limit = clock.now().timeIntervalSince1970 - Self.youth
    for name in (try? place.names()) ?? [] where name.description.begins(with: machine) {
      guard let facts = try? place.status(of: name), facts.st_mode & S_IFMT == S_IFSOCK,
        Double(facts.st_ctim.tv_sec) < limit, Self.isDeserted(folder + "/" + name.description)
      else { continue }
      _ = try? place.remove(name)
    }
  }

  /// Whether it is certain that nobody listens at a socket.
  private static func isDeserted(_ path: String) -> Bool {
    guard path.utf8.count <= addressLimit else { return false }
    return withSocket(at: path) { number, address, size in
      connect(number, address, size) != 0 && errno == ECONNREFUSED
    } ?? false
  }

  /// Whether there can be a socket at a path that nothing has: an ssh that cannot listen ends. It makes its socket under another name,
  /// and links it.
  private static func canBeMade(_ path: String) -> Bool {
    guard withSocket(at: path, { bind($0, $1, $2) == 0 }) == true else { return false }
    let linked = path + ".linked"
    defer { for made in [path, linked] { remove(made) } }
    return link(path, linked) == 0
  }

  /// - Parameter body: Given a new socket that waits for nothing, and the address that a path is.
  /// - Returns: nil where there can be no socket, and for a path that is too long.
  private static func withSocket(
    at path: String, _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Bool
  ) -> Bool? {
    let type = [SOCK_STREAM, SOCK_CLOEXEC, SOCK_NONBLOCK].reduce(0) { $0 | Int32($1.rawValue) }
    let number = Glibc.socket(AF_UNIX, type, 0)
    guard number >= 0 else { return nil }
    defer { _ = close(number) }
    return LocalSocket.withAddress(Array(path.utf8)) { body(number, $0, $1) }
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
