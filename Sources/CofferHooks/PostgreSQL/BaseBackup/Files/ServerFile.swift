import CofferSystem
import Glibc

/// An open file of a running server, as large as it was when it was opened.
///
/// The server goes on writing to it. What it has cut off since reads as zeros: its log has what became of that.
final class ServerFile {
  /// Below the data directory, for messages.
  let path: String
  let facts: stat
  /// Of a relation; nil for what has no pages with checksums.
  let relation: RelationFileName?
  private let descriptor: FileDescriptor

  /// - Parameter name: Nothing but a file is read; a link is not followed.
  /// - Returns: nil where it is gone, or no file any more.
  /// - Throws: `SystemError`.
  init?(_ name: EntryName, in folder: Folder, path: String, relation: RelationFileName? = nil) throws(SystemError) {
    do throws(SystemError) {
      descriptor = try folder.open(name, flags: O_RDONLY)
    } catch {
      guard error.code == ENOENT || error.code == ELOOP else { throw error }
      return nil
    }
    facts = try descriptor.status(subject: path)
    guard facts.st_mode & S_IFMT == S_IFREG else { return nil }
    self.path = path
    self.relation = relation
  }

  var size: UInt64 { UInt64(clamping: facts.st_size) }

  /// Fills some room with the bytes from a place on.
  ///
  /// - Throws: `SystemError`.
  func read(from offset: UInt64, into room: UnsafeMutableRawBufferPointer) throws(SystemError) {
    let count = try descriptor.fill(room, from: offset, subject: path)
    UnsafeMutableRawBufferPointer(rebasing: room[count...]).initializeMemory(as: UInt8.self, repeating: 0)
  }

  /// Whether the file still has the name in the folder.
  ///
  /// - Throws: `SystemError`.
  func isStillCalled(_ name: EntryName, in folder: Folder) throws(SystemError) -> Bool {
    do throws(SystemError) {
      let now = try folder.status(of: name)
      return now.st_dev == facts.st_dev && now.st_ino == facts.st_ino
    } catch {
      guard error.code == ENOENT else { throw error }
      return false
    }
  }
}
