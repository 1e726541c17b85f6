import CofferSystem
import Glibc

/// A server's manifest until it is whole: tar wants its size before its bytes, and it has a line for each file of the server.
final class ManifestSpool {
  private let file: TemporaryFile
  private(set) var size: UInt64 = 0
  private var position: UInt64 = 0

  private static let subject = BaseBackupTar.manifestName

  /// - Throws: `SystemError`.
  init(_ context: HookContext) throws {
    file = try TemporaryFile(in: Folder(opening: context.runtime.path), for: EntryName(Self.subject))
  }

  /// - Throws: `SystemError`.
  func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    try file.file.writeAll(bytes, subject: Self.subject)
    size += UInt64(bytes.count)
  }

  /// The next bytes from its beginning on.
  ///
  /// - Returns: None at its end.
  /// - Throws: `SystemError`.
  func next(atMost limit: Int) throws(SystemError) -> [UInt8] {
    var count = 0
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
      repeat {
        count = pread(file.file.number, buffer.baseAddress, limit, off_t(position))
      } while count < 0 && errno == EINTR
      failure = errno
      filled = max(count, 0)
    }
    guard count >= 0, count > 0 || position == size else {
      throw SystemError(call: "read", subject: Self.subject, code: count < 0 ? failure : EIO)
    }
    position += UInt64(count)
    return bytes
  }
}
