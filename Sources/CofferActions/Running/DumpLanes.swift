import CofferConfiguration
import CofferHooks
import CofferSystem

/// Takes a backup's dumps, one after the other or several at the same time.
struct DumpLanes {
  /// What came of a dump, by its place in the plan.
  private struct State: Sendable {
    var next = 0
    var running: [Int] = []
    var outcomes: [Int: Result<[DumpStorer.Item], any Error>] = [:]
    /// What ends the run although other dumps may still be wanted.
    var end: (any Error)?
  }

  private let storer: DumpStorer
  private let dumps: [any PlannedDump]
  private let policy: DumpErrorPolicy
  /// Stops the dumps that are running when one of them ends the run.
  private let cancellation: Cancellation
  private let display: ProgressDisplay
  private let state = Monitor(State())

  /// - Parameter storer: Its hooks' cancellation is to follow the run's.
  init(_ plan: BackupPlan, _ storer: DumpStorer, _ display: ProgressDisplay) {
    dumps = plan.dumps
    policy = plan.policy
    self.storer = storer
    self.display = display
    cancellation = storer.hooks.cancellation
  }

  /// Takes all dumps.
  ///
  /// - Parameter count: How many at the same time.
  /// - Returns: What each dump left, in the order of the plan.
  /// - Throws: The first error that ends the run.
  func run(_ count: Int) throws -> [(dump: any PlannedDump, outcome: Result<[DumpStorer.Item], any Error>)] {
    var others: [WorkerThread] = []
    do {
      for number in 1..<max(min(count, dumps.count), 1) {
        others.append(try WorkerThread(name: "dump \(number)") { [self] in takeAll() })
      }
    } catch {
      state.update { $0.end = $0.end ?? error }
      cancellation.cancel()
    }
    takeAll()
    for thread in others { thread.join() }
    let state = state.update { $0 }
    if let error = state.end { throw error }
    return dumps.enumerated().compactMap { number, dump in state.outcomes[number].map { (dump, $0) } }
  }

  private func takeAll() {
    while let number = begin() { end(number, Result { try take(dumps[number]) }) }
  }

  private func take(_ dump: any PlannedDump) throws -> [DumpStorer.Item] {
    let context = storer.context
    context.console.step("Dumping \(dump.identity.title)")
    return try context.collector.noting(dump.identity, context) { try storer.store(dump) }
  }

  /// - Returns: The number of the next dump; nil when there is none, or the run is to end.
  private func begin() -> Int? {
    state.update { state in
      guard state.end == nil, state.next < dumps.count else { return nil }
      defer { state.next += 1 }
      state.running.append(state.next)
      show(state)
      return state.next
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
