import CSystem
import Glibc

/// Wakes the one thread that waits for it, and stays so until that has seen it; waits end with a cancellation, too.
public final class Wakeup: Sendable {
  public enum Outcome {
    case raised, timedOut, cancelled
  }

  private let descriptor: FileDescriptor

  /// - Throws: `SystemError` when no event descriptor can be had.
  public init() throws(SystemError) {
    let number = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard number >= 0 else { throw SystemError(call: "eventfd", subject: "wake-up") }
    descriptor = FileDescriptor(owning: number)
  }

  /// For `poll` beside other descriptors.
  public var number: Int32 { descriptor.number }

  public func raise() {
    var one: UInt64 = 1
    _ = Glibc.write(number, &one, MemoryLayout<UInt64>.size)
  }

  /// Forgets that it was raised.
  public func clear() {
    var count: UInt64 = 0
    _ = Glibc.read(number, &count, MemoryLayout<UInt64>.size)
  }

  /// Waits until it is raised, and clears it.
  public func wait(seconds: Double, _ cancellation: Cancellation?) -> Outcome {
    var watched = [
      pollfd(fd: number, events: Int16(POLLIN), revents: 0),
      pollfd(fd: cancellation?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
    ]
    let milliseconds = Int32(min(max(seconds, 0), 1_000_000) * 1000) + 1
    // An interrupted wait counts as one whose time is up: whoever waits looks at the clock.
    guard poll(&watched, 2, milliseconds) > 0 else { return .timedOut }
    if watched[1].revents != 0 { return .cancelled }
    clear()
    return .raised
  }
}
