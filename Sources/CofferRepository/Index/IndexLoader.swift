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

  package init(context: RepositoryContext) throws {
    self.context = context
    let path = context.surroundings.cacheFolder.map { "\($0)/\(context.header.id)" }
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

  /// Returns an index over all packs that exist.
  ///
  /// Damaged index objects are passed over: the index is a cache, and what they named is read from the packs.
  func load(for purpose: Purpose) throws -> ChunkIndex {
    try context.times.measure(.index) {
      let names = try objectNames()
      let existing = try existingPacks()
      let runs = try usable(try self.runs(of: names, over: existing), existing, purpose)
      let index = ChunkIndex(
        runs: runs, cache: cache, owner: context.keys.id,
        reload: { [self] in try usable(try self.runs(of: names, over: existing), existing, purpose) })
      try addUnnamed(existing, to: index, runs, purpose)
      return index
    }
  }

  /// The runs that count, those of trusted keys first, each avoiding the packs that are not to be leaned on.
  private func usable(
    _ runs: [IndexRun], _ existing: [Digest256: Int], _ purpose: Purpose
  ) throws -> [IndexRun] {
    let counting = runs.filter { purpose == .reading || isTrusted($0.signer) }
    // Of all runs before any is judged: a pack may lean on one of another run.
    for run in counting where isTrusted(run.signer) {
      for number in 0..<run.layout.packCount {
        let pack = run.pack(number)
        if let size = existing[pack.digest], size != pack.size, pack.size > 0 {
          note(pack.digest, size: size, instead: pack.size)
        }
      }
    }
    let quarantined = try context.quarantine.load(context)
    return counting.sorted { isTrusted($0.signer) && !isTrusted($1.signer) }.map { run in
      run.avoiding(damagedPacks(of: run, existing, quarantined))
    }
  }

  /// The packs of a run that were found damaged, have another size than they should, or lean on one that is damaged or gone.
  private func damagedPacks(
    of run: IndexRun, _ existing: [Digest256: Int], _ quarantined: Set<Digest256>
  ) -> Set<Int> {
    var damaged: Set<Int> = []
    for number in 0..<run.layout.packCount {
      let pack = run.pack(number)
      if quarantined.contains(pack.digest) {
        damaged.insert(number)
      } else if let size = existing[pack.digest], size != pack.size, pack.size > 0 {
        damaged.insert(number)
      }
    }
    for (number, base) in run.bases where existing[base] == nil || quarantined.contains(base) { damaged.insert(number) }
    guard !damaged.isEmpty else { return damaged }
    // A pack whose size is wrong may be the base of others in the same run.
    let names = Set(damaged.map { run.pack($0).digest })
    for (number, base) in run.bases where names.contains(base) { damaged.insert(number) }
    return damaged
  }

  private func note(_ pack: Digest256, size: Int, instead right: Int) {
    context.remarks.add(
      Diagnosis(
        subject: "repository \(context.location)",
        problem: "Pack \(pack) has \(size) bytes instead of \(right); nothing leans on it any more, and what it holds "
          + "is stored again when it comes by",
        suggestion: "Run 'coffer check' to see which archives are affected"))
    context.quarantine.add(pack, "it has \(size) bytes instead of \(right)", context)
  }

  private func addUnnamed(
    _ existing: [Digest256: Int], to index: ChunkIndex, _ runs: [IndexRun], _ purpose: Purpose
  ) throws {
    var unnamed = existing
    for run in runs {
      for number in 0..<run.layout.packCount { unnamed[run.pack(number).digest] = nil }
    }
    guard !unnamed.isEmpty else { return }
    let quarantined = try context.quarantine.load(context)
    for digest in unnamed.keys.sorted() {
      guard let reader = try RunStore.readable({ try PackReader(digest, context: context) }) else { continue }
      guard purpose == .reading || context.trustsForDeduplication(reader.signer) else { continue }
      let pack = IndexedPack(
        digest: digest, kind: reader.header.kind, size: reader.size, directory: reader.directory)
      let isWhole =
        !quarantined.contains(digest)
        && reader.directory.basePacks.allSatisfy { existing[$0] != nil && !quarantined.contains($0) }
      if purpose == .reading || isWhole { try index.add(pack) }
    }
  }

  private func isTrusted(_ signer: KeyID) -> Bool {
    context.signers[signer].map(context.trustsForDeduplication) ?? false
  }

  /// Returns what the index objects say of packs that exist, of each signer's objects in runs of their own: from the
  /// cache, and what it does not have yet from the objects.
  func runs(of names: [ObjectName], over existing: [Digest256: Int]) throws -> [IndexRun] {
    do {
      return try runsOnce(of: names, over: existing)
    } catch is IndexCache.Damaged {
      // The file is gone by now.
      return try runsOnce(of: names, over: existing)
    }
  }

  private func runsOnce(of names: [ObjectName], over existing: [Digest256: Int]) throws -> [IndexRun] {
    var objects: [Digest256: ObjectName] = [:]
    for name in names {
      if let digest = Digest256(hex: name.lastPart) { objects[digest] = name }
    }
    var entries = currentEntries(existing, objects)
    for entry in entries { for source in entry.run.sources { objects[source] = nil } }
    let readable = try objects.compactMap { digest, name in
      try RunStore.readable { try read(name) }.map { (digest, $0) }
    }
    let fresh = Dictionary(grouping: readable) { $0.1.signer.id }
    for (signer, segments) in fresh {
      var seen: Set<Digest256> = []
      let packs = segments.flatMap(\.1.packs).filter { existing[$0.digest] != nil && seen.insert($0.digest).inserted }
      let made = try cache.make(of: try packs.compactMap(withBases), signer: signer, sources: segments.map(\.0))
      if let made { entries.append(made) }
    }
    return try tidied(entries).map(\.run)
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
      if merged.name != nil { for number in chosen { cache.remove(group[number]) } }
      tidied += group.indices.filter { !chosen.contains($0) }.map { group[$0] } + [merged]
    }
    return tidied
  }

  /// The index objects. They are listed before the packs: what they name was there before they were.
  func objectNames() throws -> [ObjectName] { try context.store.list(IndexSegment.folder).map(\.name) }

  /// Returns the packs in the store with their sizes.
  func existingPacks() throws -> [Digest256: Int] {
    var packs: [Digest256: Int] = [:]
    try context.store.forEachObject(in: PackFolder.name) { status in
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
      throw context.unopenable(name, error)
    } catch let error as ByteReader.Malformed {
      throw context.damaged(name, "it makes no sense at byte \(error.offset)")
    }
  }
}
