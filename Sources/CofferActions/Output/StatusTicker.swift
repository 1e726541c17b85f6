import CofferSystem
import Glibc

/// Keeps a terminal's status line fresh, ten times a second at most.
final class StatusTicker: Sendable {
  private let isStopped = Monitor(false)
  private let thread: WorkerThread?

  /// - Parameters:
  ///   - isForced: Whether it is shown even if the output is no terminal.
  ///   - isQuiet: Whether it is not shown at all.
  ///   - text: What is shown, asked for each time.
  /// - Throws: `SystemError` when no thread can be had.
  init(
    _ console: Console, isForced: Bool, isQuiet: Bool, text: @escaping @Sendable () -> String
  ) throws(SystemError) {
    guard Self.isShown(console, isForced: isForced, isQuiet: isQuiet) else {
      thread = nil
      return
    }
    let isStopped = isStopped
    thread = try WorkerThread(name: "progress") {
      while !isStopped.update({ $0 }) {
        console.status(text())
        usleep(100_000)
      }
      console.status("")
    }
  }

  static func isShown(_ console: Console, isForced: Bool, isQuiet: Bool) -> Bool {
    !isQuiet && (isForced || (console.isTerminal && console.verbosity >= 0))
  }

  func stop() {
    isStopped.update { $0 = true }
    thread?.join()
  }
}
