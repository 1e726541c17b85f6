import CofferSystem
import FoundationEssentials
import Glibc

/// How configuration files are read, passed in so that tests need no disk.
public struct FileReader: Sendable {
  /// A file's content, with who else can get at it.
  public struct File: Sendable {
    public let bytes: [UInt8]
    /// Set when another user can change what the file says: whoever obeys it obeys him.
    public let danger: UntrustedPlace?
    /// Whether users can read it who are neither its owner nor root.
    public let isExposed: Bool

    public init(_ bytes: [UInt8], danger: UntrustedPlace? = nil, isExposed: Bool = false) {
      self.bytes = bytes
      self.danger = danger
      self.isExposed = isExposed
    }

    init(reading file: borrowing FileDescriptor, at path: String, _ facts: stat) throws(SystemError) {
      guard facts.st_mode & S_IFMT != S_IFDIR else { throw SystemError(call: "read", subject: path, code: EISDIR) }
      self.init(
        try file.readAll(limit: FileReader.sizeLimit, subject: path),
        danger: UntrustedPlace(changeable: path, facts, file.number), isExposed: Self.isExposed(facts))
    }

    /// Root's group, and this user's own, have no other members than those who are meant.
    private static func isExposed(_ facts: stat) -> Bool {
      guard facts.st_mode & S_IFMT == S_IFREG else { return false }
      let isGroupOthers = facts.st_gid != 0 && facts.st_gid != getegid()
      return facts.st_mode & 0o004 != 0 || facts.st_mode & 0o040 != 0 && isGroupOthers
    }
  }

  /// Returns a file.
  public let open: @Sendable (String) throws(SystemError) -> File
  /// Returns a file that another one includes; nil for what is no file: a FIFO, a socket, a device.
  let included: @Sendable (String) throws(SystemError) -> File?
  /// Returns the names in a folder; nil when the path is no folder.
  public let entries: @Sendable (String) -> [String]?

  /// - Parameter read: Returns the bytes of a file that is nobody else's.
  public init(
    read: @escaping @Sendable (String) throws(SystemError) -> [UInt8],
    entries: @escaping @Sendable (String) -> [String]?
  ) {
    self.init(open: { (path) throws(SystemError) in File(try read(path)) }, entries: entries)
  }

  public init(
    open: @escaping @Sendable (String) throws(SystemError) -> File,
    entries: @escaping @Sendable (String) -> [String]?
  ) {
    self.init(open: open, included: open, entries: entries)
  }

  private init(
    open: @escaping @Sendable (String) throws(SystemError) -> File,
    included: @escaping @Sendable (String) throws(SystemError) -> File?,
    entries: @escaping @Sendable (String) -> [String]?
  ) {
    self.open = open
    self.included = included
    self.entries = entries
  }

  /// Returns a file's bytes, whoever else can get at it.
  public func read(_ path: String) throws(SystemError) -> [UInt8] { try open(path).bytes }

  /// Configuration files are small; a larger one is a mistake.
  fileprivate static let sizeLimit = 4 << 20

  /// Seconds that the first byte of a FIFO is waited for: who writes it may have to ask somebody.
  static let patience = 60

  /// Opens a file to read it. A FIFO would wait for a writer without an end.
  ///
  /// - Throws: `SystemError`, ETIMEDOUT for a FIFO that nobody writes to.
  static func opened(_ path: String, patience: Int = FileReader.patience) throws(SystemError) -> FileDescriptor {
    var facts = stat()
    // The pipes that a shell hands over under such a name (`<(program)`) have their writer already, who may take his time.
    guard stat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFIFO, !path.begins(with: "/dev/"),
      !path.begins(with: "/proc/")
    else { return try FileDescriptor(opening: path, flags: O_RDONLY) }
    let file = try FileDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK)
    var watched = pollfd(fd: file.number, events: Int16(POLLIN), revents: 0)
    while true {
      let count = poll(&watched, 1, Int32(patience * 1000))
      if count > 0 { break }
      guard count < 0, errno == EINTR else {
        throw SystemError(call: "open", subject: path, code: count == 0 ? ETIMEDOUT : errno)
      }
    }
    guard fcntl(file.number, F_SETFL, 0) == 0 else { throw SystemError(call: "fcntl", subject: path) }
    return file
  }

  /// - Returns: Of what a path leads to, links followed: the bits of its mode that say what it is.
  private static func kind(of path: String) throws(SystemError) -> mode_t {
    var facts = stat()
    guard stat(path, &facts) == 0 else { throw SystemError(call: "open", subject: path) }
    return facts.st_mode & S_IFMT
  }

  public static let system = FileReader(
    open: { (path) throws(SystemError) in
      let file = try opened(path)
      return try File(reading: file, at: path, try file.status(subject: path))
    },
    included: { (path) throws(SystemError) in
      // Nothing that is no file is opened, and what comes in its place meanwhile is not waited for.
      let kind = try kind(of: path)
      guard kind == S_IFREG || kind == S_IFDIR else { return nil }
      let file = try FileDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK)
      let facts = try file.status(subject: path)
      guard facts.st_mode & S_IFMT == S_IFREG || facts.st_mode & S_IFMT == S_IFDIR else { return nil }
      return try File(reading: file, at: path, facts)
    },
    entries: { path in try? FileManager.default.contentsOfDirectory(atPath: path) })
}

extension UntrustedPlace {
  /// - Parameter descriptor: The file, open.
  /// - Returns: nil for a file that only its owner can change, who is this user or root.
  init?(changeable path: String, _ facts: stat, _ descriptor: Int32) {
    guard Folder.isOurs(facts) else {
      self.init(
        path: path, problem: "The file belongs to \(Folder.owner(facts)), who could change what it says",
        suggestion: "chown \(Quoting.shellWord(UserAccount.name)) \(Quoting.shellWord(path))")
      return
    }
    guard facts.st_mode & S_IFMT == S_IFREG, Folder.mayOthersWrite(facts, descriptor) else { return nil }
    self.init(
      path: path, problem: "Other users may write to the file, and could change what it says",
      suggestion: "chmod go-w \(Quoting.shellWord(path))")
  }
}
