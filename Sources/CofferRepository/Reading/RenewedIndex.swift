import CofferStorage
import CofferSystem

/// The index of a read, which is loaded again when a compaction has moved what it names. Used by one thread at a time.
struct RenewedIndex {
  private(set) var current: ChunkIndex
  /// nil for an index that is not loaded again.
  private let loader: IndexLoader?
  private var existing: Set<Digest256> = []
  /// Packs that the store lists and does not give.
  private var contradictory: Set<Digest256> = []
  /// Whether it was loaded again for a chunk that it did not know.
  private var hasLookedForUnknown = false
  /// Packs of which only index objects of write-only keys tell, and whether they are asked themselves what they hold.
  private var unvouched: Set<Digest256> = []
  private var asksPacks = false

  /// For an index that somebody has made of what there is.
  init(fixed index: ChunkIndex) {
    current = index
    loader = nil
  }

  /// Loads the index.
  init(_ loader: IndexLoader) throws {
    self.loader = loader
    current = ChunkIndex()
    try load(loader)
  }

  private mutating func load(_ loader: IndexLoader) throws {
    (current, existing, unvouched) = try loader.loadForReading()
    if asksPacks { try askPacks(loader) }
  }

  private func askPacks(_ loader: IndexLoader) throws {
    try loader.add(unvouched, to: current)
    try current.knowEveryCopy()
  }

  /// Loads the index again if a pack that it names is not in the store any more. Each pack is gone once only, so this ends;
  /// a store that lists what it does not give is not asked again.
  ///
  /// - Returns: Whether it is another now.
  mutating func renew(after error: any Error) throws -> Bool {
    guard let loader, case StorageError.missing(let name, _) = error, let pack = PackFolder.digest(of: name),
      existing.contains(pack), !contradictory.contains(pack)
    else { return false }
    try load(loader)
    if existing.contains(pack) { contradictory.insert(pack) }
    return !existing.contains(pack)
  }

  /// Loads the index again, once, for a chunk that is nowhere: it may have been moved while the packs were listed.
  ///
  /// - Returns: Whether it is another now.
  mutating func renewForUnknown() throws -> Bool {
    guard let loader, !hasLookedForUnknown else { return false }
    hasLookedForUnknown = true
    try load(loader)
    return true
  }

  /// Asks packs themselves what they hold, once, for a chunk of which no good copy is found: index objects of write-only keys
  /// may say anything about any pack, also that it holds nothing, or contradict each other.
  ///
  /// - Returns: Whether it is another now.
  mutating func renewByPacks() throws -> Bool {
    guard let loader, !asksPacks, !unvouched.isEmpty else { return false }
    asksPacks = true
    try askPacks(loader)
    return true
  }
}
