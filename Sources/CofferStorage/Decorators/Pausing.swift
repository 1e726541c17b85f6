import CofferSystem
import Foundation

/// Waits so many seconds, but not beyond the cancellation; passed in so that tests need no time.
public typealias Pause = @Sendable (Double, Cancellation?) -> Void

/// Waits on the machine's own clock.
public let systemPause: Pause = { seconds, cancellation in
  guard let cancellation else { return Thread.sleep(forTimeInterval: seconds) }
  // Whoever waits looks at the cancellation next.
  _ = try? cancellation.sleep(seconds)
}
