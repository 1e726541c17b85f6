import Glibc

/// A file of a name that nobody knew before, until it is whole and gets its own; it is removed when it never does.
public final class TemporaryFile {
  public let name: EntryName
  /// Open for reading and writing.
  public let file: FileDescriptor
  private let folder: Folder
  private var isPublished = false

  /// Makes an empty file.
  ///
  /// - Parameters:
  ///   - name: The file's own name, which the temporary one begins with.
  ///   - mode: What the file gets, whatever the umask; nil for its owner only, as far as the file system knows modes.
  /// - Throws: `SystemError`.
  public init(in folder: Folder, for name: EntryName, mode: mode_t? = 0o600) throws(SystemError) {
    self.folder = folder
    self.name = Folder.temporaryName(for: name)
    // Nobody may write or read it before it has its mode.
    file = try folder.open(self.name, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    guard let mode else { return }
    guard fchmod(file.number, mode) == 0 else {
      throw SystemError(call: "chmod", subject: folder.path(of: self.name))
    }
  }

  deinit {
    if !isPublished { try? folder.remove(name) }
  }

  /// Gives the file its own name; what had that name before, a link for example, is replaced.
  ///
  /// - Parameter other: A second folder, if the file is to end there.
  /// - Throws: `SystemError`.
  public func publish(as name: EntryName, in other: Folder? = nil) throws(SystemError) {
    // Some file systems tell only at a close that they could not write; the close of any descriptor does.
    let copy = fcntl(file.number, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0, close(copy) == 0 else { throw SystemError(call: "close", subject: folder.path(of: name)) }
    try folder.rename(self.name, to: name, in: other)
    isPublished = true
  }
}
