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
        let start = buffer.baseAddress?.advanced(by: filled)
        let wanted = min(range.count - filled, LocalDirectoryStore.pieceSize)
        let count = pread(descriptor.number, start, wanted, off_t(range.lowerBound + filled))
        if count < 0 && errno == EINTR { continue }
        if count < 0 { failure = SystemError(call: "read", subject: path) }
        guard count > 0 else { return }
        filled += count
        do throws(SystemError) { try LocalDirectoryStore.check(cancellation) } catch {
          failure = error
          return
        }
      }
    }
    if let failure { throw failure }
    return bytes.count == range.count ? bytes : nil
  }
}
