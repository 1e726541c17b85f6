import CofferConfiguration
import CofferRepository
import CofferSystem
import FoundationEssentials
import Glibc

/// `verify_within`: warns of databases whose last proof is older.
struct ProofDeadline {
  private let context: ActionContext
  private let access: OpenRepository
  private let limit: Double
  /// As it is configured.
  private let spelling: String

  /// - Returns: nil where no time is set.
  init?(_ context: ActionContext, _ access: OpenRepository) {
    guard let within = context.root[VerifyOptions.within], let limit = within.seconds else { return nil }
    self.context = context
    self.access = access
    self.limit = limit
    spelling = within.spelling
  }

  /// Looks at the databases of the newest archive; without a full key, at those that were ever proven.
  ///
  /// - Throws: `StorageError`; `RepositoryError`; `RunCancelled`.
  func warn() throws {
    let filter = try context.archiveFilter()
    let archives = try access.repository.archives().filter { try filter.sees($0) && $0.standing == .counts }
    guard let newest = archives.last else { return }
    let history = try ProofHistory(context, access)
    guard access.repository.role == .full else {
      return warn(history.youngest.map { ($0.dump, title(of: $0)) }, history)
    }
    warn(of: try ArchiveDump.all(of: newest, access.repository.reader(), context.cancellation), history)
  }

  func warn(of dumps: [ArchiveDump], _ history: ProofHistory) {
    warn(dumps.map { ($0.identity.path, $0.identity.title) }, history)
  }

  private func warn(_ databases: [(path: String, title: String)], _ history: ProofHistory) {
    let now = context.surroundings.clock.now()
    let youngest = Dictionary(history.youngest.map { (ExactName($0.dump), $0) }) { first, _ in first }
    for database in databases {
      guard let last = youngest[ExactName(database.path)] else {
        context.console.warning("\(access.location.path): \(database.title) was never proven to restore")
        continue
      }
      guard now.timeIntervalSince(last.time) > limit else { continue }
      context.console.warning(
        "\(access.location.path): \(database.title) was last proven to restore \(last.age(at: now)) ago, and verify_within "
          + "is \(spelling)")
    }
  }

  private func title(of proof: Proof) -> String {
    let system = proof.hook.before(end: "_databases") ?? proof.hook
    return "\(Quoting.terminal(system)) database '\(Quoting.terminal(proof.database))' at "
      + Quoting.terminal(proof.place)
  }
}
