import CofferStorage
import CofferSystem
import Synchronization

/// Moves what is needed of packs that are to go into new packs: every chunk is read and its id computed again.
///
/// Chunks stay in the order in which they lay, and edits stay edits of what stays: only where the base goes, too, they are stored
/// in full.
final class ChunkMover {
  private let context: RepositoryContext
  private let catalogue: PackCatalogue
  private let marks: LiveMarks
  private let verifier: CopyVerifier
  private let cancellation: Cancellation
  /// The packs that are meant to go.
  private let going: Set<Digest256>
  private let counting: Set<Digest256>
  private var moved: SlotMarks
  private let pipeline: BlockPipeline
  private let fillers: [PackKind: BlockFiller]
  private let stored: StoredPacks

  /// - Parameters:
  ///   - going: The packs that are meant to go, also those of which nothing is needed.
  ///   - counting: The packs that counting index objects name.
  init(
    _ context: RepositoryContext, _ catalogue: PackCatalogue, _ marks: LiveMarks, going: Set<Digest256>,
    counting: Set<Digest256>, level: Int, _ cancellation: Cancellation
  ) throws {
    self.context = context
    self.catalogue = catalogue
    self.marks = marks
    self.cancellation = cancellation
    self.going = going
    self.counting = counting
    verifier = try CopyVerifier(context, catalogue, cancellation)
    moved = SlotMarks(catalogue.runs)
    let stored = StoredPacks(context)
    self.stored = stored
    let assembler = try PackAssembler(context: context) { try stored.put($0) }
    let workers = context.surroundings.workers
    let cache = ReadCache(blockCount: workers * 12)
    let pipeline = try BlockPipeline(
      workers: workers, inFlight: workers * 2 + 2,
      makeCoder: {
        try BlockCoder(
          level: level, bases: try BlockReader(context: context, cache: cache, for: .base), times: context.times)
      }, assemble: { try assembler.assemble($0) })
    self.pipeline = pipeline
    fillers = Dictionary(
      uniqueKeysWithValues: PackKind.allCases.map { ($0, BlockFiller(kind: $0, pipeline: pipeline)) })
  }

  /// Moves what is needed of a pack and has no other copy.
  ///
  /// - Returns: Whether all of it is there; a pack of which something is in no readable copy has to stay.
  /// - Throws: `StorageError`; `RunCancelled`; the first failure of storing.
  func move(_ digest: Digest256) throws -> Bool {
    let needs = try catalogue.needs(of: digest, marks, context)
    guard needs.isKnown else { return false }
    let elsewhere = try verifier.verified(needs) { counting.contains($0) && !going.contains($0) }
    var isWhole = true
    var delta: (block: Int, pending: PendingBlock)?
    for (number, chunk) in needs.chunks.enumerated() where !elsewhere[number] {
      try cancellation.check()
      guard !chunk.slots.contains(where: moved.contains) else { continue }
      guard let found = try read(chunk, needs) else {
        isWhole = false
        continue
      }
      if let before = delta, before.block != chunk.block {
        try pipeline.submit(before.pending)
        delta = nil
      }
      try found.block.bytes.withUnsafeBytes { bytes in
        let bytes = UnsafeRawBufferPointer(rebasing: bytes[found.range])
        if found.isOwn, let block = chunk.block, let prefix = stayingPrefix(of: block, in: needs) {
          let pending = delta?.pending ?? PendingBlock(kind: .data, capacity: PackDirectory.plainLimit)
          pending.prefix = prefix
          pending.append(chunk.id, bytes, anchor: chunk.anchor)
          delta = (block, pending)
        } else {
          try fillers[found.block.kind]?.append(chunk.id, bytes)
        }
      }
      for slot in chunk.slots { moved.insert(slot) }
    }
    if let delta { try pipeline.submit(delta.pending) }
    return isWhole
  }

  /// - Returns: The chunk from this pack, or from any other that stands; nil when no copy is readable.
  private func read(
    _ chunk: PackNeeds.Chunk, _ needs: PackNeeds
  ) throws -> (block: PlainBlock, range: Range<Int>, isOwn: Bool)? {
    if let block = chunk.block,
      let found = try verifier.chunk(chunk.id, at: BlockPlace(pack: needs.pack, block: block))
    {
      return (found.block, found.range, true)
    }
    for slot in chunk.slots {
      let place = catalogue.place(of: slot)
      guard place.pack != needs.pack, let found = try verifier.chunk(chunk.id, at: place) else { continue }
      return (found.block, found.range, false)
    }
    return nil
  }

  /// What a delta block leans on, if all of that stays and may be leaned on.
  private func stayingPrefix(of block: Int, in needs: PackNeeds) -> [PackDirectory.Segment]? {
    guard let entry = needs.reader?.directory.blocks[block], entry.coding == .delta, !entry.prefix.isEmpty,
      entry.prefix.allSatisfy({
        catalogue.packs[$0.pack] != nil && counting.contains($0.pack) && !going.contains($0.pack)
          && !catalogue.doubtful.contains($0.pack)
      })
    else { return nil }
    return entry.prefix
  }

  /// Stores what is left.
  ///
  /// - Returns: The new packs, all of them stored.
  /// - Throws: The first failure of storing.
  func finish() throws -> [IndexedPack] {
    for kind in PackKind.allCases { try fillers[kind]?.flush() }
    try pipeline.finish()
    return stored.packs
  }

  func abandon() { pipeline.abandon() }
}

/// Puts packs, and remembers what is in them for the index object that follows.
private final class StoredPacks: Sendable {
  private let context: RepositoryContext
  private let stored = Mutex<[IndexedPack]>([])

  init(_ context: RepositoryContext) {
    self.context = context
  }

  var packs: [IndexedPack] { stored.withLock { $0 } }

  func put(_ pack: FinishedPack) throws {
    guard let name = pack.indexed.digest.packName else { return }
    try context.times.measure(.store, bytes: pack.indexed.size) { try context.store.put(name, pack.content) }
    stored.withLock { $0.append(pack.indexed) }
  }
}
