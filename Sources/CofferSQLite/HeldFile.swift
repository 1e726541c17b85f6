import CSQLite
import CofferSystem
import Glibc

/// A file on which SQLite's lock for reading is held, so that no program which heeds these locks writes to it.
///
/// One that does not - a copy over it, for example - leaves pages of two databases in what is read, each of which fits the others.
/// Where a write-ahead log is used, the lock does not keep the file as it is.
struct HeldFile {
  private let folder: Int32
  private let name: String
  private let before: stat

  /// - Throws: `SystemError`.
  init(_ folder: Int32, _ name: String) throws(SystemError) {
    self.folder = folder
    self.name = name
    before = try Self.facts(name, folder)
  }

  private static func facts(_ name: String, _ folder: Int32) throws(SystemError) -> stat {
    var facts = stat()
    guard fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 else {
      throw SystemError(call: "stat", subject: name)
    }
    return facts
  }

  /// To be called while the lock is held still. A file that has another in its place, or no name any more, was not written to by that.
  ///
  /// - Throws: `SQLiteFailure` when it was written to; `SystemError`.
  func checkUnchanged() throws {
    let now: stat
    do throws(SystemError) {
      now = try Self.facts(name, folder)
    } catch {
      guard error.code == ENOENT else { throw error }
      return
    }
    guard now.st_dev == before.st_dev, now.st_ino == before.st_ino else { return }
    guard now.st_size == before.st_size, now.st_mtim.tv_sec == before.st_mtim.tv_sec,
      now.st_mtim.tv_nsec == before.st_mtim.tv_nsec
    else {
      throw SQLiteFailure(code: SQLITE_ERROR, "the file changed while it was read, although SQLite's lock was held")
    }
  }
}
