import CofferSystem
import Glibc
import Synchronization

/// Turns signals that ask the program to stop into cancellation, on a thread of its own. A second one ends it at once.
public final class SignalWatcher: Sendable {
  private let received = Atomic<Int32>(0)

  private static let watched: [Int32] = [SIGINT, SIGTERM, SIGHUP]

  /// Must be made before any other thread: threads inherit the mask that keeps the signals for this one.
  ///
  /// - Throws: `SystemError` when no thread can be had.
  public init(cancellation: Cancellation) throws(SystemError) {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in Self.watched { sigaddset(&set, signal) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    _ = try WorkerThread(name: "signals") { [self] in
      var set = sigset_t()
      sigemptyset(&set)
      for signal in Self.watched { sigaddset(&set, signal) }
      while true {
        var signal: Int32 = 0
        guard sigwait(&set, &signal) == 0 else { continue }
        let isFirst = received.exchange(signal, ordering: .acquiringAndReleasing) == 0
        guard isFirst else { _exit(128 + signal) }
        cancellation.cancel()
      }
    }
  }

  /// 128 and the signal's number, once one was received.
  public var exitCode: Int32? {
    let signal = received.load(ordering: .acquiring)
    return signal == 0 ? nil : 128 + signal
  }
}
