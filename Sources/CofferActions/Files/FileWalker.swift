import CofferRepository
import CofferSystem
import Foundation

/// Finds the files and folders below a path, as they are. Special files are never read, links never followed.
struct FileWalker {
  /// Something found on the way.
  struct Found {
    enum Kind {
      case file, folder, link
      /// A socket, a device or a FIFO.
      case special
    }

    /// Absolute, as the file system has it.
    let path: [UInt8]
    let facts: stat
    /// For symbolic links.
    let target: [UInt8]

    /// - Throws: `SystemError`, also when there is nothing at the path.
    init(_ path: [UInt8]) throws(SystemError) {
      let cPath = FileWalker.c(path)
      var facts = stat()
      guard lstat(cPath, &facts) == 0 else { throw SystemError(call: "lstat", subject: FileWalker.text(path)) }
      self.path = path
      self.facts = facts
      guard facts.st_mode & S_IFMT == S_IFLNK else {
        target = []
        return
      }
      var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
      let count = readlink(cPath, &buffer, buffer.count)
      guard count >= 0 else { throw SystemError(call: "readlink", subject: FileWalker.text(path)) }
      target = buffer[..<count].map { UInt8(bitPattern: $0) }
    }

    var kind: Kind {
      switch facts.st_mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .folder
      case S_IFLNK: .link
      default: .special
      }
    }

    var text: String { FileWalker.text(path) }
  }

  enum Event {
    case item(Found)
    /// Left out.
    case special(path: String)
    case failed(SystemError)
  }

  /// Calls `body` with the path and everything below it, folders before what is in them, names in order.
  static func walk(_ path: String, _ body: (Event) throws -> Void) throws {
    try walk(Array(path.utf8), body)
  }

  private static func walk(_ path: [UInt8], _ body: (Event) throws -> Void) throws {
    switch Result(catching: { () throws(SystemError) in try Found(path) }) {
    case .failure(let error): try body(.failed(error))
    case .success(let found) where found.kind == .special: try body(.special(path: found.text))
    case .success(let found):
      try body(.item(found))
      guard found.kind == .folder else { return }
      switch Result(catching: { () throws(SystemError) in try names(in: path) }) {
      case .failure(let error): try body(.failed(error))
      case .success(let names): for name in names { try walk(appending(name, to: path), body) }
      }
    }
  }

  /// The names in a folder, in order.
  static func names(in path: [UInt8]) throws(SystemError) -> [[UInt8]] {
    guard let folder = opendir(c(path)) else { throw SystemError(call: "opendir", subject: text(path)) }
    defer { closedir(folder) }
    var names: [[UInt8]] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name != Array(".".utf8) && name != Array("..".utf8) { names.append(name) }
    }
    return names.sorted { $0.lexicographicallyPrecedes($1) }
  }

  static func appending(_ name: [UInt8], to path: [UInt8]) -> [UInt8] {
    path.isEmpty || path.last == UInt8(ascii: "/") ? path + name : path + [UInt8(ascii: "/")] + name
  }

  static func text(_ path: [UInt8]) -> String {
    String(decoding: path, as: UTF8.self)
  }

  static func c(_ path: [UInt8]) -> [CChar] {
    path.map { CChar(bitPattern: $0) } + [0]
  }
}

extension FileWalker.Found {
  /// The item for an archive.
  ///
  /// - Parameters:
  ///   - path: Inside the archive.
  ///   - stream: The stored content of a file.
  ///   - keepsNames: Whether the names of owner and group are kept beside their numbers.
  func item(at path: ItemPath, stream: StreamReference?, keepsNames: Bool = true) -> ArchiveItem {
    let content: ArchiveItem.Content =
      switch (facts.st_mode & S_IFMT, stream) {
      case (S_IFLNK, _): .symbolicLink(target: ItemPath(bytes: target))
      case (_, let stream?): .file(stream)
      default: .directory
      }
    return ArchiveItem(
      path: path, content: content, mode: UInt32(facts.st_mode & 0o7777), userID: facts.st_uid,
      groupID: facts.st_gid, user: keepsNames ? OwnerNames.user(facts.st_uid) : "",
      group: keepsNames ? OwnerNames.group(facts.st_gid) : "",
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
  private let before: stat

  /// - Throws: `SystemError`; one that `isVanishing` when the path is not a regular file any more.
  init(_ path: [UInt8]) throws(SystemError) {
    let shown = String(decoding: path, as: UTF8.self)
    let number = open(path.map { CChar(bitPattern: $0) } + [0], O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard number >= 0 else { throw SystemError(call: "open", subject: shown) }
    file = FileDescriptor(owning: number)
    self.path = shown
    before = try file.status(subject: shown)
    guard before.st_mode & S_IFMT == S_IFREG else {
      throw SystemError(call: "open", subject: shown, code: ESTALE)
    }
  }

  /// Whether the file was written to since it was opened.
  var hasChanged: Bool {
    guard let now = try? file.status(subject: path) else { return true }
    return now.st_size != before.st_size || now.st_mtim.tv_sec != before.st_mtim.tv_sec
      || now.st_mtim.tv_nsec != before.st_mtim.tv_nsec
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try file.read(into: buffer, subject: path)
  }
}
