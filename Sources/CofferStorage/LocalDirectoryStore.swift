import CofferSystem
import Foundation

/// Objects as files below a folder.
///
/// A put writes to a temporary name in the object's own folder, makes the bytes durable, links the final name
/// (which fails when it is taken), and makes the folder durable.
public struct LocalDirectoryStore: ObjectStore {
  public let location: String
  private let root: String
  private let calls: FileCalls

  private static let temporaryPrefix = ".tmp-"

  /// - Parameter root: An absolute path; created, but not its parents, when the first object is put.
  public init(root: String, calls: FileCalls = .system) {
    location = root
    self.root = root
    self.calls = calls
  }

  public func put(_ name: ObjectName, _ content: UnsafeRawBufferPointer) throws(StorageError) {
    let path = path(of: name)
    let folder = Self.folder(of: path)
    try makeFolder(folder, for: name)
    let temporary = "\(folder)/\(Self.temporaryPrefix)\(UInt64.random(in: 0 ... .max))"
    do throws(SystemError) {
      try write(content, to: temporary)
      guard link(temporary, path) == 0 else { throw SystemError(call: "link", subject: path) }
      unlink(temporary)
      try syncFolder(folder)
    } catch {
      unlink(temporary)
      throw storageError(error, name)
    }
  }

  public func get(_ name: ObjectName, range: Range<Int>?) throws(StorageError) -> [UInt8] {
    do {
      let path = path(of: name)
      let file = try FileDescriptor(opening: path, flags: O_RDONLY)
      let wanted = try range ?? 0..<Int(file.status(subject: path).st_size)
      let bytes = try read(file, wanted, path)
      guard bytes.count == wanted.count else { throw TruncatedRead() }
      return bytes
    } catch let error as SystemError {
      throw storageError(error, name)
    } catch {
      throw .truncated(name, location: location)
    }
  }

  public func status(of name: ObjectName) throws(StorageError) -> ObjectStatus {
    var facts = stat()
    guard lstat(path(of: name), &facts) == 0 else {
      throw storageError(SystemError(call: "stat", subject: path(of: name)), name)
    }
    return Self.objectStatus(name, facts)
  }

  public func list(_ folder: String) throws(StorageError) -> [ObjectStatus] {
    var found: [ObjectStatus] = []
    try walk(folder.isEmpty ? root : "\(root)/\(folder)", prefix: folder) { name, facts in
      found.append(Self.objectStatus(name, facts))
    }
    return found
  }

  public func delete(_ name: ObjectName) throws(StorageError) {
    let path = path(of: name)
    guard unlink(path) == 0 else {
      if errno == ENOENT { return }
      throw storageError(SystemError(call: "unlink", subject: path), name)
    }
    do { try syncFolder(Self.folder(of: path)) } catch { throw storageError(error, name) }
  }

  public func firstForeignEntry() throws(StorageError) -> String? {
    var facts = stat()
    guard lstat(root, &facts) == 0 else {
      if errno == ENOENT { return nil }
      throw storageError(SystemError(call: "stat", subject: root), nil)
    }
    guard facts.st_mode & S_IFMT == S_IFDIR else { return Self.lastPart(of: root) }
    return try entries(of: root).sorted().first
  }
}

// MARK: - Files

extension LocalDirectoryStore {
  private struct TruncatedRead: Error {}

  private func path(of name: ObjectName) -> String { "\(root)/\(name.path)" }

  private static func folder(of path: String) -> String {
    String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
  }

  private static func lastPart(of path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  private func write(_ content: UnsafeRawBufferPointer, to path: String) throws(SystemError) {
    let file = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL)
    var rest = content
    while !rest.isEmpty {
      let count = calls.write(file.number, rest.baseAddress, rest.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw SystemError(call: "write", subject: path) }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
    guard calls.sync(file.number) == 0 else { throw SystemError(call: "fsync", subject: path) }
    try file.close(subject: path)
  }

  private func read(
    _ file: borrowing FileDescriptor, _ range: Range<Int>, _ path: String
  ) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    var filled = 0
    while filled < range.count {
      let count = bytes.withUnsafeMutableBytes {
        pread(file.number, $0.baseAddress?.advanced(by: filled), range.count - filled, range.lowerBound + filled)
      }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw SystemError(call: "read", subject: path) }
      if count == 0 { break }
      filled += count
    }
    return Array(bytes[..<filled])
  }

  /// Makes the folders from the root down to `folder`, each durable in its parent.
  private func makeFolder(_ folder: String, for name: ObjectName) throws(StorageError) {
    guard access(folder, F_OK) != 0 else { return }
    let parent = Self.folder(of: folder)
    if folder != root { try makeFolder(parent, for: name) }
    guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
      throw storageError(SystemError(call: "mkdir", subject: folder), name)
    }
    do { try syncFolder(parent.isEmpty ? "/" : parent) } catch { throw storageError(error, name) }
  }

  private func syncFolder(_ path: String) throws(SystemError) {
    let folder = try FileDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
    guard calls.sync(folder.number) == 0 else { throw SystemError(call: "fsync", subject: path) }
  }

  private func walk(
    _ folder: String, prefix: String, _ body: (ObjectName, stat) -> Void
  ) throws(StorageError) {
    for entry in try entries(of: folder) where !entry.hasPrefix(".") {
      var facts = stat()
      let path = "\(folder)/\(entry)"
      // What vanished since it was listed was deleted by another run.
      guard lstat(path, &facts) == 0 else { continue }
      let name = prefix.isEmpty ? entry : "\(prefix)/\(entry)"
      if facts.st_mode & S_IFMT == S_IFDIR {
        try walk(path, prefix: name, body)
      } else if facts.st_mode & S_IFMT == S_IFREG, let name = ObjectName(name) {
        body(name, facts)
      }
    }
  }

  private func entries(of folder: String) throws(StorageError) -> [String] {
    guard let stream = opendir(folder) else {
      if errno == ENOENT { return [] }
      throw storageError(SystemError(call: "opendir", subject: folder), nil)
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  private static func objectStatus(_ name: ObjectName, _ facts: stat) -> ObjectStatus {
    let seconds = Double(facts.st_mtim.tv_sec) + Double(facts.st_mtim.tv_nsec) / 1e9
    return ObjectStatus(
      name: name, size: Int(facts.st_size), received: Date(timeIntervalSince1970: seconds))
  }

  private func storageError(_ error: SystemError, _ name: ObjectName?) -> StorageError {
    switch (error.code, name) {
    case (ENOSPC, let name?), (EDQUOT, let name?): .full(name, location: location)
    case (EEXIST, let name?): .exists(name, location: location)
    case (ENOENT, let name?), (ENOTDIR, let name?): .missing(name, location: location)
    default: .failed(name, location: location, cause: error)
    }
  }
}

/// The calls whose failure loses data if it goes unnoticed, so that tests can make them fail.
public struct FileCalls: Sendable {
  /// As `write(2)`.
  public let write: @Sendable (Int32, UnsafeRawPointer?, Int) -> Int
  /// As `fsync(2)`; called on files and on folders.
  public let sync: @Sendable (Int32) -> Int32

  public init(
    write: @escaping @Sendable (Int32, UnsafeRawPointer?, Int) -> Int,
    sync: @escaping @Sendable (Int32) -> Int32
  ) {
    self.write = write
    self.sync = sync
  }

  public static let system = FileCalls(
    write: { Foundation.write($0, $1, $2) }, sync: { Foundation.fsync($0) })
}
