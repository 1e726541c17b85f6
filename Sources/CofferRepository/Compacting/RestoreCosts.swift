import CofferSystem

/// How much a restore of some streams decodes, told from recipes and the packs' directories, without reading data.
///
/// It is told by packs of full data: what is stored as a difference counts for the pack that it leans on.
struct RestoreCosts {
  struct Cost {
    /// Bytes that are restored.
    var restored = 0
    /// Those of them that are stored as differences.
    var coded = 0
    /// Bytes of blocks that are decoded for them.
    var decoded = 0

    var ratio: Double { Double(decoded) / Double(max(restored, 1)) }
  }

  /// What a walk needs to know of a pack's block.
  private struct Block {
    let plainLength: Int
    /// The full blocks that it leans on, first the one that it leans on most.
    let bases: [BlockPlace]
  }

  private(set) var packs: [Digest256: Cost] = [:]
  private let context: RepositoryContext
  private var locator: ChunkLocator
  private let cancellation: Cancellation
  private var directories = RecentCache<Digest256, [Block]>(capacity: 512)
  /// Blocks that a restore would still hold.
  private var held: Set<BlockPlace> = []
  private var heldSize = 0

  init(_ context: RepositoryContext, _ runs: [IndexRun], _ cancellation: Cancellation) {
    self.context = context
    locator = ChunkLocator(runs)
    self.cancellation = cancellation
  }

  /// Walks a stream.
  ///
  /// - Throws: `RunCancelled`, and what says that the store does not answer. What cannot be read is passed over.
  mutating func add(_ stream: StreamReference, _ reader: StreamReader) throws {
    held = []
    heldSize = 0
    try reader.forEachChunk(
      of: stream,
      { entry in
        try cancellation.check()
        guard let place = locator.place(of: entry.id), let block = try block(at: place) else { return }
        let home = block.bases.first?.pack ?? place.pack
        let size = Int(clamping: entry.size)
        packs[home, default: Cost()].restored += size
        if !block.bases.isEmpty { packs[home, default: Cost()].coded += size }
        try decode(place, block, for: home)
      }, unreadable: { _ in })
  }

  private mutating func decode(_ place: BlockPlace, _ block: Block, for home: Digest256) throws {
    // A restore keeps so much of what it decoded last, and begins a new stretch of the stream with nearly nothing of use.
    guard !held.contains(place) else { return }
    if heldSize + block.plainLength > ReadCache.restoreSize {
      held = []
      heldSize = 0
    }
    held.insert(place)
    heldSize += block.plainLength
    packs[home, default: Cost()].decoded += block.plainLength
    for base in block.bases {
      if let full = try self.block(at: base), full.bases.isEmpty { try decode(base, full, for: base.pack) }
    }
  }

  private mutating func block(at place: BlockPlace) throws -> Block? {
    if directories[place.pack] == nil {
      let reader = try RunStore.readable { try PackReader(place.pack, context: context) }
      directories[place.pack] = (reader?.directory.blocks ?? []).map { block in
        let sizes = block.prefix.reduce(into: [BlockPlace: Int]()) {
          $0[BlockPlace(pack: $1.pack, block: $1.block), default: 0] += $1.length
        }
        return Block(plainLength: block.plainLength, bases: sizes.sorted { $0.value > $1.value }.map(\.key))
      }
    }
    guard let blocks = directories[place.pack], blocks.indices.contains(place.block) else { return nil }
    return blocks[place.block]
  }
}
