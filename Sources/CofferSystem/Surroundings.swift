import Foundation

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

/// The environment variables of the program, passed in so that nothing reads the process's own in passing.
public struct ProcessEnvironment: Sendable, Equatable {
  public var variables: [String: String]

  public init(_ variables: [String: String]) {
    self.variables = variables
  }

  /// A copy of this process's environment.
  public static func current() -> ProcessEnvironment {
    ProcessEnvironment(ProcessInfo.processInfo.environment)
  }

  public subscript(name: String) -> String? { variables[name] }
}
