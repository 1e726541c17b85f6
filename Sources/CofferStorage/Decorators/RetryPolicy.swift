/// How often, and after how long, a call is made again that failed for a reason that may pass.
public struct RetryPolicy: Sendable, Equatable {
  /// Calls that are made again at most.
  public var retries: Int
  /// Seconds before the first of them, at most; each further one waits up to twice as long as the one before.
  public var firstWait: Double
  /// Seconds that are waited at most, however often it failed.
  public var longestWait: Double
  /// Seconds that are waited at most because a server asks for it.
  public var longestAsked: Double
  /// Seconds from the first failure on after which the call is not made again.
  public var patience: Double

  public init(
    retries: Int = 5, firstWait: Double = 0.5, longestWait: Double = 30, longestAsked: Double = 300,
    patience: Double = .infinity
  ) {
    self.retries = retries
    self.firstWait = firstWait
    self.longestWait = longestWait
    self.longestAsked = longestAsked
    self.patience = patience
  }

  /// Returns the seconds before a call is made again: half of what its turn allows, and up to as much again by chance, so
  /// that many who failed together do not come back together. It is not less than what the server asks for.
  ///
  /// - Parameters:
  ///   - turn: From 0 on.
  ///   - chance: From 0 to 1.
  ///   - asked: Seconds that the server wants to be left alone; nil when it said nothing.
  func wait(before turn: Int, chance: Double, asked: Double? = nil) -> Double {
    var longest = min(firstWait, longestWait)
    // Sixty doublings are more than any limit has.
    for _ in 0..<min(turn, 60) { longest = min(longest * 2, longestWait) }
    let own = longest / 2 + longest / 2 * min(max(chance, 0), 1)
    return asked.map { max(own, min($0, longestAsked)) } ?? own
  }
}
