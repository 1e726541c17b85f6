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
    if !options.isDryRun {
      report.removedProofs = try ProofStore(counted).removeGone()
      report.removedLeftovers += try PinStore(counted).removeStrays()
      try LogTidying(counted).run(compressionLevel: options.compressionLevel, &report.logs)
    }
    report.sizeAfter = try storedSize()
    report.bytesRead = UInt64(clamping: counter.use.received)
    report.bytesWritten = UInt64(clamping: counter.use.sent)
    return report
  }

  /// Chunks of a repository up to which what archives need is looked at only to tell a number.
  private static let quickLimit = 1 << 20

  /// Returns the bytes that a compaction would give back as things are, as far as that can be known beforehand.
  ///
  /// - Returns: nil where it cannot be told, or would take long: for a write-only key, in a large repository, while a round of
  ///   compaction is under way, and when an archive is not whole.
  /// - Throws: `RunCancelled`.
  public func compactableSize(cancellation: Cancellation) throws -> UInt64? {
    guard context.keys.role == .full, context.keys.dataPrivate != nil else { return nil }
    let context = context.stopping(with: cancellation)
    do {
      let loader = try IndexLoader(context: context)
      let runs = try loader.runs(of: loader.objectNames(), over: loader.existingPacks())
      guard runs.reduce(0, { $0 + $1.layout.chunkCount }) <= Self.quickLimit else { return nil }
      var report = CompactionReport()
      try Compactor(context, CompactionOptions(isDryRun: true), cancellation, progress: { _ in }).run(&report)
      return report.outcome == .waiting || report.outcome == .overtaken ? nil : report.gain
    } catch let error as RunCancelled {
      throw error
    } catch {
      return nil  // Whoever compacts is told why.
    }
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
