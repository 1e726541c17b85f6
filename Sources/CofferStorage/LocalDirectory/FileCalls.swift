import CSystem
import Glibc

/// The calls whose failure loses data if it goes unnoticed, and those that not every file system has, so that tests can
/// make them fail.
public struct FileCalls: Sendable {
  /// As `write(2)`.
  public var write: @Sendable (Int32, UnsafeRawPointer?, Int) -> Int
  /// As `fsync(2)`; called on files and on folders.
  public var sync: @Sendable (Int32) -> Int32
  /// As `linkat(2)` within one folder.
  public var link: @Sendable (Int32, String, String) -> Int32
  /// As `renameat2(2)` within one folder with `RENAME_NOREPLACE`.
  public var renameToFree: @Sendable (Int32, String, String) -> Int32
  /// As `renameat(2)` within one folder.
  public var rename: @Sendable (Int32, String, String) -> Int32

  public init(
    write: @escaping @Sendable (Int32, UnsafeRawPointer?, Int) -> Int = { Glibc.write($0, $1, $2) },
    sync: @escaping @Sendable (Int32) -> Int32 = { Glibc.fsync($0) },
    link: @escaping @Sendable (Int32, String, String) -> Int32 = { linkat($0, $1, $0, $2, 0) },
    renameToFree: @escaping @Sendable (Int32, String, String) -> Int32 = {
      // RENAME_NOREPLACE of linux/fs.h.
      renameat2($0, $1, $0, $2, 1)
    },
    rename: @escaping @Sendable (Int32, String, String) -> Int32 = { renameat($0, $1, $0, $2) }
  ) {
    self.write = write
    self.sync = sync
    self.link = link
    self.renameToFree = renameToFree
    self.rename = rename
  }

  public static let system = FileCalls()
}
