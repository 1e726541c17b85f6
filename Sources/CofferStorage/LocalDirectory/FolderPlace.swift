import CofferSystem
import FoundationEssentials
import Glibc

/// How the folder is reached that a local store is in.
struct FolderPlace: Sendable {
  /// Opens it.
  ///
  /// - Throws: `SystemError`, with ENOENT or ENOTDIR when it is not there.
  let open: @Sendable () throws(SystemError) -> Folder
  /// Makes it.
  ///
  /// - Returns: The folder that it is in now; nil when it was there.
  /// - Throws: `SystemError`.
  let make: @Sendable () throws(SystemError) -> Folder?

  /// What a path leads to, links on the way included.
  static func at(_ path: String) -> FolderPlace {
    FolderPlace(
      open: { () throws(SystemError) in try Folder(opening: path) },
      make: { () throws(SystemError) in
        guard mkdir(path, 0o700) == 0 else {
          if errno == EEXIST { return nil }
          throw SystemError(call: "mkdir", subject: path)
        }
        let parent = UserPath.parent(of: path)
        return try Folder(opening: parent.isEmpty ? "/" : parent)
      })
  }
}
