import CofferSystem
import Glibc

/// Waits so many seconds, but not beyond the cancellation; passed in so that tests need no time.
public typealias Pause = @Sendable (Double, Cancellation?) -> Void

/// Waits on the machine's own clock.
public let systemPause: Pause = { seconds, cancellation in
  guard let cancellation else {
    _ = poll(nil, 0, Int32(min(max(seconds, 0), 1_000_000) * 1000))
    return
  }
  // Whoever waits looks at the cancellation next.
  _ = try? cancellation.sleep(seconds)
}
