import CofferHooks
import CofferSystem

/// How long is waited before a server that is away is tried again: longer each time, until something was stored or it has sent its log for a
/// while. A server that lets somebody in and ends at once is no better than one that lets nobody in.
struct ReconnectPause {
  private var pause = shortest
  private var stored = 0

  private static let shortest: Double = 1
  private static let longest: Double = 60

  /// - Parameters:
  ///   - count: How much has been stored so far.
  ///   - streamed: Seconds for which the server has sent its log this time; an idle server has nothing to store.
  /// - Returns: Seconds, and whether it is the first time since it went well.
  mutating func next(stored count: Int, streamed: Double) -> (seconds: Double, isFirst: Bool) {
    if count > stored || streamed > Self.longest { (pause, stored) = (Self.shortest, count) }
    let seconds = pause
    pause = min(pause * 2, Self.longest)
    return (seconds, seconds == Self.shortest)
  }
}

/// Failures one after the other of which nobody knows that they pass by themselves: they are tried again for a while, and then somebody has
/// to look.
struct UnknownFailures {
  private var count = 0

  /// With the pauses between them a quarter of an hour.
  static let limit = 20

  /// - Parameter hasStreamed: Whether the server has sent something of its log since the last one.
  mutating func areTooMany(with error: BinaryLogError, hasStreamed: Bool) -> Bool {
    count = error.isOfConnection || hasStreamed ? 0 : count + 1
    return count >= Self.limit
  }
}
