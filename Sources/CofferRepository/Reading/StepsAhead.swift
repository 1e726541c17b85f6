import CofferSystem

/// Asks a far store for what steps of some work are going to read, some steps ahead of the one that is done. Used by one thread
/// at a time.
struct StepsAhead {
  private let context: RepositoryContext
  private let cache: ReadCache
  private let supply: BlockSupply?
  private let count: Int
  /// The first step whose blocks were not asked for.
  private var next = 0

  /// - Parameters:
  ///   - supply: nil for a store that is not far away.
  ///   - count: How many steps there are.
  init(_ context: RepositoryContext, _ cache: ReadCache, _ supply: BlockSupply?, count: Int) {
    self.context = context
    self.cache = cache
    self.supply = supply
    self.count = count
  }

  /// Called before each step, in their order.
  ///
  /// - Parameter places: Tells the blocks that a step will read, as far as that is known by now; asked once for each.
  /// - Throws: That the store does not answer; `RunCancelled`.
  mutating func reach(_ step: Int, _ places: (Int) throws -> [BlockPlace]) throws {
    guard let supply, next < count, step >= next || supply.size < supply.limit / 2 else { return }
    var batch: [BlockPlace] = []
    var seen: Set<BlockPlace> = []
    var size = 0
    while next < count, size < BlocksAhead.usualBatch, batch.count < BlocksAhead.batchCount {
      for place in try places(next) where seen.insert(place).inserted {
        batch.append(place)
        size += BlocksAhead.size(of: place, cache)
      }
      next += 1
    }
    try supply.want(batch, context, cache)
  }
}
