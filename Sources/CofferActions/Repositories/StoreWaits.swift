import CofferStorage
import CofferSystem

/// The repositories elsewhere that are waited for, and why: told once a wait, and shown where progress is.
final class StoreWaits: Sendable {
  private struct Wait: Sendable {
    /// How many calls have failed and are to be made again.
    var calls = 0
    var reason = ""
    /// Until when the same need not be told again, in seconds of the steady clock: several calls wait at a time.
    var isToldUntil = -Double.infinity
  }

  private let waits = Monitor<[ExactName: Wait]>([:])
  private let clock: Clock

  init(_ clock: Clock) {
    self.clock = clock
  }

  /// Hears of a repository's store.
  ///
  /// - Parameter tell: Told what somebody wants to know who sees that nothing goes on.
  func hear(_ news: RetryNews, of repository: String, _ tell: (String) -> Void) {
    let text = waits.update { waits -> String? in
      let name = ExactName(repository)
      var wait = waits[name] ?? Wait()
      defer { waits[name] = wait.calls > 0 ? wait : nil }
      switch news {
      case .ends:
        wait.calls -= 1
        return nil
      case .waits(let error, let turn, let seconds):
        if turn == 0 { wait.calls += 1 }
        wait.reason = Self.reason(of: error)
        let now = clock.steadySeconds()
        guard now >= wait.isToldUntil else { return nil }
        wait.isToldUntil = now + seconds
        return "Waiting for \(repository): \(wait.reason), next try in \(Formats.duration(seconds))"
      }
    }
    if let text { tell(text) }
  }

  /// What is waited for, to stand before how far something is; empty for nothing.
  var beforeProgress: String {
    let waits = waits.update { $0 }.sorted { $0.key < $1.key }
    return waits.map { "waits for \($0.key): \($0.value.reason); " }.joined()
  }

  private static func reason(of error: StorageError) -> String {
    if case .failed(_, _, let failure) = error { failure.reason } else { error.diagnosis.problem }
  }
}
