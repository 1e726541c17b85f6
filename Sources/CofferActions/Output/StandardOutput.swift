import CofferSystem
import Glibc
import Synchronization

/// Where answers go. What cannot be written is remembered, because a list that was cut off looks like a whole one.
public final class StandardOutput: Sendable {
  let descriptor: Int32
  private let failure = Mutex<SystemError?>(nil)

  /// Where everything else is said.
  let errors: Int32

  public init(descriptor: Int32 = STDOUT_FILENO, errors: Int32 = STDERR_FILENO) {
    self.descriptor = descriptor
    self.errors = errors
  }

  func write(_ text: String) {
    if let code = Self.write(text, to: descriptor) { note(code) }
  }

  /// Writes a text to a terminal, pipe or file that others may share.
  ///
  /// - Parameter patience: Milliseconds to wait for room, each time there is none; -1 for as long as it takes.
  /// - Returns: What kept the rest from being written, an `errno`; nil when nothing did.
  static func write(_ text: String, to descriptor: Int32, patience: Int32 = -1) -> Int32? {
    Array(text.utf8).withUnsafeBytes { write($0, to: descriptor, patience: patience) }
  }

  private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, patience: Int32 = -1) -> Int32? {
    var rest = bytes[...]
    while !rest.isEmpty {
      let left = UnsafeRawBufferPointer(rebasing: rest)
      let count = Glibc.write(descriptor, left.baseAddress, left.count)
      if count < 0 && errno == EINTR { continue }
      if count < 0 && errno == EAGAIN {
        // Somebody else made the terminal or pipe that we share non-blocking.
        var writable = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        if poll(&writable, 1, patience) == 0 { return EAGAIN }
        continue
      }
      guard count > 0 else { return errno }
      rest = rest.dropFirst(count)
    }
    return nil
  }

  /// Whether a person sees what is written.
  var isTerminal: Bool { isatty(descriptor) == 1 }

  /// Writes bytes as they are. A reader that went away has not got all of them.
  ///
  /// - Throws: `SystemError`.
  func write(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    if let code = Self.write(bytes, to: descriptor) {
      throw SystemError(call: "write", subject: "standard output", code: code)
    }
  }

  /// Says whether everything that was written has arrived; to be called when nothing more is written.
  ///
  /// - Throws: `SystemError`, the first there was.
  func finish() throws(SystemError) {
    // Some file systems say only at a close that they could not keep what was written.
    let copy = dup(descriptor)
    if copy >= 0, close(copy) != 0 { note(errno) }
    if let failure = failure.withLock({ $0 }) { throw failure }
  }

  /// A reader that went away (`coffer list | head`) has read enough.
  private func note(_ code: Int32) {
    guard code != EPIPE else { return }
    failure.withLock { $0 = $0 ?? SystemError(call: "write", subject: "standard output", code: code) }
  }
}
