import CofferSystem

/// Whether a server that replays a log goes on.
///
/// Within a transaction it stands at one place, however long that takes. Then what it does counts: it may read and write for hours.
struct ReplicaProgress {
  /// Seconds without any sign of work after which nobody expects any more.
  static let patience: Double = 900
  /// The same where the server says that it has done all that there is.
  static let idlePatience: Double = 60

  private var signs: [String] = []
  /// When they were last others than before.
  private var since: Double

  /// - Parameter now: Seconds, by a steady clock.
  init(since now: Double) {
    since = now
  }

  /// Looks at what a server shows.
  ///
  /// - Parameters:
  ///   - signs: Whatever changes as it works.
  ///   - isIdle: Whether it says that it waits for more.
  ///   - now: Seconds, by the same clock.
  /// - Returns: Whether it has stood still for too long.
  mutating func standsStill(_ signs: [String], isIdle: Bool, at now: Double) -> Bool {
    if signs != self.signs { (self.signs, since) = (signs, now) }
    return now - since >= (isIdle ? Self.idlePatience : Self.patience)
  }
}
