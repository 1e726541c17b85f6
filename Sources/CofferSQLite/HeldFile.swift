import CSQLite
import CofferSystem

/// A file on which SQLite's lock for reading is held, so that no program which heeds these locks writes to it.
///
/// One that does not - a copy over it, for example - leaves pages of two databases in what is read, each of which fits the others.
/// Where a write-ahead log is used, the lock does not keep the file as it is.
struct HeldFile {
  private let folder: Int32
  private let name: String
  private let before: FileFacts?

  /// - Throws: `SystemError`.
  init(_ folder: Int32, _ name: String) throws(SystemError) {
    self.folder = folder
    self.name = name
    before = try FileFacts(name, folder)
  }

  /// To be called while the lock is held still. A file that has another in its place, or no name any more, was not written to by that.
  ///
  /// - Throws: `SQLiteFailure` when it was written to; `SystemError`.
  func checkUnchanged() throws {
    guard let before, let now = try FileFacts(name, folder),
      now.device == before.device, now.inode == before.inode
    else { return }
    guard now.size == before.size, now.modified == before.modified else {
      throw SQLiteFailure(code: SQLITE_ERROR, "the file changed while it was read, although SQLite's lock was held")
    }
  }
}
