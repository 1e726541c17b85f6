import CofferRepository
import CofferSystem
import Foundation

/// Shows on a terminal how far a backup is: a line that is refreshed ten times a second at most.
final class ProgressDisplay: Sendable {
  private let console: Console
  private let state: Monitor<State>
  private let thread: WorkerThread?

  private struct State: Sendable {
    var subject = ""
    var isStopped = false
  }

  /// - Parameters:
  ///   - isForced: Whether it is shown even if the output is no terminal.
  ///   - isQuiet: Whether it is not shown at all.
  /// - Throws: `SystemError` when no thread can be had.
  init(
    of group: RepositoryGroup, waits: StoreWaits, console: Console, clock: Clock, isForced: Bool, isQuiet: Bool
  ) throws(SystemError) {
    self.console = console
    let state = Monitor(State())
    self.state = state
    guard !isQuiet, isForced || (console.isTerminal && console.verbosity >= 0) else {
      thread = nil
      return
    }
    let start = clock.steadySeconds()
    thread = try WorkerThread(name: "progress") {
      while true {
        let current = state.update { $0 }
        if current.isStopped { return console.status("") }
        let progress = group.progress
        let seconds = max(clock.steadySeconds() - start, 0.001)
        let rate = Formats.size(UInt64(Double(progress.read) / seconds))
        let waiting = waits.text.map { "\($0); " } ?? ""
        console.status(
          "\(waiting)\(current.subject): \(Formats.size(progress.read)) read, \(Formats.size(progress.read - min(progress.new, progress.read))) known, "
            + "\(Formats.size(progress.stored)) stored, \(rate)/s")
        Self.pause()
      }
    }
  }

  /// What is being backed up.
  var subject: String {
    get { state.update { $0.subject } }
    set { state.update { $0.subject = newValue } }
  }

  func stop() {
    state.update { $0.isStopped = true }
    thread?.join()
  }

  private static func pause() {
    usleep(100_000)
  }
}
