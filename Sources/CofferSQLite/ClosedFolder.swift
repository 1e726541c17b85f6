import CSQLite
import CofferSystem
import Foundation

/// A database in a folder where this user can write nothing, on a read-only mount for example.
///
/// SQLite reads a write-ahead log only with a file beside it that it can write. Without a log, the file is all there is: it is
/// read as one that does not change, and looked at again at the end.
struct ClosedFolder {
  private let folder: Int32
  private let name: String
  private let before: stat

  /// - Returns: nil where something can be written, or where a log or a journal belongs to the database.
  /// - Throws: `SystemError`.
  init?(_ folder: Int32, _ name: String) throws {
    self.folder = folder
    self.name = name
    guard faccessat(folder, ".", W_OK, AT_EACCESS) != 0 else { return nil }
    before = try Self.facts(name, folder)
    guard try hasNothingBeside() else {
      throw SQLiteFailure(code: SQLITE_CANTOPEN, "its log cannot be read where nothing can be written")
    }
  }

  func open() throws(SQLiteFailure) -> SQLiteConnection {
    try SQLiteConnection(
      "file:\(Quoting.urlPart(name))?immutable=1", flags: SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, isDefensive: true)
  }

  /// - Throws: `SQLiteFailure` when the file is not what it was; `SystemError`.
  func checkUnchanged() throws {
    let after = try Self.facts(name, folder)
    let isSame =
      after.st_size == before.st_size && after.st_ino == before.st_ino && Self.isSame(after.st_mtim, before.st_mtim)
      && Self.isSame(after.st_ctim, before.st_ctim)
    guard try isSame && hasNothingBeside() else {
      throw SQLiteFailure(code: SQLITE_BUSY, "the file changed while it was read without a lock")
    }
  }

  private static func isSame(_ one: timespec, _ other: timespec) -> Bool {
    one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec
  }

  private func hasNothingBeside() throws -> Bool {
    for suffix in ["-wal", "-journal"] {
      var facts = stat()
      if fstatat(folder, name + suffix, &facts, AT_SYMLINK_NOFOLLOW) == 0 {
        if facts.st_size > 0 { return false }
      } else if errno != ENOENT {
        throw SystemError(call: "stat", subject: name + suffix)
      }
    }
    return true
  }

  private static func facts(_ name: String, _ folder: Int32) throws(SystemError) -> stat {
    var facts = stat()
    guard fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 else {
      throw SystemError(call: "stat", subject: name)
    }
    return facts
  }
}
