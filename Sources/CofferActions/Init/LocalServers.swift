import CofferSystem
import FoundationEssentials
import Glibc

/// A database server that seems to run on this machine.
struct LocalServer: Sendable, Equatable {
  enum System: String, Sendable {
    case postgresql, mariadb
  }

  enum Place: Sendable, Equatable {
    /// The path of a socket.
    case socket(String)
    /// A port of the loopback device.
    case port(Int)
  }

  let system: System
  let place: Place
  /// As PostgreSQL's clients want it, for a socket the number in its name.
  var port: Int?

  /// As messages name it.
  var title: String {
    let name = system == .postgresql ? "PostgreSQL" : "MariaDB or MySQL"
    return switch place {
    case .socket(let path): "\(name) at \(path)"
    case .port(let port): "\(name) at 127.0.0.1, port \(port)"
    }
  }
}

/// Finds database servers of this machine by the sockets that are listened at. Nothing is connected to.
struct LocalServers {
  /// The kernel's lists; another folder in tests.
  let lists: String

  init(lists: String = "/proc/net") {
    self.lists = lists
  }

  private static let sizeLimit = 16 << 20
  private static let postgresqlPorts = 5432...5439
  private static let mariadbPorts = 3306...3309

  /// Servers with a socket first; one that has a socket is not named by its port, too.
  func found() -> [LocalServer] {
    let sockets = paths().compactMap(Self.server).filter(Self.isTrusted)
    let ports = ports()
    let postgresql = ports.filter { port in
      Self.postgresqlPorts.contains(port) && !sockets.contains { $0.system == .postgresql && $0.port == port }
    }
    // Its sockets do not tell ports.
    let hasMariaDB = sockets.contains { $0.system == .mariadb }
    let mariadb = hasMariaDB ? [] : ports.filter { Self.mariadbPorts.contains($0) }
    return sockets
      + postgresql.map { LocalServer(system: .postgresql, place: .port($0), port: $0) }
      + mariadb.map { LocalServer(system: .mariadb, place: .port($0), port: $0) }
  }

  /// The paths of sockets that somebody listens at, each once.
  private func paths() -> [String] {
    var paths: [String] = []
    for line in lines("unix").dropFirst() {
      // Address, references, protocol, flags, type, state and inode; what follows one blank is the path, blanks included.
      var rest = Substring(line).utf8
      var fields: [String] = []
      while fields.count < 7 {
        rest = rest.drop { $0 == UInt8(ascii: " ") }
        let field = rest.prefix { $0 != UInt8(ascii: " ") }
        guard !field.isEmpty else { break }
        fields.append(String(decoding: field, as: UTF8.self))
        rest = rest.dropFirst(field.count)
      }
      let path = String(decoding: rest.dropFirst(), as: UTF8.self)
      // __SO_ACCEPTCON of the kernel's net.h: it is listened at.
      guard fields.count == 7, let flags = UInt32(fields[3], radix: 16), flags & 0x10000 != 0, path.begins(with: "/"),
        !paths.contains(where: { $0.isSame(as: path) })
      else { continue }
      paths.append(path)
    }
    return paths.sorted()
  }

  /// The server that a socket's name is one of.
  private static func server(_ path: String) -> LocalServer? {
    let name = path.parts(by: "/").last ?? ""
    if let number = name.after(beginning: ".s.PGSQL.") {
      guard let port = Int(number), (1...65535).contains(port) else { return nil }
      return LocalServer(system: .postgresql, place: .socket(path), port: port)
    }
    guard ["mysqld.sock", "mysql.sock", "mariadb.sock", "mariadbd.sock"].contains(name) else { return nil }
    return LocalServer(system: .mariadb, place: .socket(path))
  }

  /// Whether the socket is the server's: anybody can listen in a folder that all may write to.
  private static func isTrusted(_ server: LocalServer) -> Bool {
    guard case .socket(let path) = server.place else { return true }
    var facts = stat()
    guard lstat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFSOCK else { return false }
    return Folder.isOurs(facts) || ["user postgres", "user mysql"].contains(Folder.owner(facts))
  }

  /// The ports that are listened at and that this machine can reach by its loopback device.
  private func ports() -> [Int] {
    let found = lines("tcp").dropFirst().compactMap { line -> Int? in
      let words = line.words
      // 0A is LISTEN. Addresses are in the machine's byte order: 127.0.0.1 and 0.0.0.0.
      guard words.count > 3, words[3].isSame(as: "0A") else { return nil }
      let parts = words[1].parts(by: ":")
      guard parts.count == 2, ["0100007F", "00000000"].contains(parts[0]) else { return nil }
      return Int(parts[1], radix: 16)
    }
    return Set(found).sorted()
  }

  /// What cannot be read lists nothing: then no server is found, and one can still be named in the file.
  private func lines(_ name: String) -> [String] {
    guard let bytes = try? Folder(opening: lists).read(EntryName(name), limit: Self.sizeLimit) else { return [] }
    return String(decoding: bytes, as: UTF8.self).lines()
  }
}
