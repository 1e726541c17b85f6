import CofferStorage
import CofferSystem

/// Moves what is needed of packs that are to go into new packs: every chunk is read and its id computed again.
///
/// What the newest archives need goes first: in full, in the order of their streams. The rest follows: edits stay edits of what
/// stays, and what stood in the place of something that was written anew becomes a difference against that. Where neither is so,
/// it is stored in full.
final class ChunkMover {
  private let context: RepositoryContext
  private let catalogue: PackCatalogue
  private let verifier: CopyVerifier
  private let cancellation: Cancellation
  /// The packs that are meant to go.
  private let going: Set<Digest256>
  private let counting: Set<Digest256>
  private let level: Int
  private var moved: SlotMarks
  private var rewritten = RewrittenPlaces()
  private var stored: [IndexedPack] = []
  private var packs: NewPacks
  private var differences: DifferenceFiller
  /// By which archives need it the rest is laid together; nil where that is not known.
  var ages: NeededAges?

  /// - Parameters:
  ///   - going: The packs that are meant to go, also those of which nothing is needed.
  ///   - counting: The packs that counting index objects name.
  init(
    _ context: RepositoryContext, _ catalogue: PackCatalogue, going: Set<Digest256>, counting: Set<Digest256>,
    level: Int, _ cancellation: Cancellation
  ) throws {
    self.context = context
    self.catalogue = catalogue
    self.cancellation = cancellation
    self.going = going
    self.counting = counting
    self.level = level
    verifier = try CopyVerifier(context, catalogue, cancellation)
    moved = SlotMarks(catalogue.runs)
    packs = try NewPacks(context, level: level, verifier.cache, verifier.supply)
    differences = DifferenceFiller(packs)
  }

  // MARK: - The newest archives

  /// Writes in full what streams need of packs that go, in their order. Called before the rest is moved, once.
  ///
  /// What is stored as a difference to what stays is left for the rest.
  ///
  /// - Throws: `StorageError`; `RunCancelled`; the first failure of storing.
  func moveInOrder(_ streams: [StreamReference], _ reader: StreamReader) throws {
    var locator = ChunkLocator(catalogue.runs)
    var ahead = verifier.supply.map { BlocksAhead(context, verifier.cache, $0) }
    func take(_ entry: RecipeReader.Entry, _ place: BlockPlace) throws {
      try cancellation.check()
      try moveInFull(entry.id)
    }
    for stream in streams {
      try reader.forEachChunk(
        of: stream,
        { entry in
          try cancellation.check()
          guard let place = locator.place(of: entry.id), going.contains(place.pack) else { return }
          if ahead == nil {
            try moveInFull(entry.id)
          } else if try isRead(entry.id, at: place) {
            try ahead?.append(entry, in: place, take)
          }
        }, unreadable: { _ in })
    }
    try ahead?.drain(take)
    stored = try packs.finish()
    rewritten.settle(stored)
    packs = try NewPacks(context, level: level, verifier.cache, verifier.supply)
    differences = DifferenceFiller(packs)
  }

  /// Whether `moveInFull` has the chunk to read there.
  private func isRead(_ id: ChunkID, at place: BlockPlace) throws -> Bool {
    guard !catalogue.runs.slots(of: id).contains(where: moved.contains) else { return false }
    // Only a pack that leans on what stays has to be opened for it.
    guard catalogue.packs[place.pack]?.bases.contains(where: stays) == true,
      let blocks = try directory(of: place.pack)?.blocks, blocks.indices.contains(place.block)
    else { return true }
    return !leansOnWhatStays(blocks[place.block])
  }

  private func moveInFull(_ id: ChunkID) throws {
    let slots = catalogue.runs.slots(of: id)
    guard !slots.contains(where: moved.contains) else { return }
    let places = slots.map(catalogue.place)
    guard !places.contains(where: { stays($0.pack) }) else { return }
    for place in places where going.contains(place.pack) {
      guard let directory = try directory(of: place.pack), directory.blocks.indices.contains(place.block) else {
        continue
      }
      if leansOnWhatStays(directory.blocks[place.block]) { return }
      guard let found = try verifier.chunk(id, at: place) else { continue }
      // Of two false directories one may name a node of a recipe here.
      guard found.block.kind == .data else { return }
      let chunk = directory.chunks[directory.blocks[place.block].chunks].first { $0.id == id }
      try found.block.bytes.withUnsafeBytes {
        try packs.append(.data, id, UnsafeRawBufferPointer(rebasing: $0[found.range]))
      }
      rewritten.add(
        chunk.flatMap { directory.fullPlace(of: $0, in: place.block, of: place.pack) }, length: found.range.count)
      for slot in slots { moved.insert(slot) }
      return
    }
  }

  private func directory(of pack: Digest256) throws -> PackDirectory? {
    let packs = verifier.cache.packs
    return try RunStore.readable { try packs.value(of: pack) { try PackReader(pack, context: context) } }?.directory
  }

  // MARK: - The rest

  /// Chunks of a block that are to be moved.
  private struct Piece {
    /// The number of the pack.
    let pack: Int
    let block: Int?
    /// Where the first of them is in full data, or what it was coded against.
    let base: FullPlace
    let ages: NeededAges.Ages
    var chunks: Range<Int>

    /// Blocks of full data within which that counts first which chunks are needed together.
    private static let regionBlocks = 8

    /// Those that were coded against the same data lie together, so that it is decoded for all of them at once; and of these the ones
    /// that the same archives need, so that a restore of an old one decodes little else.
    static func isBefore(_ left: Piece, _ right: Piece) -> Bool {
      if left.base.block.pack != right.base.block.pack { return left.base.block.pack < right.base.block.pack }
      let regions = (left.base.block.block / regionBlocks, right.base.block.block / regionBlocks)
      if regions.0 != regions.1 { return regions.0 < regions.1 }
      if left.ages != right.ages { return left.ages < right.ages }
      return (left.base.block.block, left.base.offset, left.pack, left.chunks.lowerBound)
        < (right.base.block.block, right.base.offset, right.pack, right.chunks.lowerBound)
    }
  }

  /// Moves what is needed of packs and has no other copy.
  ///
  /// - Returns: The packs of which all is there; one of which something is in no readable copy has to stay.
  /// - Throws: `StorageError`; `RunCancelled`; the first failure of storing.
  func move(_ batch: [PackNeeds]) throws -> Set<Digest256> {
    var whole = Set(batch.filter(\.isKnown).map(\.pack))
    try verifier.know(batch.compactMap(\.reader))
    let elsewhere = try verifier.verified(batch, survives: stays)
    let ordered = batch.enumerated().flatMap { pieces(of: $1, number: $0) }.sorted(by: Piece.isBefore)
    func chunks(_ piece: Piece) -> [PackNeeds.Chunk] {
      piece.chunks.filter { !elsewhere[piece.pack][$0] }.map { batch[piece.pack].chunks[$0] }
    }
    var ahead = StepsAhead(context, verifier.cache, verifier.supply, count: ordered.count)
    for (number, piece) in ordered.enumerated() {
      try ahead.reach(number) { places(chunks(ordered[$0]), of: ordered[$0].block, batch[ordered[$0].pack]) }
      let needs = batch[piece.pack]
      if try !move(chunks(piece), of: piece.block, needs) { whole.remove(needs.pack) }
    }
    return whole
  }

  /// The blocks that moving some chunks of a block will read: it itself, and what they will be coded against.
  private func places(_ chunks: [PackNeeds.Chunk], of block: Int?, _ needs: PackNeeds) -> [BlockPlace] {
    let left = chunks.filter { !$0.slots.contains(where: moved.contains) }
    guard let block, !left.isEmpty else { return [] }
    let isStaying = needs.reader.map { leansOnWhatStays($0.directory.blocks[block]) } ?? false
    let bases = isStaying ? [] : left.flatMap { base(of: $0, needs)?.segments ?? [] }
    return [BlockPlace(pack: needs.pack, block: block)] + bases.map { BlockPlace(pack: $0.pack, block: $0.block) }
  }

  private func pieces(of needs: PackNeeds, number: Int) -> [Piece] {
    var pieces: [Piece] = []
    var staying: (block: Int, isStaying: Bool)?
    for (position, chunk) in needs.chunks.enumerated() {
      if let block = chunk.block, staying?.block != block {
        staying = (block, needs.reader.map { leansOnWhatStays($0.directory.blocks[block]) } ?? false)
      }
      let age = age(of: chunk)
      // What stays a block is one piece; of others each age is.
      if let last = pieces.last, last.block == chunk.block, last.ages == age || staying?.isStaying == true {
        pieces[pieces.count - 1].chunks = last.chunks.lowerBound..<position + 1
        continue
      }
      let base =
        needs.fullPlace(of: chunk)
        ?? FullPlace(block: BlockPlace(pack: needs.pack, block: chunk.block ?? 0), offset: 0)
      pieces.append(Piece(pack: number, block: chunk.block, base: base, ages: age, chunks: position..<position + 1))
    }
    return pieces
  }

  private func age(of chunk: PackNeeds.Chunk) -> NeededAges.Ages {
    guard let ages else { return NeededAges.Ages() }
    return chunk.slots.lazy.map { ages[$0] }.first { $0.first > 0 } ?? NeededAges.Ages()
  }

  /// - Returns: Whether all of them could be read.
  private func move(_ chunks: [PackNeeds.Chunk], of number: Int?, _ needs: PackNeeds) throws -> Bool {
    let block = number.flatMap { needs.reader?.directory.blocks[$0] }
    let prefix = block.flatMap { leansOnWhatStays($0) ? $0.prefix : nil }
    var staying: PendingBlock?
    var isWhole = true
    for chunk in chunks where !chunk.slots.contains(where: moved.contains) {
      try cancellation.check()
      guard let found = try read(chunk, needs) else {
        isWhole = false
        continue
      }
      try found.block.bytes.withUnsafeBytes { bytes in
        let bytes = UnsafeRawBufferPointer(rebasing: bytes[found.range])
        if found.isOwn, let prefix {
          let pending = staying ?? PendingBlock(kind: found.block.kind, capacity: PackDirectory.plainLimit)
          pending.prefix = prefix
          pending.append(chunk.id, bytes, anchor: chunk.anchor)
          staying = pending
        } else if found.isOwn, found.block.kind == .data, let base = base(of: chunk, needs) {
          try differences.append(chunk.id, bytes, base)
        } else {
          try packs.append(found.block.kind, chunk.id, bytes)
        }
      }
      for slot in chunk.slots { moved.insert(slot) }
    }
    if let staying { try packs.submit(staying) }
    return isWhole
  }

  private func base(of chunk: PackNeeds.Chunk, _ needs: PackNeeds) -> RewrittenPlaces.Base? {
    guard let place = needs.fullPlace(of: chunk) else { return nil }
    return rewritten.base(at: place, length: chunk.length)
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

  private func stays(_ pack: Digest256) -> Bool { counting.contains(pack) && !going.contains(pack) }

  /// Whether all that a delta block leans on stays and may be leaned on.
  private func leansOnWhatStays(_ block: PackDirectory.Block) -> Bool {
    block.coding == .delta && !block.prefix.isEmpty
      && block.prefix.allSatisfy {
        catalogue.packs[$0.pack] != nil && stays($0.pack) && !catalogue.doubtful.contains($0.pack)
      }
  }

  /// Stores what is left.
  ///
  /// - Returns: The new packs, all of them stored.
  /// - Throws: The first failure of storing.
  func finish() throws -> [IndexedPack] {
    try differences.flush()
    return stored + (try packs.finish())
  }

  func abandon() { packs.abandon() }
}
