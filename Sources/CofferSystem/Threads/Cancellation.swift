import CSystem
import Glibc
import Synchronization

/// Whether the run was asked to stop, and a descriptor that wakes `poll` when it is.
///
/// Shared by every thread of a run; cancelling is safe from a signal-handling thread and happens once.
public final class Cancellation: Sendable {
  /// Becomes readable on cancellation and stays so; for `poll` beside other descriptors.
  public let descriptor: Int32
  private let cancelled = Atomic<Bool>(false)
  private let followers = Mutex<[Follower]>([])

  private struct Follower {
    weak var cancellation: Cancellation?
  }

  /// - Throws: `SystemError` when no event descriptor can be had.
  public init() throws(SystemError) {
    let number = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    guard number >= 0 else { throw SystemError(call: "eventfd", subject: "cancellation") }
    descriptor = number
  }

  deinit {
    _ = Glibc.close(descriptor)
  }

  public var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

  /// Asks everything that watches to stop.
  public func cancel() {
    guard !cancelled.exchange(true, ordering: .acquiringAndReleasing) else { return }
    var one: UInt64 = 1
    _ = Glibc.write(descriptor, &one, MemoryLayout<UInt64>.size)
    for follower in followers.withLock({ $0 }) { follower.cancellation?.cancel() }
  }

  /// Makes one that is cancelled with this one, and may be before.
  public func follower() throws(SystemError) -> Cancellation {
    let follower = try Cancellation()
    followers.withLock { $0 = $0.filter { $0.cancellation != nil } + [Follower(cancellation: follower)] }
    if isCancelled { follower.cancel() }
    return follower
  }

  /// - Throws: `RunCancelled` after `cancel()`.
  public func check() throws(RunCancelled) {
    if isCancelled { throw RunCancelled() }
  }

  /// Waits, but not beyond a cancellation.
  ///
  /// - Throws: `RunCancelled`.
  public func sleep(_ seconds: Double) throws(RunCancelled) {
    var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    _ = poll(&watched, 1, Int32(min(max(seconds, 0), 1_000_000) * 1000))
    try check()
  }
}

/// The run was asked to stop by a signal.
public struct RunCancelled: DiagnosableError, Equatable {
  public init() {}

  public var diagnosis: Diagnosis {
    Diagnosis(subject: "run", problem: "Stopped on request; nothing was committed after that point")
  }
}
