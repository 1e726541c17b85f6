import CofferStorage
import CofferSystem

extension Repository {
  /// Gives the space of deleted archives back, beside any number of backups and restores.
  ///
  /// May be stopped anywhere; the next call, by anybody with a full key, takes up what was begun.
  ///
  /// - Parameter progress: Told where it is, on the calling thread.
  /// - Throws: `RepositoryError.needsFullKey`; `CompactionError` when it cannot be known what archives need: nothing is deleted
  ///   then; `StorageError`; `RunCancelled`.
  public func compact(
    _ options: CompactionOptions = CompactionOptions(), cancellation: Cancellation,
    progress: @escaping @Sendable (CompactionProgress) -> Void = { _ in }
  ) throws -> CompactionReport {
    guard context.keys.role == .full, context.keys.dataPrivate != nil else {
      throw RepositoryError.needsFullKey(location: location, action: "compact a repository")
    }
    try context.header.refuseUnknownFeatures(location: location)
    let (counted, counter) = context.stopping(with: cancellation).counting()
    var report = CompactionReport()
    report.sizeBefore = try storedSize()
    try Compactor(counted, options, cancellation, progress: progress).run(&report)
    report.sizeAfter = try storedSize()
    report.bytesRead = UInt64(clamping: counter.use.received)
    report.bytesWritten = UInt64(clamping: counter.use.sent)
    return report
  }

  private func storedSize() throws -> UInt64 {
    var size: UInt64 = 0
    try context.store.forEachObject(in: "") { size = size.addingClamped(UInt64(clamping: $0.size)) }
    return size
  }
}

extension RepositoryContext {
  /// The same with a store that counts what is asked of it.
  fileprivate func counting() -> (context: RepositoryContext, counter: CountingStore) {
    var context = self
    let (store, counter) = store.counting()
    context.store = store
    return (context, counter)
  }
}
