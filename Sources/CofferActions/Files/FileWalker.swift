import CofferRepository
import CofferSystem
import Foundation

/// Finds the files and folders of a backup, as they are. Special files are never read, links never followed.
struct FileWalker {
  /// Something found on the way.
  struct Found {
    /// Absolute, as the file system has it.
    let path: [UInt8]
    let facts: stat
    /// For symbolic links.
    let target: [UInt8]
  }

  enum Event {
    case item(Found)
    /// A socket, a device or a FIFO: left out.
    case special(path: String)
    case failed(SystemError)
  }

  /// Calls `body` with the path and everything below it, folders before what is in them, names in order.
  static func walk(_ path: String, _ body: (Event) throws -> Void) throws {
    try walk(Array(path.utf8), body)
  }

  private static func walk(_ path: [UInt8], _ body: (Event) throws -> Void) throws {
    let cPath = path.map { CChar(bitPattern: $0) } + [0]
    let shown = String(decoding: path, as: UTF8.self)
    var facts = stat()
    guard lstat(cPath, &facts) == 0 else { return try body(.failed(SystemError(call: "lstat", subject: shown))) }
    switch facts.st_mode & S_IFMT {
    case S_IFREG: try body(.item(Found(path: path, facts: facts, target: [])))
    case S_IFLNK:
      var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
      let count = readlink(cPath, &buffer, buffer.count)
      guard count >= 0 else { return try body(.failed(SystemError(call: "readlink", subject: shown))) }
      let target = buffer[..<count].map { UInt8(bitPattern: $0) }
      try body(.item(Found(path: path, facts: facts, target: target)))
    case S_IFDIR:
      try body(.item(Found(path: path, facts: facts, target: [])))
      guard let names = names(in: cPath) else {
        return try body(.failed(SystemError(call: "opendir", subject: shown)))
      }
      for name in names { try walk(path + (path.last == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]) + name, body) }
    default: try body(.special(path: shown))
    }
  }

  private static func names(in path: [CChar]) -> [[UInt8]]? {
    guard let folder = opendir(path) else { return nil }
    defer { closedir(folder) }
    var names: [[UInt8]] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name != Array(".".utf8) && name != Array("..".utf8) { names.append(name) }
    }
    return names.sorted { $0.lexicographicallyPrecedes($1) }
  }
}

extension FileWalker.Found {
  /// The item for an archive.
  ///
  /// - Parameters:
  ///   - path: Inside the archive.
  ///   - stream: The stored content of a file.
  func item(at path: ItemPath, stream: StreamReference?) -> ArchiveItem {
    let content: ArchiveItem.Content =
      switch (facts.st_mode & S_IFMT, stream) {
      case (S_IFLNK, _): .symbolicLink(target: ItemPath(bytes: target))
      case (_, let stream?): .file(stream)
      default: .directory
      }
    return ArchiveItem(
      path: path, content: content, mode: UInt32(facts.st_mode & 0o7777), userID: facts.st_uid,
      groupID: facts.st_gid, user: OwnerNames.user(facts.st_uid), group: OwnerNames.group(facts.st_gid),
      modified: Int64(facts.st_mtim.tv_sec) * 1_000_000_000 + Int64(facts.st_mtim.tv_nsec))
  }

}

/// What the machine calls a user or group; empty when it has no name.
enum OwnerNames {
  static func user(_ id: uid_t) -> String {
    getpwuid(id).map { String(cString: $0.pointee.pw_name) } ?? ""
  }

  static func group(_ id: gid_t) -> String {
    getgrgid(id).map { String(cString: $0.pointee.gr_name) } ?? ""
  }
}

/// A regular file's bytes.
final class FileSource: ByteSource {
  private let file: FileDescriptor
  private let path: String

  /// - Throws: `SystemError`, also when the path is not a regular file any more.
  init(_ path: [UInt8]) throws(SystemError) {
    let shown = String(decoding: path, as: UTF8.self)
    let number = open(path.map { CChar(bitPattern: $0) } + [0], O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard number >= 0 else { throw SystemError(call: "open", subject: shown) }
    file = FileDescriptor(owning: number)
    self.path = shown
    guard try file.status(subject: shown).st_mode & S_IFMT == S_IFREG else {
      throw SystemError(call: "open", subject: shown, code: EINVAL)
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try file.read(into: buffer, subject: path)
  }
}
