import CofferSystem
import Glibc

/// A dump of format tar on its way into a file that pg_restore then reads.
///
/// Through a pipe, pg_restore 15 and others never notice that a tar archive is cut short, as when this program is killed:
/// they search for its end for ever, holding their locks.
final class SpooledDump {
  let path: String
  private let file: FileDescriptor

  init(context: HookContext) throws {
    path = try context.runtime.makeParent(of: "restore-\(UInt32.random(in: 0 ... .max)).tar")
    file = try FileDescriptor(opening: path, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    try file.writeAll(bytes, subject: path)
  }

  /// - Returns: Whether its search path was there to be replaced.
  func patch() throws -> Bool { try Self.patch(file, path) }

  /// Replaces the search path in an archive's table of contents, with which tar archives and folders begin.
  static func patch(_ file: borrowing FileDescriptor, _ path: String) throws -> Bool {
    var head = [UInt8](repeating: 0, count: SearchPathPatch.headSize)
    let count = head.withUnsafeMutableBytes { pread(file.number, $0.baseAddress, $0.count, 0) }
    guard count >= 0 else { throw SystemError(call: "pread", subject: path) }
    head.removeLast(head.count - count)
    guard SearchPathPatch.apply(toArchive: &head) else { return false }
    let written = head.withUnsafeBytes { pwrite(file.number, $0.baseAddress, $0.count, 0) }
    guard written == head.count else { throw SystemError(call: "pwrite", subject: path) }
    return true
  }

  func remove() {
    unlink(path)
  }
}
