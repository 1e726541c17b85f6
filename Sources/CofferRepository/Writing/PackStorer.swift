import CofferStorage
import CofferSystem
import Synchronization

/// Stores finished packs, and the index segments that name them, on a thread of its own.
final class PackStorer: Sendable {
  private let writer: PackWriter
  private let packs: Stage<FinishedPack>

  init(
    context: RepositoryContext, round: Int, index: ChunkIndex, counters: SessionCounters
  ) throws(SystemError) {
    let writer = PackWriter(context: context, round: round, index: index, counters: counters)
    self.writer = writer
    packs = try Stage("storer", capacity: 1) { try writer.put($0) }
  }

  /// Hands a pack over; waits while two others are on their way.
  ///
  /// - Throws: The first failure of storing.
  func store(_ pack: FinishedPack) throws {
    try packs.give(pack)
  }

  /// Waits until every pack and its index entries are durable.
  ///
  /// - Throws: The first failure of storing.
  func finish() throws {
    try packs.finish()
    try writer.writeSegment(stops: true)
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
  /// The round that the session has seen.
  private let round: Int
  private let index: ChunkIndex
  private let counters: SessionCounters
  private let unindexed = Mutex<[IndexedPack]>([])

  /// Packs that one index segment of a running session names.
  private static let packsPerSegment = 8

  init(context: RepositoryContext, round: Int, index: ChunkIndex, counters: SessionCounters) {
    self.context = context
    self.round = round
    self.index = index
    self.counters = counters
  }

  func put(_ pack: FinishedPack) throws {
    guard let name = pack.indexed.digest.packName else { return }
    try context.times.measure(.store, bytes: pack.indexed.size) { try context.store.put(name, pack.content) }
    counters.addStored(pack.indexed.size)
    try index.add(pack.indexed)
    let isDue = unindexed.withLock { packs in
      packs.append(pack.indexed)
      return packs.count >= Self.packsPerSegment
    }
    if isDue { try writeSegment(stops: true) }
  }

  /// - Parameter stops: Whether the end of the run may keep it from being written.
  func writeSegment(stops: Bool) throws {
    let packs = unindexed.withLock { $0 }
    guard !packs.isEmpty else { return }
    let bytes = try context.envelope.seal(
      IndexSegment.encode(packs, round: round), purpose: .index, context: [], random: context.random)
    let digest = try bytes.withUnsafeBytes { try ContentHasher.hash($0) }
    guard let name = IndexSegment.objectName(digest) else { return }
    try (stops ? context.store : context.store.unstoppable).put(name, bytes)
    counters.addStored(bytes.count)
    unindexed.withLock { $0.removeFirst(packs.count) }
  }
}
