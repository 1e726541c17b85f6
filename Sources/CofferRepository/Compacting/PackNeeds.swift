import CofferStorage
import CofferSystem

/// What a pack holds that is needed, by its own directory.
struct PackNeeds {
  struct Chunk {
    let id: ChunkID
    /// The block of the pack that has it; nil where only index objects say that the pack has it.
    let block: Int?
    /// Bytes; 0 where only index objects say that the pack has it.
    let length: Int
    /// Where it begins in its block; 0 where only index objects say that the pack has it.
    let offset: Int
    /// See `PackDirectory.Chunk.anchor`.
    let anchor: Int
    /// All places that it has in the index.
    let slots: [IndexSlot]
  }

  let pack: Digest256
  /// nil for a pack whose directory does not open.
  let reader: PackReader?
  let chunks: [Chunk]
  /// Whether anybody says what the pack holds: it itself, or an index object. Of others nothing is known, and they stay.
  let isKnown: Bool
}

extension PackCatalogue {
  /// Returns what of a pack is needed. A pack's own directory says what it holds; where that does not open, index objects do.
  ///
  /// - Throws: `StorageError`, when the store does not answer; `IndexCache.Damaged`.
  func needs(of digest: Digest256, _ marks: LiveMarks, _ context: RepositoryContext) throws -> PackNeeds {
    try needs(of: digest, in: RunStore.readable { try PackReader(digest, context: context) }, marks)
  }

  private func needs(of digest: Digest256, in reader: PackReader?, _ marks: LiveMarks) throws -> PackNeeds {
    var candidates: [(id: ChunkID, block: Int?, length: Int, offset: Int, anchor: Int)] = []
    if let reader {
      for (number, block) in reader.directory.blocks.enumerated() {
        candidates += reader.directory.chunks[block.chunks].map { ($0.id, number, $0.length, $0.offset, $0.anchor) }
      }
    } else {
      candidates = Set(try statedChunks(of: digest)).sorted().map { ($0, nil, 0, 0, 0) }
    }
    let slots = try slots(of: candidates.map(\.id))
    let chunks = zip(candidates, slots).compactMap { candidate, slots in
      isNeeded(slots, marks)
        ? PackNeeds.Chunk(
          id: candidate.id, block: candidate.block, length: candidate.length, offset: candidate.offset,
          anchor: candidate.anchor, slots: slots)
        : nil
    }
    return PackNeeds(
      pack: digest, reader: reader, chunks: chunks,
      isKnown: reader != nil || packs[digest]?.places.isEmpty == false)
  }

  /// Calls `body` with what of packs is needed, of as many packs at a time as there is memory for.
  ///
  /// - Throws: `StorageError`, when the store does not answer; `IndexCache.Damaged`; what `body` throws.
  func forEachBatch(
    of packs: [Digest256], _ marks: LiveMarks, _ context: RepositoryContext, willRead: (Int) throws -> Void,
    _ body: ([PackNeeds]) throws -> Void
  ) throws {
    var batch: [PackNeeds] = []
    var count = 0
    var readers: [PackReader?] = []
    for (number, pack) in packs.enumerated() {
      try willRead(number)
      if readers.isEmpty {
        // One after the other each would take a way there and back.
        let group = packs[number..<min(number + (context.surroundings.isFar ? Self.openedTogether : 1), packs.count)]
        readers = try context.sideBySide.map(Array(group)) { pack in
          try RunStore.readable { try PackReader(pack, context: context) }
        }
      }
      let needs = try needs(of: pack, in: readers.removeFirst(), marks)
      batch.append(needs)
      // Directories are held with it, of packs that nothing needs as well.
      count += max(needs.reader?.directory.chunks.count ?? 0, needs.chunks.count, 1)
      if count >= Self.batchChunks || number == packs.count - 1 {
        try body(batch)
        batch = []
        count = 0
      }
    }
  }

  /// Chunks of packs that are looked at together.
  private static let batchChunks = 1 << 18
  private static let openedTogether = 8

  /// A run's table has a few copies of each chunk only. Where there may be more, the marked one may be none of them.
  private func isNeeded(_ slots: [IndexSlot], _ marks: LiveMarks) -> Bool {
    if slots.contains(where: marks.isNeeded) { return true }
    guard slots.count >= IndexProbe.copyLimit else { return false }
    return runs.indices.contains { run in slots.count { $0.run == run } >= IndexProbe.copyLimit }
  }

  private func slots(of ids: [ChunkID]) throws -> [[IndexSlot]] {
    var slots = [[IndexSlot]](repeating: [], count: ids.count)
    for start in stride(from: 0, to: ids.count, by: BatchLookup.limit) {
      let batch = Array(ids[start..<min(start + BatchLookup.limit, ids.count)])
      for (run, entry) in runs.enumerated() {
        try BatchLookup(entry).forEachCopy(of: batch) { slots[start + $0].append(IndexSlot(run: run, number: $1)) }
      }
    }
    return slots
  }
}

/// Reads copies of chunks and computes their ids again: no copy is given up for another that is only said to be there.
final class CopyVerifier {
  private let context: RepositoryContext
  private let catalogue: PackCatalogue
  private let blocks: BlockReader
  let cache: ReadCache
  /// Of a far store.
  let supply: BlockSupply?
  private let cancellation: Cancellation

  init(_ context: RepositoryContext, _ catalogue: PackCatalogue, _ cancellation: Cancellation) throws {
    self.context = context
    self.catalogue = catalogue
    self.cancellation = cancellation
    cache = ReadCache(blockCount: 32 + context.surroundings.workers * 12)
    supply = context.surroundings.isFar ? try BlockSupply(context) : nil
    blocks = try BlockReader(context: context, cache: cache, for: .chunks, supply: supply)
  }

  /// Takes directories that were read already.
  func know(_ readers: some Sequence<PackReader>) throws {
    for reader in readers { _ = try cache.packs.value(of: reader.digest) { reader } }
  }

  /// Tells which chunks of packs have a copy elsewhere that was read just now.
  ///
  /// - Parameter survives: Whether a pack may be the one that is left with a chunk.
  /// - Returns: Of each pack for each chunk whether it has.
  /// - Throws: `StorageError`, when the store does not answer; `RunCancelled`.
  func verified(_ batch: [PackNeeds], survives: (Digest256) -> Bool) throws -> [[Bool]] {
    var verified = batch.map { [Bool](repeating: false, count: $0.chunks.count) }
    var copies: [(place: BlockPlace, pack: Int, chunk: Int, isDoubtful: Bool)] = []
    for (pack, needs) in batch.enumerated() {
      for (number, chunk) in needs.chunks.enumerated() {
        for slot in chunk.slots {
          let place = catalogue.place(of: slot)
          guard place.pack != needs.pack, survives(place.pack) else { continue }
          copies.append((place, pack, number, catalogue.doubtful.contains(place.pack)))
        }
      }
    }
    // Each block is read once, and doubtful ones only for what no other has.
    copies.sort { left, right in
      if left.isDoubtful != right.isDoubtful { return right.isDoubtful }
      if left.place.pack != right.place.pack { return left.place.pack < right.place.pack }
      return left.place.block < right.place.block
    }
    var ahead = StepsAhead(context, cache, supply, count: copies.count)
    for (number, copy) in copies.enumerated() {
      try ahead.reach(number) { verified[copies[$0].pack][copies[$0].chunk] ? [] : [copies[$0].place] }
      guard !verified[copy.pack][copy.chunk] else { continue }
      try cancellation.check()
      verified[copy.pack][copy.chunk] = try chunk(batch[copy.pack].chunks[copy.chunk].id, at: copy.place) != nil
    }
    return verified
  }

  /// Returns a chunk's bytes, verified by its id.
  ///
  /// - Returns: nil when it is not there, or damaged.
  /// - Throws: `StorageError`, when the store does not answer; `RunCancelled`.
  func chunk(_ id: ChunkID, at place: BlockPlace) throws -> (block: PlainBlock, range: Range<Int>)? {
    try RunStore.readable {
      let block = try blocks.block(place.block, of: place.pack)
      return (block, try blocks.chunk(id, of: block, at: place))
    }
  }
}
