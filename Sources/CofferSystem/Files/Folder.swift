import CSystem
import Glibc

/// An open folder. What is in it is reached through its descriptor: whatever happens to the path, it stays this folder,
/// and no link in it is ever followed.
///
/// Safe to use from several threads.
public final class Folder: Sendable {
  /// The path it was opened by; for messages, and for programs that can be given nothing else.
  public let path: String
  private let descriptor: FileDescriptor

  /// Takes ownership of a descriptor that was opened as a folder.
  public init(owning descriptor: consuming FileDescriptor, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  /// Opens the folder at a path as the system does, links on the way included: for places where the program reads only,
  /// or that nobody else can write. `Folder.trusted` is for the others.
  ///
  /// - Throws: `SystemError`.
  public convenience init(opening path: String) throws(SystemError) {
    try self.init(opening: Array(path.utf8))
  }

  /// The same for a path that need not be UTF-8.
  ///
  /// - Throws: `SystemError`.
  public convenience init(opening path: [UInt8]) throws(SystemError) {
    let text = String(decoding: path, as: UTF8.self)
    let characters = path.map { CChar(bitPattern: $0) } + [0]
    var number = Glibc.open(characters, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    // A folder whose names this user may not see can still be gone through.
    if number < 0, errno == EACCES { number = Glibc.open(characters, coffer_open_path | O_DIRECTORY | O_CLOEXEC) }
    guard number >= 0, !path.contains(0) else {
      throw SystemError(call: "open", subject: text, code: path.contains(0) ? EINVAL : errno)
    }
    self.init(owning: FileDescriptor(owning: number), path: text)
  }

  /// The descriptor's number, for calls that this type has no function for; valid as long as the folder lives.
  public var number: Int32 { descriptor.number }

  /// The folder's own facts.
  ///
  /// - Throws: `SystemError`.
  public func status() throws(SystemError) -> stat { try descriptor.status(subject: path) }

  /// Bytes that its file system has room for, for this user.
  ///
  /// - Throws: `SystemError`.
  public func freeBytes() throws(SystemError) -> UInt64 {
    var facts = statvfs()
    guard fstatvfs(number, &facts) == 0 else { throw SystemError(call: "statvfs", subject: path) }
    let (size, isTooMuch) = UInt64(facts.f_bavail).multipliedReportingOverflow(by: UInt64(facts.f_frsize))
    return isTooMuch ? .max : size
  }

  /// The path of what has this name in the folder, as text.
  public func path(of name: EntryName) -> String { path == "/" ? "/\(name)" : "\(path)/\(name)" }

  // MARK: - Looking

  /// Opens a file. Links are refused with ELOOP, and nothing that is no file (a FIFO, a device) is waited for;
  /// `O_CLOEXEC`, `O_NOFOLLOW` and `O_NONBLOCK` are always added.
  ///
  /// - Parameter mode: Of a file that is made; what the umask takes away stays away.
  /// - Throws: `SystemError`.
  public func open(_ name: EntryName, flags: Int32, mode: mode_t = 0o600) throws(SystemError) -> FileDescriptor {
    let opened = try call("open", name) { openat(number, $0, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode) }
    return FileDescriptor(owning: opened)
  }

  /// Opens a folder in this one.
  ///
  /// - Throws: `SystemError`, for a link with the code ENOTDIR or ELOOP.
  public func folder(_ name: EntryName) throws(SystemError) -> Folder {
    Folder(owning: try open(name, flags: O_RDONLY | O_DIRECTORY), path: path(of: name))
  }

  /// Opens a folder below this one by the names on the way to it, in one call of the system, in which no link is followed.
  ///
  /// - Returns: nil where that cannot be done at once, whatever the reason: going from one to the next tells it.
  public func folder(below names: some Collection<EntryName>) -> Folder? {
    guard !names.isEmpty, names.allSatisfy(\.isOnePart) else { return nil }
    let way = EntryName(bytes: names.map(\.bytes).joined(separator: "/".utf8))
    let opened = way.withCString { coffer_open_folder_below(number, $0) }
    return opened < 0 ? nil : Folder(owning: FileDescriptor(owning: opened), path: path(of: way))
  }

  /// The facts of what has the name; of a link itself, not of what it leads to.
  ///
  /// - Throws: `SystemError`, with ENOENT when there is nothing.
  public func status(of name: EntryName) throws(SystemError) -> stat {
    var facts = stat()
    try call("fstatat", name) { fstatat(number, $0, &facts, AT_SYMLINK_NOFOLLOW) }
    return facts
  }

  /// Whether anything has the name, be it a link to nowhere.
  ///
  /// - Throws: `SystemError` where the system does not say so.
  public func holds(_ name: EntryName) throws(SystemError) -> Bool {
    do throws(SystemError) {
      _ = try status(of: name)
      return true
    } catch {
      guard error.code == ENOENT else { throw error }
      return false
    }
  }

  /// A link's own facts and where it leads, as it is written; both of the same link.
  ///
  /// - Throws: `SystemError`, for what is no link with the code EINVAL.
  public func link(_ name: EntryName) throws(SystemError) -> (facts: stat, target: [UInt8]) {
    let link = try open(name, flags: coffer_open_path)
    let facts = try link.status(subject: path(of: name))
    guard facts.st_mode & S_IFMT == S_IFLNK else {
      throw SystemError(call: "readlink", subject: path(of: name), code: EINVAL)
    }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlinkat(link.number, "", &buffer, buffer.count)
    guard count >= 0 else { throw SystemError(call: "readlink", subject: path(of: name)) }
    return (facts, buffer[..<count].map { UInt8(bitPattern: $0) })
  }

  /// The folder that this one is in now, wherever it was opened.
  ///
  /// - Throws: `SystemError`.
  public func parent() throws(SystemError) -> Folder {
    let opened = openat(number, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard opened >= 0 else { throw SystemError(call: "open", subject: "\(path)/..") }
    let above = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[..<$0]) } ?? path
    return Folder(owning: FileDescriptor(owning: opened), path: above.isEmpty ? "/" : above)
  }

  /// The names in the folder, in the order of their bytes.
  ///
  /// - Throws: `SystemError`.
  public func names() throws(SystemError) -> [EntryName] {
    // A description of its own, so that two readers do not move each other's place.
    let own = openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard own >= 0, let stream = fdopendir(own) else {
      let error = SystemError(call: "opendir", subject: path)
      if own >= 0 { close(own) }
      throw error
    }
    defer { closedir(stream) }
    var names: [EntryName] = []
    errno = 0
    while let entry = readdir(stream) {
      let name = EntryName(bytes: withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) })
      if name.isOnePart { names.append(name) }
      errno = 0
    }
    guard errno == 0 else { throw SystemError(call: "readdir", subject: path) }
    // A folder that was removed since it was opened reads as an empty one.
    if names.isEmpty, try status().st_nlink == 0 { throw SystemError(call: "readdir", subject: path, code: ENOENT) }
    return names.sorted()
  }

  // MARK: - Changing

  /// Makes a folder that must not be there yet.
  ///
  /// - Parameter mode: What the folder gets, whatever the umask; nil for its owner only, as far as the file system knows modes.
  /// - Throws: `SystemError`.
  @discardableResult
  public func makeFolder(_ name: EntryName, mode: mode_t? = 0o700) throws(SystemError) -> Folder {
    try call("mkdir", name) { mkdirat(number, $0, mode ?? 0o700) }
    let folder = try folder(name)
    guard let mode else { return folder }
    guard fchmod(folder.number, mode) == 0 else { throw SystemError(call: "chmod", subject: folder.path) }
    return folder
  }

  /// Opens a folder, or makes it.
  ///
  /// - Parameter mode: As that of `makeFolder`.
  /// - Throws: `SystemError`.
  public func folder(_ name: EntryName, makingWith mode: mode_t?) throws(SystemError) -> Folder {
    do throws(SystemError) {
      return try makeFolder(name, mode: mode)
    } catch {
      guard error.code == EEXIST else { throw error }
      return try folder(name)
    }
  }

  /// Makes a FIFO that must not be there yet.
  ///
  /// - Throws: `SystemError`.
  public func makeFIFO(_ name: EntryName, mode: mode_t = 0o600) throws(SystemError) {
    try call("mkfifo", name) { mkfifoat(number, $0, mode) }
  }

  /// Makes a symbolic link that must not be there yet.
  ///
  /// - Throws: `SystemError`.
  public func makeLink(_ name: EntryName, to target: [UInt8]) throws(SystemError) {
    let target = target.map { CChar(bitPattern: $0) } + [0]
    try call("symlink", name) { symlinkat(target, number, $0) }
  }

  /// Gives what has one name another, in this folder or in a second; what had that name before is gone.
  ///
  /// - Throws: `SystemError`.
  public func rename(_ name: EntryName, to other: EntryName, in folder: Folder? = nil) throws(SystemError) {
    let goal = folder ?? self
    guard other.isOnePart else { throw SystemError(call: "rename", subject: goal.path(of: other), code: EINVAL) }
    try call("rename", name) { old in other.withCString { renameat(number, old, goal.number, $0) } }
  }

  /// Removes a file, a link or a FIFO.
  ///
  /// - Throws: `SystemError`.
  public func remove(_ name: EntryName) throws(SystemError) {
    try call("unlink", name) { unlinkat(number, $0, 0) }
  }

  /// Removes a folder with nothing in it.
  ///
  /// - Throws: `SystemError`, also when there is something.
  public func removeEmptyFolder(_ name: EntryName) throws(SystemError) {
    try call("rmdir", name) { unlinkat(number, $0, AT_REMOVEDIR) }
  }

  /// Removes what has the name with everything in it; links are removed, never followed. Nothing there is no error.
  ///
  /// - Throws: `SystemError` of the first that cannot be removed; what can be is.
  public func removeTree(_ name: EntryName) throws(SystemError) {
    let facts: stat
    do throws(SystemError) {
      facts = try status(of: name)
    } catch {
      guard error.code == ENOENT else { throw error }
      return
    }
    guard facts.st_mode & S_IFMT == S_IFDIR else { return try remove(name) }
    let folder = try folder(name)
    var first: SystemError?
    for inner in try folder.names() {
      do throws(SystemError) { try folder.removeTree(inner) } catch { first = first ?? error }
    }
    if let first { throw first }
    try removeEmptyFolder(name)
  }

  /// Waits until the folder's names are on the disk.
  ///
  /// - Throws: `SystemError`.
  public func synchronize() throws(SystemError) {
    guard fsync(number) == 0 else { throw SystemError(call: "fsync", subject: path) }
  }

  /// Waits until everything that was written to the folder's file system is on the disk.
  ///
  /// - Throws: `SystemError`; Linux tells from 5.8 on what could not be written.
  public func synchronizeFileSystem() throws(SystemError) {
    guard syncfs(number) == 0 else { throw SystemError(call: "syncfs", subject: path) }
  }

  // MARK: - Calls

  /// Makes a system call about a name, again when it was interrupted.
  @discardableResult
  func call(
    _ title: String, _ name: EntryName, _ body: (UnsafePointer<CChar>) -> Int32
  ) throws(SystemError) -> Int32 {
    guard name.isOnePart else { throw SystemError(call: title, subject: path(of: name), code: EINVAL) }
    while true {
      let result = name.withCString(body)
      if result >= 0 { return result }
      guard errno == EINTR else { throw SystemError(call: title, subject: path(of: name)) }
    }
  }
}
