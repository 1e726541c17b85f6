import CofferStorage
import CofferSystem

/// What is known of the packs that stand: what index objects say of them, counting or not, and of those that no full key's index
/// object names what they say themselves.
///
/// Index objects are believed for the choice of what may go. Before anything does, its own directory is asked. What a pack leans
/// on, which is kept for it, is taken from full keys and from packs themselves only: a stolen write-only key may have signed
/// anything about anybody's pack.
final class PackCatalogue {
  struct Pack {
    /// Bytes of the object, as listed.
    let size: Int
    var kind = PackKind.data
    /// Plain bytes of all blocks, as somebody says.
    var plainSize = 0
    /// The packs that its delta blocks lean on.
    var bases: Set<Digest256> = []
    /// Where it is in the runs of the index: the number of the run, and of the pack in it.
    var places: [(run: Int, number: Int)] = []
  }

  /// Those whose word counts for everybody come first, and packs that no index object names last.
  let runs: [IndexRun]
  private(set) var packs: [Digest256: Pack]
  /// Packs that were found damaged, and those that lean on them.
  let doubtful: Set<Digest256>

  /// Puts together what is known of packs.
  ///
  /// - Parameters:
  ///   - names: Index objects, listed before the packs were.
  ///   - standing: The packs in the store with their sizes.
  /// - Throws: `StorageError`; `IndexCache.Damaged`.
  init(_ context: RepositoryContext, names: [ObjectName], standing: [Digest256: Int]) throws {
    let loader = try IndexLoader(context: context)
    var packs = standing.mapValues { Pack(size: $0) }
    let known = try loader.runs(of: names, over: standing)
    let trusted = known.filter { Self.isTrusted($0, context) }
    let others = known.filter { !Self.isTrusted($0, context) }
    let unvouched = Set(standing.keys).subtracting(Self.digests(of: trusted))
    let unnamed = unvouched.subtracting(Self.digests(of: others))
    let own = try Self.run(of: unvouched.subtracting(unnamed), loader, context)
    let orphans = try Self.run(of: unnamed, loader, context)
    let all = trusted + own + others + orphans
    // A pack whose own directory does not open holds nothing that could be read; what it leans on anybody may say.
    let unopened = unvouched.subtracting(Self.digests(of: own + orphans))
    for (number, run) in all.enumerated() {
      Self.add(run, number, to: &packs) { Self.isTrusted(run, context) || unopened.contains($0) }
    }
    doubtful = try Self.doubtful(packs, all, context)
    runs = all.map { [doubtful] run in
      run.avoiding(Set((0..<run.layout.packCount).filter { doubtful.contains(run.pack($0).digest) }))
    }
    self.packs = packs
  }

  private static func isTrusted(_ run: IndexRun, _ context: RepositoryContext) -> Bool {
    context.signers[run.signer]?.role == .full
  }

  private static func digests(of runs: [IndexRun]) -> Set<Digest256> {
    var digests: Set<Digest256> = []
    for run in runs {
      for number in 0..<run.layout.packCount { digests.insert(run.pack(number).digest) }
    }
    return digests
  }

  /// - Parameter believesBases: Whether what the run says a pack leans on is to be believed.
  private static func add(
    _ run: IndexRun, _ number: Int, to packs: inout [Digest256: Pack], believesBases: (Digest256) -> Bool
  ) {
    for pack in 0..<run.layout.packCount {
      let stated = run.pack(pack)
      guard var known = packs[stated.digest] else { continue }
      if known.places.isEmpty {
        known.kind = stated.kind
        known.plainSize = stated.plainSize
      }
      known.places.append((number, pack))
      packs[stated.digest] = known
    }
    for (pack, base) in run.bases {
      let digest = run.pack(pack).digest
      if believesBases(digest) { packs[digest]?.bases.insert(base) }
    }
  }

  /// Packs by their own directories; those that do not open are left out.
  private static func run(
    of digests: Set<Digest256>, _ loader: IndexLoader, _ context: RepositoryContext
  ) throws -> [IndexRun] {
    var runs: [IndexRun] = []
    var batch: [IndexedPack] = []
    func makeRun() throws {
      guard !batch.isEmpty else { return }
      let made = try loader.cache.make(of: batch, signer: context.keys.id, sources: [], isLasting: false)
      runs += made.map { [$0.run] } ?? []
      batch = []
      if runs.count > runLimit, let merged = try loader.cache.merge(runs, isLasting: false) { runs = [merged.run] }
    }
    for digest in digests.sorted() {
      guard let reader = try RunStore.readable({ try PackReader(digest, context: context) }) else { continue }
      batch.append(
        IndexedPack(digest: digest, kind: reader.header.kind, size: reader.size, directory: reader.directory))
      if batch.count == batchLimit { try makeRun() }
    }
    try makeRun()
    return runs
  }

  /// Packs whose directories are held at a time, and runs of them: somebody may have left many.
  private static let batchLimit = 32
  private static let runLimit = 6

  private static func doubtful(
    _ packs: [Digest256: Pack], _ runs: [IndexRun], _ context: RepositoryContext
  ) throws -> Set<Digest256> {
    var doubtful = try context.quarantine.loadForDeleting(context)
    for run in runs where isTrusted(run, context) {
      for number in 0..<run.layout.packCount {
        let pack = run.pack(number)
        if let size = packs[pack.digest]?.size, size != pack.size, pack.size > 0 { doubtful.insert(pack.digest) }
      }
    }
    let leaning = packs.filter { pack in
      pack.value.bases.contains { packs[$0] == nil || doubtful.contains($0) }
    }
    return doubtful.union(leaning.keys)
  }
}

extension PackCatalogue {
  /// The numbers of a pack's chunks in a run.
  private func chunks(_ place: (run: Int, number: Int)) -> Range<Int> {
    let run = runs[place.run]
    let blocks = run.blocks(ofPack: place.number)
    guard let last = blocks.last else { return 0..<0 }
    return run.chunks(ofBlock: blocks.lowerBound).lowerBound..<run.chunks(ofBlock: last).upperBound
  }

  /// Returns the plain bytes of a pack's chunks that are marked.
  ///
  /// - Throws: `IndexCache.Damaged`.
  func neededSize(of pack: Pack, _ marks: LiveMarks) throws -> Int {
    var size = 0
    for place in pack.places {
      let chunks = chunks(place)
      guard let lengths = runs[place.run].lengthBytes(chunks) else { throw IndexCache.Damaged() }
      lengths.withUnsafeBytes { lengths in
        for (offset, chunk) in chunks.enumerated()
        where marks.isNeeded(IndexSlot(run: place.run, number: chunk)) {
          size += Int(lengths.loadUnaligned(fromByteOffset: offset * IndexRunLayout.lengthSize, as: UInt32.self))
        }
      }
    }
    return min(size, max(pack.plainSize, size > 0 ? 1 : 0))
  }

  /// Returns the ids of what index objects say that a pack holds.
  ///
  /// - Throws: `IndexCache.Damaged`.
  func statedChunks(of digest: Digest256) throws -> [ChunkID] {
    try (packs[digest]?.places ?? []).flatMap { place -> [ChunkID] in
      let chunks = chunks(place)
      guard let bytes = runs[place.run].idBytes(chunks) else { throw IndexCache.Damaged() }
      return bytes.withUnsafeBytes { bytes in
        (0..<chunks.count).map { ChunkID(UnsafeRawBufferPointer(rebasing: bytes[($0 * ChunkID.size)...])) }
      }
    }
  }

  func place(of slot: IndexSlot) -> BlockPlace { runs[slot.run].location(ofNumber: slot.number) }

  /// The packs that stand and lean on each pack.
  func leaners() -> [Digest256: Set<Digest256>] {
    packs.reduce(into: [:]) { leaners, pack in
      for base in pack.value.bases { leaners[base, default: []].insert(pack.key) }
    }
  }

  /// What is left of a set of packs that are to go when all stay that any pack which stays leans on.
  func withoutBasesOfRest(_ going: Set<Digest256>) -> Set<Digest256> {
    let leaners = leaners()
    var going = going
    while true {
      let needed = going.filter { base in leaners[base]?.contains { !going.contains($0) } == true }
      if needed.isEmpty { return going }
      going.subtract(needed)
    }
  }
}
