import CofferSystem

/// A stream's chunks on their way to the window of those that are read, held back until a far store was asked for as much of
/// what follows as there is room for. Used by one thread at a time.
struct BlocksAhead {
  private let context: RepositoryContext
  private let cache: ReadCache
  private let supply: BlockSupply
  private let isSparing: Bool
  private var waiting: [(chunk: RecipeReader.Entry, place: BlockPlace)] = []
  private var done = 0
  /// Blocks that were not asked for yet.
  private var batch: [BlockPlace] = []
  private var isInBatch: Set<BlockPlace> = []
  private var batchSize = 0

  /// Sealed bytes that are asked for together, so that neighbours are found.
  static let batchLimit = 16 << 20
  static let batchCount = 1 << 12
  private static let waitingLimit = 1 << 17
  /// What a block of 512 KiB takes, more or less, as long as its pack is not open.
  private static let guess = 170 << 10

  /// - Parameter isSparing: Whether little more is to be read than what is wanted, rather than in as few requests as can be.
  init(_ context: RepositoryContext, _ cache: ReadCache, _ supply: BlockSupply, isSparing: Bool = false) {
    self.context = context
    self.cache = cache
    self.supply = supply
    self.isSparing = isSparing
  }

  /// Sealed bytes of a block, as far as that is known.
  static func size(of place: BlockPlace, _ cache: ReadCache) -> Int {
    let blocks = cache.packs.known(place.pack)?.directory.blocks
    return blocks.map { $0.indices.contains(place.block) ? $0[place.block].storedLength : 0 } ?? guess
  }

  /// Adds the stream's next chunk; hands out the first ones when there is enough ahead.
  mutating func append(
    _ chunk: RecipeReader.Entry, in place: BlockPlace, _ body: (RecipeReader.Entry, BlockPlace) throws -> Void
  ) throws {
    waiting.append((chunk, place))
    if isInBatch.insert(place).inserted {
      batch.append(place)
      batchSize += Self.size(of: place, cache)
    }
    if batchSize >= Self.batchLimit || batch.count >= Self.batchCount { try order() }
    while done < waiting.count, supply.size > BlockSupply.limit || waiting.count - done > Self.waitingLimit {
      try handOut(body)
    }
  }

  /// Hands out all that is left.
  mutating func drain(_ body: (RecipeReader.Entry, BlockPlace) throws -> Void) throws {
    try order()
    while done < waiting.count { try handOut(body) }
  }

  private mutating func handOut(_ body: (RecipeReader.Entry, BlockPlace) throws -> Void) throws {
    let (chunk, place) = waiting[done]
    done += 1
    if done >= 1 << 14 {
      waiting.removeFirst(done)
      done = 0
    }
    try body(chunk, place)
  }

  private mutating func order() throws {
    defer {
      batch = []
      isInBatch = []
      batchSize = 0
    }
    try supply.want(batch, context, cache, isSparing: isSparing)
  }
}

extension BlockSupply {
  /// Asks for blocks, and for those that they lean on, unless they are in memory.
  ///
  /// - Parameter isSparing: Whether little more is to be read than these.
  /// - Throws: That the store does not answer; `RunCancelled`. Packs that cannot be read are told of by whoever needs them.
  func want(
    _ places: [BlockPlace], _ context: RepositoryContext, _ cache: ReadCache, isSparing: Bool = false
  ) throws {
    let readers = try open(Set(places.map(\.pack)), context, cache)
    let missing = places.filter { cache.blocks.known($0) == nil }
    var bases: Set<BlockPlace> = []
    for place in missing {
      guard let blocks = readers[place.pack]?.directory.blocks, blocks.indices.contains(place.block) else { continue }
      for segment in blocks[place.block].prefix {
        bases.insert(BlockPlace(pack: segment.pack, block: segment.block))
      }
    }
    let known = try open(Set(bases.map(\.pack)), context, cache).merging(readers) { $1 }
    let wanted = missing + bases.filter { cache.blocks.known($0) == nil }
    // In the order in which they are needed first.
    var packs: [Digest256] = []
    var numbers: [Digest256: [Int]] = [:]
    for place in wanted {
      if numbers[place.pack] == nil { packs.append(place.pack) }
      numbers[place.pack, default: []].append(place.block)
    }
    for pack in packs {
      if let reader = known[pack] { want(numbers[pack] ?? [], of: reader, isSparing: isSparing) }
    }
  }

  private func open(
    _ packs: Set<Digest256>, _ context: RepositoryContext, _ cache: ReadCache
  ) throws -> [Digest256: PackReader] {
    let readers = try context.sideBySide.map(packs.sorted()) { pack in
      try RunStore.readable { try cache.packs.value(of: pack) { try PackReader(pack, context: context) } }
    }
    return Dictionary(readers.compactMap(\.self).map { ($0.digest, $0) }, uniquingKeysWith: { $1 })
  }
}
