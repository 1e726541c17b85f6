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
