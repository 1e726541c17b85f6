import CofferSystem
import FoundationEssentials
import Glibc

/// A repository's folder in this machine's cache. It is used only while it belongs to this user and nobody else may write
/// to it, and of its files only those of this user.
package struct CacheFolder: Sendable {
  /// A file that is open for reading.
  final class File: Sendable {
    private let descriptor: FileDescriptor

    fileprivate init(_ descriptor: consuming FileDescriptor) {
      self.descriptor = descriptor
    }

    /// The first bytes; nil when there are fewer.
    func start(_ count: Int) -> [UInt8]? { bytes(0..<count) }

    /// A part of the file; nil when it is shorter, or cannot be read.
    func bytes(_ range: Range<Int>) -> [UInt8]? {
      var bytes = [UInt8](repeating: 0, count: range.count)
      let count = try? bytes.withUnsafeMutableBytes { buffer in
        try descriptor.fill(buffer, from: UInt64(range.lowerBound), subject: "index cache")
      }
      return count == range.count ? bytes : nil
    }

    /// A descriptor of its own for the same file.
    func take() throws(SystemError) -> FileDescriptor {
      let copy = fcntl(descriptor.number, F_DUPFD_CLOEXEC, 0)
      guard copy >= 0 else { throw SystemError(call: "fcntl", subject: "index cache") }
      return FileDescriptor(owning: copy)
    }
  }

  private let folder: Folder

  /// Opens the folder, and makes it if need be.
  ///
  /// - Returns: nil when there can be no such folder, or it is not ours: then there is no cache.
  package init?(_ path: String) {
    try? FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    guard let descriptor = try? FileDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
      let facts = try? descriptor.status(subject: path), Self.isOwn(facts)
    else { return nil }
    folder = Folder(owning: descriptor, path: path)
  }

  private static func isOwn(_ facts: stat) -> Bool { facts.st_uid == geteuid() && facts.st_mode & 0o022 == 0 }

  func names() -> [EntryName] { (try? folder.names()) ?? [] }

  /// - Returns: The file and its size; nil for what is no plain file of this user.
  func open(_ name: EntryName) -> (File, size: Int)? {
    guard let descriptor = try? folder.open(name, flags: O_RDONLY),
      let facts = try? descriptor.status(subject: folder.path(of: name)), facts.st_mode & S_IFMT == S_IFREG,
      Self.isOwn(facts)
    else { return nil }
    return (File(descriptor), Int(facts.st_size))
  }

  /// Reads a whole file of this user; nil for any other, and for a larger one.
  func read(_ name: EntryName, limit: Int) -> [UInt8]? {
    guard let (_, size) = open(name), size <= limit else { return nil }
    return try? folder.read(name, limit: limit)
  }

  /// Writes a file anew. A cache that cannot be written is none.
  func write(_ name: EntryName, _ bytes: [UInt8]) {
    try? folder.replace(name, with: bytes)
  }

  /// The same with bytes that are in one piece somewhere else.
  func write(_ name: EntryName, _ bytes: UnsafeRawBufferPointer) {
    try? folder.replace(name) { file in try file.writeAll(bytes, subject: folder.path(of: name)) }
  }

  /// Takes note that a file is used now.
  func touch(_ name: EntryName) {
    if let file = try? folder.open(name, flags: O_RDONLY) { _ = futimens(file.number, nil) }
  }

  /// A file's size, and when it was written or used last, in seconds; nil for what is not there any more.
  func use(of name: EntryName) -> (size: Int, lastUse: Double)? {
    guard let facts = try? folder.status(of: name) else { return nil }
    return (Int(facts.st_size), Double(facts.st_mtim.tv_sec) + Double(facts.st_mtim.tv_nsec) / 1e9)
  }

  /// Makes a file to be written through memory.
  package func newFile(_ name: EntryName, size: Int) throws -> MappedMemory {
    let file = try folder.open(name, flags: O_RDWR | O_CREAT | O_EXCL)
    do {
      return try MappedMemory.filling(file, size: size, subject: folder.path(of: name))
    } catch {
      remove(name)
      throw error
    }
  }

  /// A file that is written piece by piece and has no name of its own before it is whole.
  final class NewFile {
    private let file: TemporaryFile
    private let name: EntryName

    fileprivate init(_ file: TemporaryFile, _ name: EntryName) {
      self.file = file
      self.name = name
    }

    /// - Returns: Whether they could be written.
    func write(_ bytes: [UInt8]) -> Bool {
      bytes.withUnsafeBytes { bytes in (try? file.file.writeAll(bytes, subject: "cache")) != nil }
    }

    /// Gives the file its name; what had it before is replaced.
    func publish() { try? file.publish(as: name) }
  }

  /// - Returns: nil when there can be no file.
  func newFile(_ name: EntryName) -> NewFile? {
    (try? TemporaryFile(in: folder, for: name)).map { NewFile($0, name) }
  }

  func rename(_ name: EntryName, to other: EntryName) -> Bool { (try? folder.rename(name, to: other)) != nil }

  func remove(_ name: EntryName) {
    try? folder.remove(name)
  }

  /// Removes what a killed program has left: nobody writes a run for a whole day.
  func removeAbandoned(_ name: EntryName) {
    guard let facts = try? folder.status(of: name), time(nil) - facts.st_mtim.tv_sec > 86400 else { return }
    remove(name)
  }
}
