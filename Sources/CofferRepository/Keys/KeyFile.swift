import CofferSystem
import FoundationEssentials
import Glibc

/// The file that holds a wrapped key bundle of a `keyfile` repository.
struct KeyFile {
  let path: String
  private let folder: String

  /// The one that opens the repository on this machine, named after the repository's id.
  init(header: RepositoryHeader, folder: String) {
    self.folder = folder
    path = "\(folder)/\(header.id).key"
  }

  /// One that is to be carried to another machine.
  init(path: String) {
    self.path = path
    let parent = UserPath.parent(of: path)
    folder = parent.isEmpty ? "." : parent
  }

  private var name: EntryName { EntryName(UserPath.name(of: path)) }

  /// Writes the file, readable by its owner only, or finds that it is written.
  ///
  /// - Throws: `SystemError`, also when the file exists and is not what a program left that was killed while it wrote this.
  func settle(_ bytes: [UInt8]) throws {
    guard let existing = try readIfThere() else { return try write(bytes) }
    guard existing != bytes else { return }
    guard bytes.starts(with: existing) else { throw SystemError(call: "open", subject: path, code: EEXIST) }
    try replace(bytes)
  }

  /// Writes the file, readable by its owner only.
  ///
  /// - Throws: `SystemError`, also when the file exists.
  func write(_ bytes: [UInt8]) throws(SystemError) {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw SystemError(call: "mkdir", subject: folder, code: EACCES)
    }
    let file = try FileDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL)
    guard fchmod(file.number, 0o600) == 0 else { throw SystemError(call: "chmod", subject: path) }
    let outcome = bytes.withUnsafeBytes { bytes -> Result<Void, SystemError> in
      do throws(SystemError) { return .success(try file.writeAll(bytes, subject: path)) } catch {
        return .failure(error)
      }
    }
    try outcome.get()
    guard fsync(file.number) == 0 else { throw SystemError(call: "fsync", subject: path) }
    try file.close(subject: path)
    // Its name is as lasting as the repository that nobody opens without it.
    try Folder(opening: folder).synchronize()
    let parent = UserPath.parent(of: folder)
    if !parent.isEmpty { try Folder(opening: parent).synchronize() }
  }

  /// Puts other bytes in the file's place: a reader finds the old ones or the new ones.
  ///
  /// - Throws: `SystemError`.
  func replace(_ bytes: [UInt8]) throws {
    try Folder(opening: folder).replace(name, with: bytes, isLasting: true)
  }

  /// Removes the file of a repository that was not made after all.
  func remove() {
    unlink(path)
  }

  /// - Throws: `RepositoryError.keyFileMissing`; `SystemError`.
  func read(location: String) throws -> [UInt8] {
    guard let bytes = try readIfThere() else { throw RepositoryError.keyFileMissing(location: location, path: path) }
    return bytes
  }

  /// - Returns: nil when there is no file.
  /// - Throws: `SystemError`.
  func readIfThere() throws(SystemError) -> [UInt8]? {
    do throws(SystemError) {
      let file = try FileDescriptor(opening: path, flags: O_RDONLY)
      return try file.readAll(limit: ObjectLimit.key, subject: path)
    } catch {
      guard error.code == ENOENT else { throw error }
      return nil
    }
  }
}
