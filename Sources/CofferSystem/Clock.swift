import FoundationEssentials
import Glibc

/// The time of day and a steady clock, passed in so that tests can be exact.
public struct Clock: Sendable {
  /// The time of day.
  public let now: @Sendable () -> Date
  /// Seconds on a clock that never goes back; only differences mean something.
  public let steadySeconds: @Sendable () -> Double

  public init(now: @escaping @Sendable () -> Date, steadySeconds: @escaping @Sendable () -> Double) {
    self.now = now
    self.steadySeconds = steadySeconds
  }

  /// The machine's own clocks.
  public static let system = Clock(
    now: { Date() },
    steadySeconds: {
      var time = timespec()
      clock_gettime(CLOCK_MONOTONIC, &time)
      return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    })
}

extension Date {
  /// Nanoseconds since 1970. Of the years before 1678 and from 2262 on, which a number of 64 bits has no room for, the nearest that it has.
  public var nanosecondsSince1970: Int64 {
    let nanoseconds = (timeIntervalSince1970 * 1e9).rounded()
    return nanoseconds.isNaN ? 0 : Int64(exactly: nanoseconds) ?? (nanoseconds < 0 ? .min : .max)
  }
}
