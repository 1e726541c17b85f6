import Glibc
import Synchronization

/// Reads a child's standard error on a thread and keeps the last lines.
///
/// Reading stops when the child has ended and nothing is left to read, not at the end of the stream: what a child
/// leaves running in the background (an ssh connection kept open, for example) may hold the stream open for ever.
final class ErrorTail: Sendable {
  private let content = Mutex<[UInt8]>([])
  private let thread: Mutex<WorkerThread?> = Mutex(nil)

  private let limit: ChildCommand.ErrorLimit

  /// - Parameter end: Becomes readable when the child has ended; must stay open until `join` has returned.
  /// - Throws: `SystemError` when no thread can be had.
  init(
    reading descriptor: consuming FileDescriptor, until end: Int32, keeping limit: ChildCommand.ErrorLimit
  ) throws(SystemError) {
    self.limit = limit
    let held = HeldDescriptor(descriptor)
    _ = fcntl(held.descriptor.number, F_SETFL, O_NONBLOCK)
    let worker = try WorkerThread(name: "stderr") { [self] in
      let descriptor = held.descriptor.number
      let reader = PolledReader(descriptor, cancellation: nil)
      withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
        while case .bytes(let count)? = try? reader.read(
          into: buffer, seconds: .infinity, orUntil: end, subject: "stderr")
        {
          content.withLock { content in
            content.append(contentsOf: buffer[..<count])
            // Not at every piece: what is left is moved each time.
            if content.count > 2 * limit.bytes { content.removeFirst(content.count - limit.bytes) }
          }
        }
      }
    }
    thread.withLock { $0 = worker }
  }

  /// Closes the descriptor when nobody holds it any more, whether the thread was started or not.
  private final class HeldDescriptor: Sendable {
    let descriptor: FileDescriptor

    init(_ descriptor: consuming FileDescriptor) {
      self.descriptor = descriptor
    }
  }

  var lines: [String] {
    let text = content.withLock { String(decoding: $0.suffix(limit.bytes), as: UTF8.self) }
    return text.lines().suffix(limit.lines)
  }

  func join() {
    thread.withLock { $0 }?.join()
  }
}
