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
  func next(atMost limit: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(min(UInt64(limit), size - position)))
    let count = try bytes.withUnsafeMutableBytes { try file.file.fill($0, from: position, subject: Self.subject) }
    guard count == bytes.count else { throw SystemError(call: "read", subject: Self.subject, code: EIO) }
    position += UInt64(count)
    return bytes
  }
}
