import CofferRepository
import CofferSystem

extension OpenRepository {
  /// Locks anew what a place has locked for half of its time or longer, and says how much that was.
  ///
  /// - Returns: nil for a place that is not asked to lock anything, and with `--dry-run`.
  /// - Throws: As `Repository.renewLocks`.
  @discardableResult
  func renewLocks(_ context: ActionContext) throws -> LockReport? {
    guard !context.isDryRun, let report = try repository.renewLocks(cancellation: context.cancellation) else {
      return nil
    }
    context.console.step(
      "\(location.path): Of \(report.objects) objects \(report.renewed) were locked anew, because half of their time was over"
    )
    return report
  }
}
