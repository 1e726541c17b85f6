import CofferSystem
import Glibc

/// Shows how far the reading of known amounts is: per cent, rate, and the time that is left.
final class ReadingProgress: Sendable {
  private struct State: Sendable {
    var subject = ""
    var done: UInt64 = 0
    var total: UInt64 = 0
    /// Of the steady clock, in seconds.
    var start: Double = 0
  }

  private let state = Monitor(State())
  private let clock: Clock
  private let ticker: StatusTicker

  /// Shown on a terminal, and where the command or the configuration asks for it.
  ///
  /// - Throws: `SystemError` when no thread can be had.
  init(_ context: ActionContext) throws(SystemError) {
    let (state, clock, waits) = (state, context.surroundings.clock, context.run.waits)
    self.clock = clock
    ticker = try StatusTicker(
      context.console, isForced: context.flags.contains(SharedFlags.progress), isQuiet: context.wantsJSON
    ) { waits.beforeProgress + Self.text(state.update { $0 }, at: clock.steadySeconds()) }
  }

  /// Begins to count anew.
  ///
  /// - Parameter total: Bytes.
  func begin(_ subject: String, total: UInt64) {
    state.update { $0 = State(subject: subject, total: total, start: clock.steadySeconds()) }
  }

  /// Says what is being read now, without counting anew.
  func name(_ subject: String) {
    state.update { $0.subject = subject }
  }

  func add(_ bytes: UInt64) {
    state.update { $0.done += bytes }
  }

  /// Counts what goes through to a sink.
  func counting(_ sink: any ByteSink) -> any ByteSink { CountedSink(sink, state) }

  func stop() {
    ticker.stop()
  }

  private final class CountedSink: ByteSink {
    private let sink: any ByteSink
    private let state: Monitor<State>

    init(_ sink: any ByteSink, _ state: Monitor<State>) {
      self.sink = sink
      self.state = state
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
      try sink.write(bytes)
      state.update { $0.done += UInt64(bytes.count) }
    }

    func write(pieces: [UnsafeRawBufferPointer]) throws {
      try sink.write(pieces: pieces)
      state.update { $0.done += UInt64(pieces.reduce(0) { $0 + $1.count }) }
    }
  }

  private static func text(_ state: State, at now: Double) -> String {
    // Nothing has begun yet.
    state.subject.isEmpty ? "" : text(state.subject, done: state.done, of: state.total, seconds: now - state.start)
  }

  static func text(_ subject: String, done: UInt64, of total: UInt64, seconds: Double) -> String {
    let rate = Double(done) / max(seconds, 0.001)
    var text = "\(subject): \(Formats.size(done))"
    if total > 0 {
      // Rounded down: what is not done does not look as if it were.
      let share = Int(Double(min(done, total)) / Double(total) * 100)
      text += " of \(Formats.size(total)), \(share) %"
    }
    // The first moments tell no rate.
    guard done > 0, seconds >= 0.5 else { return text }
    text += ", \(Formats.size(UInt64(rate)))/s"
    guard done < total else { return text }
    return text + ", \(Formats.duration(Double(total - done) / rate)) left"
  }
}
