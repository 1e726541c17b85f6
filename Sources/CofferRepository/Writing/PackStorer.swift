import CofferStorage
import CofferSystem
import Synchronization

/// Stores finished packs, and the index segments that name them, on threads of its own.
final class PackStorer: Sendable {
  private let writer: PackWriter
  private let packs: Stage<FinishedPack>
  /// Of packs that may be put at the same time.
  let bytesUnderWay: Int

  init(
    context: RepositoryContext, rounds: Rounds, index: ChunkIndex, cache: IndexCache, near: NearPacks,
    growth: PackGrowth, counters: SessionCounters
  ) throws(SystemError) {
    let writer = PackWriter(
      context: context, rounds: rounds, index: index, cache: cache, near: near, counters: counters)
    self.writer = writer
    let workers = context.surroundings.isFar ? Self.inFlight(growth.largest) : 1
    bytesUnderWay = workers * growth.largest
    packs = try Stage("storer", workers: workers, capacity: 1, makeWork: { { try writer.put($0) } })
  }

  /// Bytes of packs that are being put to a far store at the same time: what a line of 1 Gbit/s holds for a second.
  private static let bytesInFlight = 120 << 20
  private static let putsInFlight = 12

  /// How many packs of a size are put at the same time. A disk is not faster for it.
  private static func inFlight(_ size: Int) -> Int { min(max(bytesInFlight / size, 1), putsInFlight) }

  /// Hands a pack over; waits while as many others are on their way as may be, and one waits.
  ///
  /// - Throws: The first failure of storing.
  func store(_ pack: FinishedPack) throws {
    try packs.give(pack)
  }

  /// The first failure of storing; nil while nothing has failed.
  var failure: (any Error)? { packs.failure }

  /// Waits until every pack is durable.
  ///
  /// - Throws: The first failure of storing.
  func finishPacks() throws { try packs.finish() }

  /// Makes the index entries of the last packs durable, when all packs are.
  func finishIndex() throws {
    try writer.writeSegment(stops: true)
    writer.finishCache()
  }

  /// Stops; what is durable already stays, and is indexed if that is possible.
  func abandon() {
    packs.cancel()
    packs.join()
    try? writer.writeSegment(stops: false)
  }
}

/// Puts packs and index segments into the store.
///
/// Order (invariants I1, I2): a pack is durable before an index segment names it; segments are written during the
/// run too, so that an interrupted run is not lost and concurrent writers share.
private final class PackWriter: Sendable {
  private let context: RepositoryContext
  /// What the session has seen.
  private let rounds: Rounds
  private let index: ChunkIndex
  private let written: WrittenRuns
  private let near: NearPacks
  private let counters: SessionCounters
  private let unindexed = Mutex<[IndexedPack]>([])

  /// Packs that one index segment of a running session names.
  private static let packsPerSegment = 8

  init(
    context: RepositoryContext, rounds: Rounds, index: ChunkIndex, cache: IndexCache, near: NearPacks,
    counters: SessionCounters
  ) {
    self.context = context
    self.rounds = rounds
    self.index = index
    written = WrittenRuns(cache, signer: context.keys.id)
    self.near = near
    self.counters = counters
  }

  func put(_ pack: FinishedPack) throws {
    guard let name = pack.indexed.digest.packName else { return }
    try context.times.measure(.store, bytes: pack.indexed.size) { try context.store.put(name, pack.content) }
    counters.addStored(pack.indexed.size)
    near.keep(pack)
    try index.add(pack.indexed)
    let due = unindexed.withLock { packs in
      packs.append(pack.indexed)
      return packs.count >= Self.packsPerSegment ? Self.take(&packs) : []
    }
    try writeSegment(due, stops: true)
  }

  private static func take(_ packs: inout [IndexedPack]) -> [IndexedPack] {
    defer { packs.removeAll() }
    return packs
  }

  /// Names all packs that no segment names yet.
  ///
  /// - Parameter stops: Whether the end of the run may keep it from being written.
  func writeSegment(stops: Bool) throws { try writeSegment(unindexed.withLock { Self.take(&$0) }, stops: stops) }

  /// Ends this machine's cache of what was written.
  func finishCache() { written.finish { rounds.counts($0.digest, round: $0.round) } }

  /// - Parameter packs: Taken by this thread alone; those that cannot be named now are left for another try.
  private func writeSegment(_ packs: [IndexedPack], stops: Bool) throws {
    guard !packs.isEmpty else { return }
    do {
      let bytes = try context.envelope.seal(
        IndexSegment.encode(packs, round: rounds.newest), purpose: .index, context: [], random: context.random)
      let digest = try bytes.withUnsafeBytes { try ContentHasher.hash($0) }
      guard let name = IndexSegment.objectName(digest) else { return }
      try (stops ? context.store : context.store.unstoppable).put(name, bytes)
      counters.addStored(bytes.count)
      written.keep(packs, source: IndexSource(digest, round: rounds.newest))
    } catch {
      unindexed.withLock { $0 = packs + $0 }
      throw error
    }
  }
}
