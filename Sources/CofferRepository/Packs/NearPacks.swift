import CofferSystem

/// The packs that a writer reads to code edits against: those of this machine's cache, and of a store that is not far away
/// the others, too.
struct NearPacks: Sendable {
  private let cache: PackCache?
  /// Whether what the cache does not have is to be done without.
  private let isOnly: Bool

  init(_ context: RepositoryContext) {
    let surroundings = context.surroundings
    isOnly = surroundings.isFar
    // A key that cannot open packs has no use for them.
    let folder = context.keys.dataPrivate == nil ? nil : context.cachePath
    cache = folder.flatMap { PackCache("\($0)/packs", limit: surroundings.baseCacheSize) }
  }

  /// - Returns: nil for a pack that has to be read from the store.
  /// - Throws: `PackIsFar` for one that is not worth that.
  func open(_ pack: Digest256) throws(PackIsFar) -> CachedPack? {
    if let cached = cache?.open(pack) { return cached }
    guard !isOnly else { throw PackIsFar(pack: pack) }
    return nil
  }

  func keep(_ pack: FinishedPack) { cache?.keep(pack.indexed.digest, pack.content) }

  func forget(_ pack: Digest256) { cache?.forget(pack) }
}

/// A pack would have to be downloaded to save less than that takes: what leans on it is stored in full.
struct PackIsFar: Error {
  let pack: Digest256
}
