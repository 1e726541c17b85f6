import CofferSystem
import Foundation

/// The file that holds the wrapped key bundle of a `keyfile` repository, named after the repository's id.
struct KeyFile {
  let path: String
  private let folder: String

  init(header: RepositoryHeader, folder: String) {
    self.folder = folder
    path = "\(folder)/\(header.id).key"
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
    try Folder(opening: (folder as NSString).deletingLastPathComponent).synchronize()
  }

  /// Removes the file of a repository that was not made after all.
  func remove() {
    unlink(path)
  }

  /// - Throws: `RepositoryError.keyFileMissing`; `SystemError`.
  func read(location: String) throws -> [UInt8] {
    do {
      let file = try FileDescriptor(opening: path, flags: O_RDONLY)
      var bytes = [UInt8](repeating: 0, count: ObjectLimit.key)
      let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, subject: path) }
      return Array(bytes[..<count])
    } catch let error as SystemError where error.code == ENOENT {
      throw RepositoryError.keyFileMissing(location: location, path: path)
    }
  }
}
