import CofferStorage
import CofferSystem
import Synchronization

/// Stores finished packs, and the index segments that name them, on a thread of its own.
///
/// Order (invariants I1, I2): a pack is durable before an index segment names it; segments are written during the
/// run too, so that an interrupted run is not lost and concurrent writers share.
final class PackStorer: Sendable {
  private let context: RepositoryContext
  private let index: ChunkIndex
  private let counters: SessionCounters
  private let queue = BoundedQueue<FinishedPack>(capacity: 1)
  private let failure = Monitor<(any Error)?>(nil)
  private let unindexed = Mutex<[IndexedPack]>([])
  private let thread = Mutex<WorkerThread?>(nil)

  /// Packs that one index segment of a running session names.
  private static let packsPerSegment = 8

  init(
    context: RepositoryContext, index: ChunkIndex, counters: SessionCounters
  ) throws(SystemError) {
    self.context = context
    self.index = index
    self.counters = counters
    let worker = try WorkerThread(name: "storer") { [self] in run() }
    thread.withLock { $0 = worker }
  }

  /// Hands a pack over; waits while two others are on their way.
  ///
  /// - Throws: The first failure of storing.
  func store(_ pack: FinishedPack) throws {
    guard queue.push(pack) else { throw failure.update { $0 } ?? RunCancelled() }
  }

  /// Waits until every pack and its index entries are durable.
  ///
  /// - Throws: The first failure of storing.
  func finish() throws {
    queue.close()
    join()
    if let error = failure.update({ $0 }) { throw error }
    try writeSegment(to: context.store)
  }

  /// Stops; what is durable already stays, and is indexed if that is possible.
  func abandon() {
    queue.abandon()
    join()
    try? writeSegment(to: context.store.unstoppable)
  }

  private func join() {
    thread.withLock { $0 }?.join()
  }

  private func run() {
    do {
      while let pack = queue.pop() { try put(pack) }
    } catch {
      failure.update { $0 = error }
      queue.abandon()
    }
  }

  private func put(_ pack: FinishedPack) throws {
    guard let name = pack.indexed.digest.packName else { return }
    try context.times.measure(.store, bytes: pack.indexed.size) { try context.store.put(name, pack.builder.content) }
    counters.addStored(pack.indexed.size)
    try index.add(pack.indexed)
    let isDue = unindexed.withLock { packs in
      packs.append(pack.indexed)
      return packs.count >= Self.packsPerSegment
    }
    if isDue { try writeSegment(to: context.store) }
  }

  private func writeSegment(to store: RunStore) throws {
    let packs = unindexed.withLock { $0 }
    guard !packs.isEmpty else { return }
    let bytes = try context.envelope.seal(
      IndexSegment.encode(packs), purpose: .index, context: [], random: context.random)
    let digest = try bytes.withUnsafeBytes { try ContentHasher.hash($0) }
    guard let name = IndexSegment.objectName(digest) else { return }
    try store.put(name, bytes)
    counters.addStored(bytes.count)
    unindexed.withLock { $0.removeFirst(packs.count) }
  }
}
