import CofferSystem
import Glibc

/// What a child process reads, written without ever waiting in the call itself: whoever writes waits for other things, too.
package final class ChildInput {
  private var number: Int32?

  /// - Parameter child: Without a pipe to it, everything counts as written.
  package init(_ child: ChildProcess) {
    guard let pipe = child.takeInput() else { return }
    let number = pipe.release()
    _ = fcntl(number, F_SETFL, O_NONBLOCK)
    self.number = number
  }

  deinit {
    close()
  }

  /// Writes all bytes, or those until it was closed.
  ///
  /// - Parameters:
  ///   - whenFull: Waits until the descriptor that it is given takes more.
  ///   - whenBroken: Called when the child reads no more; it throws, or closes this.
  /// - Throws: What the two throw.
  package func write(
    _ bytes: UnsafeRawBufferPointer, whenFull: (Int32) throws -> Void, whenBroken: () throws -> Void
  ) rethrows {
    var rest = bytes
    while let number, !rest.isEmpty {
      let count = Glibc.write(number, rest.baseAddress, rest.count)
      if count > 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      } else if errno == EAGAIN {
        try whenFull(number)
      } else if errno != EINTR {
        try whenBroken()
      }
    }
  }

  /// The other end of the pipe once more, which tells later what nobody has taken out of it.
  ///
  /// - Returns: nil where there is no pipe, or the system does not give it.
  package func otherEnd() -> FileDescriptor? {
    guard let number else { return nil }
    let opened = Glibc.open("/proc/self/fd/\(number)", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    return opened < 0 ? nil : FileDescriptor(owning: opened)
  }

  package func close() {
    if let number { Glibc.close(number) }
    number = nil
  }
}
