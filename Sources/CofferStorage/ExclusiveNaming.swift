import CofferSystem
import Foundation

/// Gives a finished temporary file its final name, unless the name is taken: by a hard link, by a rename that replaces
/// nothing, or, where the file system has neither, by a rename over an empty file of that name which nobody else made.
struct ExclusiveNaming {
  /// How names are given, from what every file system for Linux can to what any can.
  enum Means: Sendable {
    case link, rename, reservation
  }

  let calls: FileCalls

  /// An empty file that has been in a name's place for longer is what a killed program has left.
  private static let reservationSeconds = 60

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
    if let facts = try? folder.status(of: final), facts.st_size == 0, facts.st_mode & S_IFMT == S_IFREG,
      time(nil) - facts.st_mtim.tv_sec > Self.reservationSeconds
    {
      try folder.remove(final)
    }
    try folder.open(final, flags: O_WRONLY | O_CREAT | O_EXCL).close(subject: folder.path(of: final))
    do throws(SystemError) { try folder.rename(temporary, to: final) } catch {
      _ = try? folder.remove(final)
      throw error
    }
  }
}
