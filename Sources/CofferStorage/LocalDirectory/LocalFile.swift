import CofferSystem
import Glibc

/// A file that is open for reading.
struct LocalFile: ~Copyable {
  private let descriptor: FileDescriptor
  /// As messages name it.
  private let path: String
  /// Bytes, when it was opened.
  let size: Int

  /// Opens what is nothing but a file.
  ///
  /// - Throws: `SystemError`.
  init(_ name: EntryName, in folder: Folder) throws(SystemError) {
    let path = folder.path(of: name)
    let descriptor = try folder.open(name, flags: O_RDONLY)
    let facts = try descriptor.status(subject: path)
    guard facts.st_mode & S_IFMT == S_IFREG else { throw SystemError(call: "open", subject: path, code: EINVAL) }
    self.descriptor = descriptor
    self.path = path
    size = Int(facts.st_size)
  }

  /// Reads a part of the file, and stops between two pieces of it when the run is to stop.
  ///
  /// - Returns: nil when the file ends before the range does.
  /// - Throws: `SystemError`.
  func read(_ range: Range<Int>, _ cancellation: Cancellation?) throws(SystemError) -> [UInt8]? {
    guard range.lowerBound >= 0, range.upperBound <= size else { return nil }
    var failure: SystemError?
    let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
      filled = 0
      while filled < range.count {
        let wanted = min(range.count - filled, LocalDirectoryStore.pieceSize)
        do throws(SystemError) {
          let count = try descriptor.fill(
            UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[filled..<filled + wanted]),
            from: UInt64(range.lowerBound + filled), subject: path)
          filled += count
          guard count == wanted else { return }
          try LocalDirectoryStore.check(cancellation)
        } catch {
          failure = error
          return
        }
      }
    }
    if let failure { throw failure }
    return bytes.count == range.count ? bytes : nil
  }
}
