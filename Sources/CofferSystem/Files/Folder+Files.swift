import CSystem
import Glibc

extension Folder {
  /// A name that nobody knew before; it begins with a dot and the given name, as far as that fits.
  public static func temporaryName(for name: EntryName) -> EntryName {
    let random = String(UInt64.random(in: 0 ... .max), radix: 16)
    // The longest name that file systems take has 255 bytes.
    return EntryName(bytes: Array(".".utf8) + name.bytes.prefix(230) + Array(".\(random)".utf8))
  }

  /// Whether `temporaryName` may have made a name for another. Of the few that say nothing but decimal digits behind it, as dates do,
  /// it says no.
  public static func isTemporaryName(_ candidate: EntryName, for name: EntryName) -> Bool {
    let beginning = Array(".".utf8) + name.bytes.prefix(230) + Array(".".utf8)
    let random = candidate.bytes.dropFirst(beginning.count)
    let letters = UInt8(ascii: "a")...UInt8(ascii: "f")
    return candidate.bytes.starts(with: beginning) && (13...16).contains(random.count)
      && random.allSatisfy { letters.contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      && random.contains(where: letters.contains)
  }

  /// Writes a file under another name and gives it its own when it is whole: a reader finds the old file or the new one,
  /// never a part. A file, a link or a FIFO that had the name before is replaced, not written to; a device, or a link to what is no file
  /// (`/dev/null`, `/dev/stdout`), stays as it is.
  ///
  /// - Parameters:
  ///   - mode: What the file gets, whatever the umask.
  ///   - isLasting: Whether it is on the disk when this returns.
  ///   - body: Writes the content.
  /// - Throws: `UntrustedPlace` for what is not to be replaced; `SystemError`; what `body` throws.
  public func replace(
    _ name: EntryName, mode: mode_t = 0o600, isLasting: Bool = false, _ body: (borrowing FileDescriptor) throws -> Void
  ) throws {
    try checkReplaceable(name)
    let temporary = try TemporaryFile(in: self, for: name, mode: mode)
    try body(temporary.file)
    if isLasting, fsync(temporary.file.number) != 0 { throw SystemError(call: "fsync", subject: path(of: name)) }
    try temporary.publish(as: name)
    if isLasting { try synchronize() }
  }

  private func checkReplaceable(_ name: EntryName) throws {
    // A FIFO or a socket of somebody else is replaced, and so is a link that leads nowhere.
    var (own, facts) = (stat(), stat())
    guard name.withCString({ fstatat(number, $0, &own, AT_SYMLINK_NOFOLLOW) }) == 0,
      own.st_mode & S_IFMT != S_IFIFO, own.st_mode & S_IFMT != S_IFSOCK,
      name.withCString({ fstatat(number, $0, &facts, 0) }) == 0, facts.st_mode & S_IFMT != S_IFREG
    else { return }
    throw UntrustedPlace(
      path: path(of: name), problem: "This is \(Self.kind(facts)), not a file that can be replaced",
      suggestion: "Name another file, one that is plain or not there yet")
  }

  /// The same with the whole content at once.
  ///
  /// - Throws: `UntrustedPlace`; `SystemError`.
  public func replace(_ name: EntryName, with bytes: [UInt8], mode: mode_t = 0o600, isLasting: Bool = false) throws {
    try replace(name, mode: mode, isLasting: isLasting) { file in
      try bytes.withUnsafeBytes { try file.writeAll($0, subject: path(of: name)) }
    }
  }

  /// Opens a file to add to its end, or makes it.
  ///
  /// - Parameter mode: Of a new file, whatever the umask.
  /// - Throws: `UntrustedPlace` for what is no plain file, or has a second name; `SystemError`.
  public func append(_ name: EntryName, mode: mode_t = 0o600) throws -> FileDescriptor {
    do throws(SystemError) {
      let file = try open(name, flags: O_WRONLY | O_APPEND | O_CREAT | O_EXCL, mode: mode)
      guard fchmod(file.number, mode) == 0 else { throw SystemError(call: "chmod", subject: path(of: name)) }
      return file
    } catch {
      guard error.code == EEXIST else { throw error }
    }
    try checkPlain(try status(of: name), name)
    let file = try open(name, flags: O_WRONLY | O_APPEND)
    try checkPlain(try file.status(subject: path(of: name)), name)
    return file
  }

  private func checkPlain(_ facts: stat, _ name: EntryName) throws {
    guard facts.st_mode & S_IFMT == S_IFREG else {
      throw UntrustedPlace(
        path: path(of: name), problem: "This is \(Self.kind(facts)), not a file that can be added to",
        suggestion: "Name another file, one that is plain or not there yet")
    }
    guard facts.st_nlink == 1 else {
      throw UntrustedPlace(
        path: path(of: name), problem: "The file has another name elsewhere, so it may be somebody else's",
        suggestion: "Name another file, one that is plain or not there yet")
    }
  }

  private static func kind(_ facts: stat) -> String {
    switch facts.st_mode & S_IFMT {
    case S_IFLNK: "a link"
    case S_IFDIR: "a folder"
    case S_IFIFO: "a FIFO"
    case S_IFSOCK: "a socket"
    default: "a device"
    }
  }

  /// Reads a whole file.
  ///
  /// - Parameter limit: In bytes; a larger file is an error, EFBIG.
  /// - Throws: `SystemError`, with ENOENT when there is none and ESTALE for what is no plain file.
  public func read(_ name: EntryName, limit: Int) throws(SystemError) -> [UInt8] {
    let subject = path(of: name)
    let file = try open(name, flags: O_RDONLY)
    guard try file.status(subject: subject).st_mode & S_IFMT == S_IFREG else {
      throw SystemError(call: "read", subject: subject, code: ESTALE)
    }
    return try file.readAll(limit: limit, subject: subject)
  }

  /// A lock on the folder, held until the value is gone. Only for runs that make way for each other: whoever may read a
  /// folder can lock it.
  ///
  /// - Parameter patience: Seconds; afterwards there is no lock.
  /// - Returns: nil when another holds it.
  /// - Throws: `SystemError`.
  public func lock(patience: Double, clock: Clock = .system) throws(SystemError) -> Folder? {
    let own = openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard own >= 0 else { throw SystemError(call: "open", subject: path) }
    let lock = Folder(owning: FileDescriptor(owning: own), path: path)
    let end = clock.steadySeconds() + patience
    while flock(own, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK || errno == EINTR else { throw SystemError(call: "flock", subject: path) }
      guard clock.steadySeconds() < end else { return nil }
      usleep(20_000)
    }
    return lock
  }
}
