import CofferSystem

/// Opens blocks on several threads and computes their chunks' ids again, a bounded number of them at the same time.
final class BlockChecker {
  /// A block that is not what it should be.
  struct Damage {
    let error: any Error
    let place: BlockPlace
  }

  private let fetcher: BlockFetcher
  /// Of a far store.
  private let supply: BlockSupply?
  private var waiting: [BlockFetcher.Ticket] = []

  init(_ context: RepositoryContext) throws {
    let workers = context.surroundings.workers
    let cache = ReadCache(blockCount: workers * 12)
    let supply = context.surroundings.isFar ? try BlockSupply(context) : nil
    self.supply = supply
    fetcher = try BlockFetcher(workers: workers, inFlight: Self.limit(context)) {
      try BlockReader(context: context, cache: cache, for: .verification, supply: supply)
    }
  }

  /// All of a pack's blocks are going to be begun.
  func expect(_ reader: PackReader) { supply?.want(reader.directory.blocks.indices, of: reader) }

  /// How many blocks are worth having begun.
  static func limit(_ context: RepositoryContext) -> Int { context.surroundings.workers * 2 }

  /// Blocks that were begun and not yet waited for.
  var count: Int { waiting.count }

  func begin(_ place: BlockPlace) {
    waiting += fetcher.fetch([place])
  }

  /// Waits for the block that was begun first.
  ///
  /// - Returns: nil for one that is whole.
  func next() throws -> Damage? {
    guard !waiting.isEmpty else { return nil }
    let ticket = waiting.removeFirst()
    do {
      _ = try ticket.block()
      return nil
    } catch let error as RunCancelled {
      throw error
    } catch {
      return Damage(error: error, place: ticket.place)
    }
  }
}
