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

  package func close() {
    if let number { Glibc.close(number) }
    number = nil
  }
}
