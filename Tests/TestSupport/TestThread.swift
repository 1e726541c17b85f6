import CofferSystem
import Foundation

/// A thread of a test. One that does not end fails the test, where waiting for it would keep the whole run.
public final class TestThread: Sendable {
  private let name: String
  private let hasEnded: Monitor<Bool>

  public struct StillRuns: Error, CustomStringConvertible {
    public let description: String
  }

  /// Starts the thread at once.
  public init(_ name: String, _ body: @escaping @Sendable () -> Void) throws {
    self.name = name
    let hasEnded = Monitor(false)
    self.hasEnded = hasEnded
    _ = try WorkerThread(name: name) {
      body()
      hasEnded.update { $0 = true }
    }
  }

  /// Waits for the end.
  ///
  /// - Throws: `StillRuns` when it has not come after two minutes, which no test needs.
  public func end() throws {
    let deadline = ContinuousClock.now + .seconds(120)
    let ended: Void? = hasEnded.wait(until: { $0 }, orUntil: { ContinuousClock.now >= deadline }, then: { _ in })
    guard ended != nil else { throw StillRuns(description: "thread '\(name)' has not ended after two minutes") }
  }
}
