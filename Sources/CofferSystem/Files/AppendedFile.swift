import CSystem
import Glibc

extension FileDescriptor {
  /// Opens what a path of the configuration names, to add to its end; or makes the file.
  ///
  /// Besides plain files it may be a link, a device or a FIFO, as logs of containers are, where only this user or root can
  /// have put it. The program's own standard streams are taken by their well-known names, because what these lead to
  /// may have no path.
  ///
  /// - Parameters:
  ///   - path: Absolute.
  ///   - mode: Of a new file, whatever the umask.
  /// - Throws: `UntrustedPlace`; `SystemError`.
  public static func appending(to path: String, mode: mode_t = 0o600) throws -> FileDescriptor {
    var path = path
    for _ in 0..<Folder.linkLimit {
      if let number = ownStream(path) {
        let copy = fcntl(number, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { throw SystemError(call: "open", subject: path) }
        return FileDescriptor(owning: copy)
      }
      let place = try FilePlace(path)
      guard try place.folder.holds(place.name), try !place.kind().isPlain else {
        return try place.folder.append(place.name, mode: mode)
      }
      let sure = try FilePlace(path, .folders)
      guard try sure.folder.isClosedToOthers() else { return try sure.folder.append(sure.name, mode: mode) }
      let flags = O_WRONLY | O_APPEND | O_NOCTTY
      switch try sure.kind() {
      case .link where coffer_shows_processes(sure.folder.number) == 1:
        // Such a link leads where its text does not.
        let number = sure.name.withCString { openat(sure.folder.number, $0, flags | O_CLOEXEC | O_NONBLOCK) }
        guard number >= 0 else { throw SystemError(call: "open", subject: path) }
        return FileDescriptor(owning: number)
      case .link:
        let target = String(decoding: try sure.folder.link(sure.name).target, as: UTF8.self)
        path = target.begins(with: "/") ? target : sure.folder.path(of: EntryName(target))
      case .deviceOrFIFO: return try sure.folder.open(sure.name, flags: flags)
      case .plain, .other: return try sure.folder.append(sure.name, mode: mode)
      }
    }
    throw SystemError(call: "open", subject: path, code: ELOOP)
  }

  private static func ownStream(_ path: String) -> Int32? {
    let names = [
      STDOUT_FILENO: ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"],
      STDERR_FILENO: ["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"],
    ]
    return names.first { $0.value.contains { $0.isSame(as: path) } }?.key
  }
}

extension FilePlace {
  fileprivate enum Kind {
    case plain, link, deviceOrFIFO, other

    var isPlain: Bool { self == .plain }
  }

  fileprivate func kind() throws(SystemError) -> Kind {
    switch try folder.status(of: name).st_mode & S_IFMT {
    case S_IFREG: .plain
    case S_IFLNK: .link
    case S_IFCHR, S_IFIFO: .deviceOrFIFO
    default: .other
    }
  }
}

extension Folder {
  /// Whether nobody else can put anything into the folder, be it his own: a second name of somebody's link, for example.
  fileprivate func isClosedToOthers() throws(SystemError) -> Bool {
    let facts = try status()
    return Self.isOurs(facts) && !Self.mayOthersWrite(facts, number)
  }
}
