import CofferSystem

/// A stream's chunks on their way to the window of those that are read, held back until a far store was asked for as much of
/// what follows as there is room for. Used by one thread at a time.
struct BlocksAhead {
  private struct Batch {
    let places: [BlockPlace]
    let packs: Set<Digest256>
    /// How many of those that wait are up to there.
    var end: Int
  }

  private let context: RepositoryContext
  private let cache: ReadCache
  private let supply: BlockSupply
  private let isSparing: Bool
  private var waiting: [(chunk: RecipeReader.Entry, place: BlockPlace)] = []
  private var done = 0
  /// How many of those that wait have blocks that were asked for.
  private var asked = 0
  /// Blocks whose packs are being opened.
  private var opening: [Batch] = []
  /// Blocks that follow.
  private var batch: [BlockPlace] = []
  private var isInBatch: Set<BlockPlace> = []
  private var batchSize = 0

  /// Sealed bytes that are asked for together, so that neighbours are found.
  static let usualBatch = 16 << 20
  private let batchLimit: Int
  static let batchCount = 1 << 12
  private static let waitingLimit = 1 << 17
  /// Batches whose packs are being opened: what is on its way holds directories up, as long as it takes itself.
  static let openingLimit = 4
  /// What a block of 512 KiB takes, more or less, as long as its pack is not open.
  private static let guess = 170 << 10

  /// - Parameter isSparing: Whether little more is to be read than what is wanted, rather than in as few requests as can be.
  init(
    _ context: RepositoryContext, _ cache: ReadCache, _ supply: BlockSupply, isSparing: Bool = false,
    batchLimit: Int = BlocksAhead.usualBatch
  ) {
    self.isSparing = isSparing
    self.batchLimit = batchLimit
    self.context = context
    self.cache = cache
    self.supply = supply
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
    if batchSize >= batchLimit || batch.count >= Self.batchCount { try order(body) }
    while done < asked, supply.size > supply.limit { try handOut(body) }
    while waiting.count - done > Self.waitingLimit {
      if done == asked { try askForNext(body) }
      try handOut(body)
    }
  }

  /// Hands out all that is left.
  mutating func drain(_ body: (RecipeReader.Entry, BlockPlace) throws -> Void) throws {
    try order(body)
    while !opening.isEmpty { try askForNext(body) }
    while done < waiting.count { try handOut(body) }
  }

  private mutating func handOut(_ body: (RecipeReader.Entry, BlockPlace) throws -> Void) throws {
    let (chunk, place) = waiting[done]
    done += 1
    if done >= 1 << 14 {
      waiting.removeFirst(done)
      asked -= done
      for number in opening.indices { opening[number].end -= done }
      done = 0
    }
    try body(chunk, place)
  }

  private mutating func order(_ body: (RecipeReader.Entry, BlockPlace) throws -> Void) throws {
    let (places, packs) = (batch, Set(batch.map(\.pack)))
    batch = []
    isInBatch = []
    batchSize = 0
    // Where nothing is on its way, nothing holds their directories up.
    guard asked > done || !opening.isEmpty else {
      return try ask(for: Batch(places: places, packs: packs, end: waiting.count))
    }
    // Of more, with what they lean on, the first would have gone from the cache before they are needed.
    let packLimit = cache.packCount / 2
    while !opening.isEmpty,
      opening.count >= Self.openingLimit || opening.reduce(packs.count, { $0 + $1.packs.count }) > packLimit
    {
      try askForNext(body)
    }
    // Counted here: what was handed out above may have been taken away.
    opening.append(Batch(places: places, packs: packs, end: waiting.count))
    if packs.count <= packLimit { supply.open(ahead: packs, context, cache) }
  }

  /// Asks for one more batch, once there is room for it: of more, the supply would give away what is needed next.
  private mutating func askForNext(_ body: (RecipeReader.Entry, BlockPlace) throws -> Void) throws {
    while done < asked, supply.size > supply.limit { try handOut(body) }
    if opening.isEmpty { try order(body) }
    if !opening.isEmpty { try ask(for: opening.removeFirst()) }
  }

  private mutating func ask(for batch: Batch) throws {
    try supply.want(batch.places, context, cache, isSparing: isSparing)
    asked = max(asked, batch.end)
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
    let readers = try Self.open(Set(places.map(\.pack)), context, cache)
    let missing = places.filter { cache.blocks.known($0) == nil }
    var bases: Set<BlockPlace> = []
    for place in missing {
      guard let blocks = readers[place.pack]?.directory.blocks, blocks.indices.contains(place.block) else { continue }
      for segment in blocks[place.block].prefix {
        bases.insert(BlockPlace(pack: segment.pack, block: segment.block))
      }
    }
    let known = try Self.open(Set(bases.map(\.pack)), context, cache).merging(readers) { $1 }
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
}
