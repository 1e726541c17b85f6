import CofferSystem

/// Whether a server that replays a log goes on.
///
/// Within a transaction it stands at one place, however long that takes. Then what it does counts: it may read and write for hours. But
/// some of that goes on by itself, so it does not count for ever.
struct ReplicaProgress {
  /// Seconds without any sign of work after which nobody expects any more.
  static let patience: Double = 900
  /// The same where the server says that it has done all that there is.
  static let idlePatience: Double = 60
  /// The same at one place, whatever it does.
  static let placePatience: Double = 86_400

  private var place = ""
  private var signs: [String] = []
  /// When place and signs were last others than before.
  private var arrived: Double
  private var since: Double

  /// - Parameter now: Seconds, by a steady clock.
  init(since now: Double) {
    arrived = now
    since = now
  }

  /// Looks at what a server shows.
  ///
  /// - Parameters:
  ///   - place: How far it has come.
  ///   - signs: What else changes as it works.
  ///   - isIdle: Whether it says that it waits for more.
  ///   - now: Seconds, by the same clock.
  /// - Returns: Whether it has stood still for too long.
  mutating func standsStill(at place: String, _ signs: [String], isIdle: Bool, now: Double) -> Bool {
    if !place.isSame(as: self.place) { (self.place, arrived, since) = (place, now, now) }
    if signs != self.signs { (self.signs, since) = (signs, now) }
    return now - since >= (isIdle ? Self.idlePatience : Self.patience) || now - arrived >= Self.placePatience
  }
}
