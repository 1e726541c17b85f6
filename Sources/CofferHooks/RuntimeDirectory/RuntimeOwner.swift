import CofferSystem
import Glibc

/// Marks a run's folder as in use, and tells whether another run's folder still is.
///
/// The mark is a file with the owner's process, its start time and the boot it belongs to, locked as long as the owner
/// lives. Either alone could err: a process number says nothing across containers that share a folder, and a lock says
/// nothing on file systems without locks. A folder is abandoned only when both say so.
struct RuntimeOwner: ~Copyable {
  private let lock: FileDescriptor

  static let fileName: EntryName = "owner"
  private static let sizeLimit = 256

  private init(lock: consuming FileDescriptor) {
    self.lock = lock
  }

  /// Marks a folder that was just made, until the value is gone.
  ///
  /// - Throws: `SystemError`.
  static func mark(_ folder: Folder) throws -> RuntimeOwner {
    let lock = try folder.open(fileName, flags: O_RDWR | O_CREAT | O_EXCL)
    // Locked before it says anything: what says nothing is never taken for abandoned.
    _ = flock(lock.number, LOCK_EX | LOCK_NB)
    let process = getpid()
    let text = Array("\(process) \(ProcessIdentity.startTime(of: process) ?? "?") \(boot)\n".utf8)
    try text.withUnsafeBytes { try lock.writeAll($0, subject: folder.path(of: fileName)) }
    return RuntimeOwner(lock: lock)
  }

  /// Whether a folder is this user's, and a run has marked it as its own.
  static func marks(_ folder: Folder) -> Bool {
    guard isPrivate(folder), let file = try? folder.open(fileName, flags: O_RDONLY) else { return false }
    return fields(file) != nil
  }

  /// Whether the run that made a folder is gone. When in doubt it is not.
  static func hasAbandoned(_ folder: Folder) -> Bool {
    guard isPrivate(folder), let file = try? folder.open(fileName, flags: O_RDONLY),
      flock(file.number, LOCK_EX | LOCK_NB) == 0, let fields = fields(file), let process = pid_t(fields[0])
    else { return false }
    guard fields[2].isSame(as: boot) else { return true }
    return ProcessIdentity.startTime(of: process).map { !$0.isSame(as: fields[1]) } ?? true
  }

  private static func isPrivate(_ folder: Folder) -> Bool {
    guard let facts = try? folder.status() else { return false }
    // Others may go through the folder of a drill, but neither see nor change what is in it.
    return facts.st_uid == geteuid() && facts.st_mode & 0o066 == 0
  }

  /// - Returns: The process, its start time and the boot; nil for a file that says something else, or is somebody else's.
  private static func fields(_ file: borrowing FileDescriptor) -> [String]? {
    guard let facts = try? file.status(subject: "owner"), facts.st_mode & S_IFMT == S_IFREG, facts.st_uid == geteuid(),
      let bytes = try? file.readAll(limit: sizeLimit, subject: "owner")
    else { return nil }
    let fields = String(decoding: bytes, as: UTF8.self).words
    return fields.count == 3 && pid_t(fields[0]) != nil ? fields : nil
  }

  private static var boot: String { ProcessIdentity.boot ?? "?" }
}
