import CofferConfiguration
import CofferHooks
import CofferSystem

/// Takes a backup's dumps, one after the other or several at the same time.
struct DumpLanes {
  /// What came of a dump, by its place in the plan.
  private struct State: Sendable {
    var running: [Int] = []
    var outcomes: [Int: Result<[DumpStorer.Item], any Error>] = [:]
    /// What ends the run although other dumps may still be wanted.
    var end: (any Error)?
  }

  private let laneCount: Int
  private let storer: DumpStorer
  private let dumps: [any PlannedDump]
  private let policy: DumpErrorPolicy
  /// Stops the dumps that are running when one of them ends the run.
  private let cancellation: Cancellation
  private let display: ProgressDisplay
  private let turns: DumpTurns
  private let state = Monitor(State())

  /// - Parameters:
  ///   - laneCount: How many dumps are made at the same time.
  ///   - storer: Its hooks' cancellation is to follow the run's.
  init(_ plan: BackupPlan, _ laneCount: Int, _ storer: DumpStorer, _ display: ProgressDisplay) {
    self.laneCount = laneCount
    turns = DumpTurns(laneCount)
    dumps = plan.dumps
    policy = plan.policy
    self.storer = storer
    self.display = display
    cancellation = storer.hooks.cancellation
  }

  /// Takes all dumps.
  ///
  /// - Returns: What each dump left, in the order of the plan.
  /// - Throws: The first error that ends the run.
  func takeDumps() throws -> [(dump: any PlannedDump, outcome: Result<[DumpStorer.Item], any Error>)] {
    guard !dumps.isEmpty else { return [] }
    // One more than dumps at the same time: what follows a dump's end is done beside the next one.
    let lanes = try Stage<Int>(
      "dump", workers: min(laneCount + 1, dumps.count), capacity: 1, makeWork: { [self] in { try take($0) } })
    // What is thrown here `finish` throws, too, when all lanes have ended.
    do { for number in dumps.indices { try lanes.give(number) } } catch {}
    let failure = Result { try lanes.finish() }
    let state = state.update { $0 }
    if let error = state.end { throw error }
    try failure.get()
    return dumps.enumerated().compactMap { number, dump in state.outcomes[number].map { (dump, $0) } }
  }

  /// - Throws: What ends the run.
  private func take(_ number: Int) throws {
    let turn = DumpTurn(turns)
    let dump = begin(turn, of: dumps[number])
    defer { turn.end() }
    try begin(number)
    let outcome = Result { try take(dump, in: turn) }
    end(number, outcome)
    if case .failure(let error) = outcome, endsRun(error) { throw error }
  }

  /// Seconds for which what was prepared for a dump is good.
  private static let freshness: Double = 2

  /// Waits for a dump's turn.
  ///
  /// - Returns: The dump, prepared if there was time for that.
  private func begin(_ turn: DumpTurn, of dump: any PlannedDump) -> any PlannedDump {
    let clock = storer.hooks.clock
    var deadline: Double?
    let prepared = turn.begin(
      preparing: { state.update { $0.end == nil } ? dump.prepared(context: storer.hooks) : dump },
      until: {
        let now = clock.steadySeconds()
        let end = deadline ?? now + Self.freshness
        deadline = end
        return now > end
      })
    return prepared ?? dump
  }

  private func take(_ dump: any PlannedDump, in turn: DumpTurn) throws -> [DumpStorer.Item] {
    let context = storer.context
    context.console.step("Dumping \(dump.identity.title)")
    return try context.run.collector.noting(dump.identity, context) { try storer.store(dump, in: turn) }
  }

  /// - Throws: What has ended the run meanwhile.
  private func begin(_ number: Int) throws {
    try state.update { state in
      if let end = state.end { throw end }
      state.running.append(number)
      show(state)
    }
  }

  private func end(_ number: Int, _ outcome: Result<[DumpStorer.Item], any Error>) {
    state.update { state in
      state.running.removeAll { $0 == number }
      show(state)
      state.outcomes[number] = outcome
      guard case .failure(let error) = outcome, state.end == nil, endsRun(error) else { return }
      state.end = error
      cancellation.cancel()
    }
  }

  private func endsRun(_ error: any Error) -> Bool {
    policy == .fail || error is RepositoryGroup.NoneLeft || error is RunCancelled
  }

  private func show(_ state: State) {
    display.subject = state.running.map { dumps[$0].identity.title }.joined(separator: ", ")
  }
}
