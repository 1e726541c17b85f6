import CofferSystem
import Glibc

/// What of a file changes when somebody writes to it, or puts another in its place.
struct FileFacts: Equatable {
  let device: dev_t
  let inode: ino_t
  let size: off_t
  /// Seconds and nanoseconds.
  let modified: [Int]
  let changed: [Int]

  /// - Returns: nil for a file that is not there.
  /// - Throws: `SystemError`.
  init?(_ name: String, _ folder: Int32) throws(SystemError) {
    var facts = stat()
    guard fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 else {
      guard errno == ENOENT else { throw SystemError(call: "stat", subject: name) }
      return nil
    }
    (device, inode, size) = (facts.st_dev, facts.st_ino, facts.st_size)
    modified = [facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec]
    changed = [facts.st_ctim.tv_sec, facts.st_ctim.tv_nsec]
  }
}
