import CofferStorage

/// Reads the index objects, and for packs that none of them names the packs' own directories.
struct IndexLoader {
  let context: RepositoryContext

  /// Who is going to use the index.
  enum Purpose {
    /// Reading: every pack counts whose directory a known key signed.
    case reading
    /// Writing: only packs count that this key or a full key signed, so that nobody else's word is taken for a
    /// chunk being there.
    case deduplication
  }

  /// What an index object turned out to be.
  struct Segment {
    let name: ObjectName
    let packs: [IndexedPack]
    let signer: Signer
  }

  /// The cache of this repository's index runs on this machine.
  var cache: IndexCache {
    IndexCache(
      folder: context.surroundings.cacheFolder.map { "\($0)/\(context.header.id)" }, random: context.random)
  }

  /// Returns an index over all packs that exist.
  ///
  /// Damaged index objects are passed over: the index is a cache, and what they named is read from the packs.
  func load(for purpose: Purpose) throws -> ChunkIndex {
    try context.times.measure(.index) { try loadUnmeasured(for: purpose) }
  }

  private func loadUnmeasured(for purpose: Purpose) throws -> ChunkIndex {
    let existing = try existingPacks()
    let runs = try runs(over: existing).filter { purpose == .reading || isTrusted($0.signer) }
    let index = ChunkIndex(runs: runs, cache: cache, owner: context.keys.id)
    var unnamed = existing
    for run in runs {
      for number in 0..<run.layout.packCount { unnamed[run.pack(number).digest] = nil }
    }
    for (digest, _) in unnamed {
      guard let reader = try? PackReader(digest, context: context) else { continue }
      guard purpose == .reading || context.trustsForDeduplication(reader.signer) else { continue }
      try index.add(
        IndexedPack(
          digest: digest, kind: reader.header.kind, size: reader.size, directory: reader.directory))
    }
    return index
  }

  private func isTrusted(_ signer: KeyID) -> Bool {
    context.signers[signer].map(context.trustsForDeduplication) ?? false
  }

  /// Returns what the index objects say of packs that exist, of each signer's objects in runs of their own: from the
  /// cache, and what it does not have yet from the objects.
  func runs(over existing: [Digest256: Int]) throws -> [IndexRun] {
    var objects: [Digest256: ObjectName] = [:]
    for status in try context.store.list(IndexSegment.folder) {
      if let digest = Digest256(hex: status.name.lastPart) { objects[digest] = status.name }
    }
    var entries = currentEntries(existing, objects)
    for entry in entries { for source in entry.run.sources { objects[source] = nil } }
    let fresh = Dictionary(grouping: objects.compactMap { digest, name in (try? read(name)).map { (digest, $0) } }) {
      $0.1.signer.id
    }
    for (signer, segments) in fresh {
      var seen: Set<Digest256> = []
      let packs = segments.flatMap(\.1.packs).filter { existing[$0.digest] != nil && seen.insert($0.digest).inserted }
      let made = try cache.make(of: packs, signer: signer, sources: segments.map(\.0))
      if let made { entries.append(made) }
    }
    return try tidied(entries).map(\.run)
  }

  /// The cached runs that name nothing but what is there; others are removed.
  private func currentEntries(
    _ existing: [Digest256: Int], _ objects: [Digest256: ObjectName]
  ) -> [IndexCache.Entry] {
    var covered: Set<Digest256> = []
    let largestFirst = cache.entries().sorted { $0.run.layout.chunkCount > $1.run.layout.chunkCount }
    return largestFirst.filter { entry in
      let run = entry.run
      let isCurrent =
        context.signers[run.signer] != nil && run.sources.allSatisfy { objects[$0] != nil }
        && (0..<run.layout.packCount).allSatisfy { existing[run.pack($0).digest] != nil }
      // Two programs may have read the same objects at the same time.
      guard isCurrent, !covered.isSuperset(of: run.sources) else {
        cache.remove(entry)
        return false
      }
      covered.formUnion(run.sources)
      return true
    }
  }

  private func tidied(_ entries: [IndexCache.Entry]) throws -> [IndexCache.Entry] {
    var tidied: [IndexCache.Entry] = []
    for (_, group) in Dictionary(grouping: entries, by: { $0.run.signer }) {
      let chosen = Set(IndexCache.worthMerging(group.map(\.run.layout.chunkCount)))
      guard !chosen.isEmpty, let merged = try cache.merge(chosen.sorted().map { group[$0].run }) else {
        tidied += group
        continue
      }
      // A merged run that has no file must not cost those that have.
      if merged.path != nil { for number in chosen { cache.remove(group[number]) } }
      tidied += group.indices.filter { !chosen.contains($0) }.map { group[$0] } + [merged]
    }
    return tidied
  }

  /// Returns the packs in the store with their sizes.
  func existingPacks() throws -> [Digest256: Int] {
    var packs: [Digest256: Int] = [:]
    for status in try context.store.list(PackFolder.name) {
      if let digest = PackFolder.digest(of: status.name) { packs[digest] = status.size }
    }
    return packs
  }

  /// Reads one index object.
  ///
  /// - Throws: `StorageError`; `RepositoryError.damaged`.
  func read(_ name: ObjectName) throws -> Segment {
    let bytes = try context.store.get(name, limit: ObjectLimit.index)
    do {
      let (payload, signer) = try context.envelope.open(
        bytes, purpose: .index, context: [], signers: context.signers)
      let packs = try payload.withUnsafeBytes { try IndexSegment.decode($0) }
      return Segment(name: name, packs: packs, signer: signer)
    } catch let error as Envelope.Unopenable {
      throw context.damaged(name, error.detail)
    } catch let error as ByteReader.Malformed {
      throw context.damaged(name, "it makes no sense at byte \(error.offset)")
    }
  }
}
