import CofferStorage
import CofferSystem

/// Reads the index objects, and for packs that none of them names the packs' own directories.
package struct IndexLoader: Sendable {
  let context: RepositoryContext
  /// The cache of this repository's index runs on this machine.
  package let cache: IndexCache

  /// Who is going to use the index.
  enum Purpose {
    /// Reading: every pack counts whose directory a known key signed.
    case reading
    /// Writing: only packs count that this key or a full key signed, so that nobody else's word is taken for a chunk being
    /// there, and that an index object names which counts.
    case deduplication(Rounds)

    var isWriting: Bool { if case .deduplication = self { true } else { false } }

    /// Whether what an index object says is to be used.
    func counts(_ source: IndexSource) -> Bool {
      guard case .deduplication(let rounds) = self else { return true }
      return rounds.counts(source.digest, round: source.round)
    }
  }

  /// What an index object turned out to be.
  struct IndexObject: Sendable {
    let name: ObjectName
    let packs: [IndexedPack]
    let signer: Signer
    /// The round of compaction that the session which wrote it saw.
    let round: Int
  }

  package init(context: RepositoryContext) throws {
    self.context = context
    let path = context.cachePath
    let (remarks, location) = (context.remarks, context.location)
    cache = IndexCache(
      folder: path.flatMap(CacheFolder.init), key: try context.cacheKey(), random: context.random,
      didFindDamage: {
        remarks.add(
          Diagnosis(
            subject: "repository \(location)",
            problem: "This machine's cache of the index is damaged; the repository is read instead",
            suggestion: "Nothing needs to be done; if it happens again, look at the disk that \(path ?? "it") is on"))
      })
  }

  /// Returns an index over all packs that exist: for readers also over those that no index object names.
  ///
  /// Damaged index objects are passed over: the index is a cache, and what they named is read from the packs, or stored again.
  func load(for purpose: Purpose) throws -> ChunkIndex {
    let there = try whatIsThere()
    return try load(for: purpose, there.names, over: there.packs, there.quarantined)
  }

  /// What the store lists: the index objects before the packs, and not at the same time. An object that names a pack which was put
  /// meanwhile, and is not in the list, would be kept in this machine's cache without that pack, and never be read again.
  private func whatIsThere() throws -> (names: [ObjectName], packs: [Digest256: Int], quarantined: Set<Digest256>) {
    let lists = [[IndexSegment.folder], [PackFolder.name, Quarantine.folder]]
    let found = try context.inOrder(OrderedCalls(listing: lists)).map { try $0.get() }
    return (found[0].map(\.name), packs(among: found[1]), try context.quarantine.load(context, found[2]))
  }

  /// - Parameters:
  ///   - names: The index objects, which were listed first.
  ///   - existing: The packs that there are, with their sizes.
  ///   - quarantined: Those that were found damaged; nil to look for them.
  func load(
    for purpose: Purpose, _ names: [ObjectName], over existing: [Digest256: Int], _ quarantined: Set<Digest256>? = nil
  ) throws -> ChunkIndex {
    try loadWithRuns(for: purpose, names, over: existing, quarantined).index
  }

  /// Loads the index for reading.
  ///
  /// - Returns: The index; the packs that there are; and those of which only index objects of write-only keys tell.
  func loadForReading() throws -> (index: ChunkIndex, existing: Set<Digest256>, unvouched: Set<Digest256>) {
    let there = try whatIsThere()
    let (index, runs) = try loadWithRuns(for: .reading, there.names, over: there.packs, there.quarantined)
    var vouched: Set<Digest256> = []
    var claimed: Set<Digest256> = []
    for run in runs {
      let isFull = context.signers[run.signer]?.role == .full
      for number in 0..<run.layout.packCount {
        if isFull { vouched.insert(run.pack(number).digest) } else { claimed.insert(run.pack(number).digest) }
      }
    }
    return (index, Set(there.packs.keys), claimed.subtracting(vouched))
  }

  private func loadWithRuns(
    for purpose: Purpose, _ names: [ObjectName], over existing: [Digest256: Int], _ quarantined: Set<Digest256>? = nil
  ) throws -> (index: ChunkIndex, runs: [IndexRun]) {
    try context.times.measure(.index) {
      let packs = LeanablePacks(context: context, existing: existing, quarantined: quarantined)
      let runs = try packs.runs(try self.runs(of: names, over: existing, for: purpose), for: purpose)
      if context.surroundings.isFar { context.packSizes.note(tailsIn: runs) }
      let index = ChunkIndex(
        runs: runs, cache: cache, owner: context.keys.id,
        reload: { [self] in try packs.runs(try self.runs(of: names, over: existing, for: purpose), for: purpose) })
      if !purpose.isWriting { try addUnnamed(existing, to: index, runs) }
      return (index, runs)
    }
  }

  /// Nobody leans on packs that no index object names, but readers need not care.
  private func addUnnamed(_ existing: [Digest256: Int], to index: ChunkIndex, _ runs: [IndexRun]) throws {
    var unnamed = existing
    for run in runs {
      for number in 0..<run.layout.packCount { unnamed[run.pack(number).digest] = nil }
    }
    try add(Set(unnamed.keys), to: index)
  }

  /// Makes known what packs say themselves; those that do not open are passed over.
  ///
  /// - Throws: `StorageError`, when the store does not answer; `RunCancelled`.
  func add(_ packs: Set<Digest256>, to index: ChunkIndex) throws {
    for digest in packs.sorted() {
      guard let reader = try RunStore.readable({ try PackReader(digest, context: context) }) else { continue }
      try index.add(
        IndexedPack(digest: digest, kind: reader.header.kind, size: reader.size, directory: reader.directory))
    }
  }

  /// Returns what the index objects say of packs that exist, of each signer's objects in runs of their own: from the
  /// cache, and what it does not have yet from the objects.
  func runs(
    of names: [ObjectName], over existing: [Digest256: Int], for purpose: Purpose = .reading
  ) throws -> [IndexRun] {
    do {
      return try runsOnce(of: names, over: existing, purpose)
    } catch is IndexCache.Damaged {
      // The file is gone by now.
      return try runsOnce(of: names, over: existing, purpose)
    }
  }

  private func runsOnce(
    of names: [ObjectName], over existing: [Digest256: Int], _ purpose: Purpose
  ) throws -> [IndexRun] {
    var objects: [Digest256: ObjectName] = [:]
    for name in names {
      if let digest = Digest256(hex: name.lastPart) { objects[digest] = name }
    }
    var entries = currentEntries(existing, objects, purpose)
    for entry in entries { for source in entry.run.sources { objects[source.digest] = nil } }
    let readable = try context.sideBySide.map(Array(objects)) { digest, name in
      try RunStore.readable { try read(name) }.map { (IndexSource(digest, round: $0.round), $0) }
    }.compactMap(\.self)
    // Also what does not count is kept, by itself, so that it need not be read again to know that.
    for counts in [true, false] {
      let fresh = Dictionary(grouping: readable.filter { purpose.counts($0.0) == counts }) { $0.1.signer.id }
      for (signer, segments) in fresh {
        var seen: Set<Digest256> = []
        let packs = segments.flatMap(\.1.packs).filter { existing[$0.digest] != nil && seen.insert($0.digest).inserted }
        let made = try cache.make(of: try packs.compactMap(withBases), signer: signer, sources: segments.map(\.0))
        if let made { entries.append(made) }
      }
    }
    return try tidied(entries.filter { $0.run.sources.allSatisfy(purpose.counts) }).map(\.run)
  }

  /// Older index objects do not say what a pack leans on; its own directory does.
  ///
  /// - Returns: nil when that cannot be read: the pack stays unnamed, and is looked at again each time.
  private func withBases(_ pack: IndexedPack) throws -> IndexedPack? {
    guard pack.bases == nil else { return pack }
    guard let reader = try RunStore.readable({ try PackReader(pack.digest, context: context) }) else { return nil }
    var pack = pack
    pack.bases = reader.directory.basePacks.sorted()
    return pack
  }

  /// The cached runs that name nothing but what is there, and whose sources all count or all do not; others are removed.
  private func currentEntries(
    _ existing: [Digest256: Int], _ objects: [Digest256: ObjectName], _ purpose: Purpose
  ) -> [IndexCache.Entry] {
    var covered: Set<IndexSource> = []
    let largestFirst = cache.entries().sorted { $0.run.layout.chunkCount > $1.run.layout.chunkCount }
    return largestFirst.filter { entry in
      let run = entry.run
      let isCurrent =
        context.signers[run.signer] != nil && run.sources.allSatisfy { objects[$0.digest] != nil }
        && Set(run.sources.map(purpose.counts)).count <= 1
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
      if merged.name != nil { for number in chosen { cache.remove(group[number]) } }
      tidied += group.indices.filter { !chosen.contains($0) }.map { group[$0] } + [merged]
    }
    return tidied
  }

  /// The index objects. They are listed before the packs: what they name was there before they were.
  func objectNames() throws -> [ObjectName] { try context.store.list(IndexSegment.folder).map(\.name) }

  /// Returns the packs in the store with their sizes.
  func existingPacks() throws -> [Digest256: Int] {
    packs(among: try context.store.list(PackFolder.name))
  }

  private func packs(among listed: [ObjectStatus]) -> [Digest256: Int] {
    var packs: [Digest256: Int] = [:]
    for status in listed {
      if let digest = PackFolder.digest(of: status.name) { packs[digest] = status.size }
    }
    context.packSizes.note(packs)
    return packs
  }

  /// Reads one index object.
  ///
  /// - Throws: `StorageError`; `RepositoryError.damaged`.
  func read(_ name: ObjectName) throws -> IndexObject {
    let bytes = try context.store.get(name, limit: ObjectLimit.index)
    do {
      let (payload, signer) = try context.envelope.open(
        bytes, purpose: .index, context: [], signers: context.signers)
      let (packs, round) = try payload.withUnsafeBytes { try IndexSegment.decode($0) }
      return IndexObject(name: name, packs: packs, signer: signer, round: round)
    } catch let error as Envelope.Unopenable {
      throw context.unopenable(name, error)
    } catch let error as ByteReader.Malformed {
      throw context.damaged(name, "it makes no sense at byte \(error.offset)")
    }
  }
}
