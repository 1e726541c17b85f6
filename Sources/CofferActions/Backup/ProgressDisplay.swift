import CofferRepository
import CofferSystem

/// Shows on a terminal how far a backup is.
final class ProgressDisplay: Sendable {
  private let current = Monitor("")
  private let ticker: StatusTicker

  /// - Parameters:
  ///   - isForced: Whether it is shown even if the output is no terminal.
  ///   - isQuiet: Whether it is not shown at all.
  ///   - expected: How many bytes there will be, as far as is known; asked for only if it is shown.
  /// - Throws: `SystemError` when no thread can be had.
  init(
    of group: RepositoryGroup, waits: StoreWaits, console: Console, clock: Clock, isForced: Bool, isQuiet: Bool,
    expected: () -> UInt64?
  ) throws(SystemError) {
    let (current, start) = (current, clock.steadySeconds())
    let total = StatusTicker.isShown(console, isForced: isForced, isQuiet: isQuiet) ? expected() : nil
    ticker = try StatusTicker(console, isForced: isForced, isQuiet: isQuiet) {
      let progress = group.progress
      let rate = Formats.size(UInt64(Double(progress.read) / max(clock.steadySeconds() - start, 0.001)))
      let known = Formats.size(progress.read - min(progress.new, progress.read))
      let left = Self.left(
        progress.read.addingClamped(progress.unread), of: total, seconds: clock.steadySeconds() - start)
      return
        "\(waits.beforeProgress)\(current.update { $0 }): \(Formats.size(progress.read)) read\(left), \(known) known, "
        + "\(Formats.size(progress.stored)) stored, \(rate)/s"
    }
  }

  /// How far that is, measured by what there was the last time: what has grown since is not known.
  static func left(_ read: UInt64, of total: UInt64?, seconds: Double) -> String {
    guard let total, total > 0, read < total else { return "" }
    let text = " of about \(Formats.size(total)), \(Int(Double(read) / Double(total) * 100)) %"
    guard read > 0, seconds >= 0.5 else { return text }
    return text + ", about \(Formats.duration(Double(total - read) / Double(read) * seconds)) left"
  }

  /// What is being backed up.
  var subject: String {
    get { current.update { $0 } }
    set { current.update { $0 = newValue } }
  }

  func stop() {
    ticker.stop()
  }
}
