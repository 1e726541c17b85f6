import CofferSystem
import Glibc
import Synchronization

/// Where a server's frames go, one behind the other, whichever thread has them.
final class ServeOutput: Sendable {
  private let descriptor: Int32
  private let cancellation: Cancellation
  /// Whether a frame was not sent to its end: what came behind it would be taken for the rest of it. Held while a frame is
  /// written.
  private let isCut = Mutex(false)

  /// - Parameters:
  ///   - descriptor: Written without waiting; stays the caller's.
  ///   - cancellation: Ends the waits for a client that takes nothing; comes when something cannot be sent.
  init(_ descriptor: Int32, _ cancellation: Cancellation) {
    self.descriptor = descriptor
    self.cancellation = cancellation
  }

  /// Sends a frame; what cannot be sent ends the run.
  ///
  /// - Parameter isWanted: Asked when nothing else can be sent in between.
  func send(_ frame: Frame, if isWanted: () -> Bool = { true }) {
    let bytes = frame.encoded()
    let isSent = isCut.withLock { isCut in
      guard !isCut else { return false }
      guard isWanted() else { return true }
      isCut = !write(bytes)
      return !isCut
    }
    if !isSent { cancellation.cancel() }
  }

  private func write(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { bytes in
      var rest = bytes
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count > 0 {
          rest = UnsafeRawBufferPointer(rebasing: rest[count...])
          continue
        }
        guard count < 0, errno == EINTR || errno == EAGAIN else { return false }
        var watched = [
          pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
          pollfd(fd: cancellation.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        _ = poll(&watched, 2, -1)
        // What is left of a frame would only be waited for by somebody who takes nothing.
        if watched[1].revents != 0, watched[0].revents == 0 { return false }
      }
      return true
    }
  }
}
