import CofferSystem
import Glibc

/// A regular file's bytes.
final class FileSource: ByteSource {
  /// What the file was when it was opened.
  let facts: stat
  private let file: FileDescriptor
  private let path: String

  /// - Parameter path: For messages.
  /// - Throws: `SystemError`; one that `isVanishing` when the name is not a regular file's any more.
  init(_ name: EntryName, in folder: Folder, path: String) throws(SystemError) {
    file = try folder.open(name, flags: O_RDONLY)
    self.path = path
    facts = try file.status(subject: path)
    guard facts.st_mode & S_IFMT == S_IFREG else { throw SystemError(call: "open", subject: path, code: ESTALE) }
  }

  /// Whether the file was written to since it was opened.
  var hasChanged: Bool {
    guard let now = try? file.status(subject: path) else { return true }
    return now.st_size != facts.st_size || now.st_mtim.tv_sec != facts.st_mtim.tv_sec
      || now.st_mtim.tv_nsec != facts.st_mtim.tv_nsec
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try file.read(into: buffer, subject: path)
  }
}
