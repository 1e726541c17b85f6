import CofferSystem
import Glibc

/// Gives a finished temporary file its final name, unless the name is taken: by a hard link, by a rename that replaces
/// nothing, or, where the file system has neither, by a reservation and a rename over it.
///
/// A reservation is an empty file under the final name that nobody else could make while it was there. No object is empty, so
/// everybody tells one from an object: it is not listed, and nothing is read from it. Only its maker takes it away, by
/// renaming the object over it or, when that fails, by removing it. Nobody else may: between the look at a
/// reservation and its removal it may have become another's, and then two would believe that they had the name. What a
/// killed program leaves takes a name from everybody for good, and a person can remove it.
struct ExclusiveNaming {
  /// How names are given, from what every file system for Linux can to what any can.
  enum Means: Sendable {
    case link, rename, reservation
  }

  let calls: FileCalls

  /// Names the file; the temporary name is gone afterwards.
  ///
  /// - Parameter means: The first to be tried; what works at last is left in it.
  /// - Throws: `SystemError` with `EEXIST` when the name is taken.
  func name(_ temporary: EntryName, _ final: EntryName, in folder: Folder, by means: inout Means) throws(SystemError) {
    while true {
      let code: Int32
      switch means {
      case .link:
        code = calls.link(folder.number, temporary.description, final.description) == 0 ? 0 : errno
        // A second name that stays (in a folder where nothing may be removed) does no harm.
        if code == 0 { _ = try? folder.remove(temporary) }
      case .rename:
        code = calls.renameToFree(folder.number, temporary.description, final.description) == 0 ? 0 : errno
      case .reservation: return try reserve(temporary, final, in: folder)
      }
      guard code != 0 else { return }
      guard Self.isRefusal(code) else {
        throw SystemError(call: means == .link ? "link" : "rename", subject: folder.path(of: final), code: code)
      }
      means = means == .link ? .rename : .reservation
    }
  }

  /// Whether a call failed because the file system does not have it.
  private static func isRefusal(_ code: Int32) -> Bool {
    [EPERM, EOPNOTSUPP, ENOSYS, EINVAL, EMLINK].contains(code)
  }

  private func reserve(_ temporary: EntryName, _ final: EntryName, in folder: Folder) throws(SystemError) {
    try folder.open(final, flags: O_WRONLY | O_CREAT | O_EXCL).close(subject: folder.path(of: final))
    guard calls.rename(folder.number, temporary.description, final.description) == 0 else {
      let error = SystemError(call: "rename", subject: folder.path(of: final))
      _ = try? folder.remove(final)
      throw error
    }
  }
}
