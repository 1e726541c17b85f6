import CofferSystem

/// What a terminal shows of a receiver, twice a second at most.
struct ReceiveProgress {
  /// What the configuration calls the server.
  let name: String
  private var shown: Double = 0

  private static let interval: Double = 0.5

  init(of name: String) {
    self.name = name
  }

  /// - Parameters:
  ///   - stored: How far the first repository has the log; nil for not at all.
  ///   - received: How far it has come.
  ///   - bytes: That came and are not stored yet.
  mutating func tell(
    _ means: ReceiveMeans, stored: @autoclosure () -> String?, received: @autoclosure () -> String?,
    bytes: @autoclosure () -> Int
  ) {
    let now = means.clock.steadySeconds()
    guard now - shown >= Self.interval else { return }
    shown = now
    let text =
      "\(name): stored to \(stored() ?? "nowhere"), received to \(received() ?? "nowhere"), "
      + "\(Formats.size(UInt64(clamping: bytes()))) under way"
    means.progress.update { $0 = text }
  }
}
