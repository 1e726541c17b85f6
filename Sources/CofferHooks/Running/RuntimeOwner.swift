import CofferSystem
import Foundation

/// Marks a run's folder as in use, and tells whether another run's folder still is.
///
/// The mark is a file with the owner's process, its start time and the boot it belongs to, locked as long as the owner
/// lives. Either alone could err: a process number says nothing across containers that share a folder, and a lock says
/// nothing on file systems without locks. A folder is abandoned only when both say so.
struct RuntimeOwner: ~Copyable {
  private let lock: FileDescriptor

  private static let fileName = "owner"

  private init(lock: consuming FileDescriptor) {
    self.lock = lock
  }

  /// Marks a folder that was just made, until the value is gone.
  ///
  /// - Throws: `SystemError`.
  static func mark(_ folder: String) throws -> RuntimeOwner {
    let path = "\(folder)/\(fileName)"
    let lock = try FileDescriptor(opening: path, flags: O_RDWR | O_CREAT | O_EXCL)
    // Locked before it says anything: what says nothing is never taken for abandoned.
    _ = flock(lock.number, LOCK_EX | LOCK_NB)
    let process = getpid()
    let text = "\(process) \(startTime(of: process) ?? "?") \(boot)\n"
    try Array(text.utf8).withUnsafeBytes { try lock.writeAll($0, subject: path) }
    return RuntimeOwner(lock: lock)
  }

  /// Whether a folder has such a mark.
  static func marks(_ folder: String) -> Bool {
    access("\(folder)/\(fileName)", F_OK) == 0
  }

  /// Whether the run that made a folder is gone. When in doubt it is not.
  static func hasAbandoned(_ folder: String) -> Bool {
    var facts = stat()
    guard lstat(folder, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR, facts.st_uid == geteuid(),
      facts.st_mode & 0o077 == 0
    else { return false }
    let path = "\(folder)/\(fileName)"
    guard let file = try? FileDescriptor(opening: path, flags: O_RDONLY | O_NOFOLLOW),
      flock(file.number, LOCK_EX | LOCK_NB) == 0
    else { return false }
    var bytes = [UInt8](repeating: 0, count: 256)
    guard let count = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0, subject: path) }) else {
      return false
    }
    let fields = String(decoding: bytes[..<count], as: UTF8.self).split(whereSeparator: \.isWhitespace)
    guard fields.count == 3, let process = pid_t(fields[0]) else { return false }
    guard fields[2] == boot else { return true }
    return startTime(of: process).map { $0 != fields[1] } ?? true
  }

  /// When a process was started, in clock ticks since the boot (proc(5), field 22); nil when there is no such process.
  private static func startTime(of process: pid_t) -> String? {
    guard let data = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return nil }
    // The program's name, in parentheses, may hold anything; what follows it begins with field 3.
    let rest = String(decoding: data, as: UTF8.self).split(separator: ")", omittingEmptySubsequences: false).last
    let fields = rest?.split(separator: " ") ?? []
    return fields.count > 19 ? String(fields[19]) : nil
  }

  private static var boot: String {
    let data = FileManager.default.contents(atPath: "/proc/sys/kernel/random/boot_id")
    return data.map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) } ?? "?"
  }
}
