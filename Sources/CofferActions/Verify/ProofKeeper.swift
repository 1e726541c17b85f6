import CofferRepository
import CofferSystem

/// Puts proofs into the repository they are of, several at once. Used by one thread.
final class ProofKeeper {
  private let context: ActionContext
  private let access: OpenRepository
  /// Of one archive.
  private var gathered: [Proof] = []
  private var start: Double = 0

  /// What a run that is killed may lose.
  private static let count = 64
  /// Seconds.
  private static let interval: Double = 600

  init(_ context: ActionContext, _ access: OpenRepository) {
    self.context = context
    self.access = access
  }

  func take(_ proof: Proof) {
    context.run.collector.add(proof, in: access.location)
    if let first = gathered.first, !first.archiveID.isSame(as: proof.archiveID) { put() }
    let now = context.surroundings.clock.steadySeconds()
    if gathered.isEmpty { start = now - (proof.seconds ?? 0) }
    gathered.append(proof)
    if gathered.count >= Self.count || now - start >= Self.interval { put() }
  }

  /// Puts what was gathered. What cannot be kept is made again, no more.
  func put() {
    guard let first = gathered.first else { return }
    defer { gathered = [] }
    do {
      try access.repository.put(gathered, of: first.archiveID)
    } catch {
      let cause = Diagnosis(of: error)
      context.console.warning(
        Console.text(
          Diagnosis(
            subject: cause.subject,
            problem: "What came of restoring is not kept, because the repository did not take it: \(cause.problem)",
            suggestion: cause.suggestion)))
    }
  }
}
