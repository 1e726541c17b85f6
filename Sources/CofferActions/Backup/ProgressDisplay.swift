import CofferRepository
import CofferSystem

/// Shows on a terminal how far a backup is.
final class ProgressDisplay: Sendable {
  private let current = Monitor("")
  private let ticker: StatusTicker

  /// - Parameters:
  ///   - isForced: Whether it is shown even if the output is no terminal.
  ///   - isQuiet: Whether it is not shown at all.
  /// - Throws: `SystemError` when no thread can be had.
  init(session: BackupSession, console: Console, clock: Clock, isForced: Bool, isQuiet: Bool) throws(SystemError) {
    let (current, start) = (current, clock.steadySeconds())
    ticker = try StatusTicker(console, isForced: isForced, isQuiet: isQuiet) {
      let progress = session.progress
      let rate = Formats.size(UInt64(Double(progress.read) / max(clock.steadySeconds() - start, 0.001)))
      let known = Formats.size(progress.read - min(progress.new, progress.read))
      return "\(current.update { $0 }): \(Formats.size(progress.read)) read, \(known) known, "
        + "\(Formats.size(progress.stored)) stored, \(rate)/s"
    }
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
