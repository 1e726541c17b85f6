import CofferSystem
import Synchronization

/// Keeps what the index objects say that a session puts, so that the next program on this machine need not read them. They are
/// merged as they come: a session that puts thousands leaves few files, and holds few open. A cache that cannot be written is
/// none. Safe to use from several threads.
final class WrittenRuns: Sendable {
  private let cache: IndexCache
  private let signer: KeyID
  private let kept = Mutex<[IndexCache.Entry]>([])

  /// Runs of a session that could not be merged, at most.
  private static let limit = 32

  init(_ cache: IndexCache, signer: KeyID) {
    self.cache = cache
    self.signer = signer
  }

  func keep(_ packs: [IndexedPack], source: IndexSource) {
    guard cache.isLasting else { return }
    kept.withLock { kept in
      guard kept.count < Self.limit, let made = try? cache.make(of: packs, signer: signer, sources: [source]),
        made.name != nil
      else { return }
      kept.append(made)
      let chosen = Set(IndexCache.worthMerging(kept.map(\.run.layout.chunkCount)))
      guard !chosen.isEmpty, let merged = try? cache.merge(chosen.sorted().map { kept[$0].run }), merged.name != nil
      else { return }
      for number in chosen { cache.remove(kept[number]) }
      kept = kept.indices.filter { !chosen.contains($0) }.map { kept[$0] } + [merged]
    }
  }

  /// Ends the session: what it has written and the small files from before become one. Most repositories have one file then.
  ///
  /// - Parameter counts: Whether an index object counts for the session. What does not is in files of its own.
  func finish(counts: (IndexSource) -> Bool) {
    kept.withLock { kept in
      guard !kept.isEmpty else { return }
      let entries = cache.entries().filter { $0.run.signer == signer && $0.run.sources.allSatisfy(counts) }
      let chosen = IndexCache.worthOneFile(entries.map(\.run.layout.chunkCount)).map { entries[$0] }
      guard !chosen.isEmpty, let merged = try? cache.merge(chosen.map(\.run)), merged.name != nil else { return }
      chosen.forEach(cache.remove)
      kept = [merged]
    }
  }
}
