import CofferSystem

/// Which packs hold a stream and its recipe.
package struct StreamPacks: Sendable {
  private(set) var packs: Set<Digest256> = []
  /// What the session itself stores: its pack is not known before it is there.
  private(set) var pending: [ChunkID] = []

  var pendingCount: Int { pending.count }

  mutating func add(_ pack: Digest256) { packs.insert(pack) }

  mutating func add(pending id: ChunkID) { pending.append(id) }

  /// Looks which of the session's packs are there by now.
  mutating func settle(_ index: ChunkIndex) {
    var rest: [ChunkID] = []
    for id in pending {
      if case .stored(let place) = index.presence(of: id) { packs.insert(place.pack) } else { rest.append(id) }
    }
    pending = rest
  }
}

/// Notes down where a stream is while it is stored. Used by one thread.
final class StreamTrace {
  private(set) var packs = StreamPacks()
  private let index: ChunkIndex
  /// Where the last known chunk was: the next is mostly in the same pack.
  private var last: (run: IndexRun, chunks: Range<Int>)?
  private var settleAt = StreamTrace.fewPending

  private static let fewPending = 1 << 15

  init(_ index: ChunkIndex) {
    self.index = index
  }

  /// - Parameter place: Where the chunk is; nil for one that this session stores.
  func add(_ id: ChunkID, _ place: IndexPlace?) {
    guard let place else {
      packs.add(pending: id)
      guard packs.pendingCount >= settleAt else { return }
      packs.settle(index)
      settleAt = max(Self.fewPending, packs.pendingCount * 2)
      return
    }
    if let last, last.run === place.run, last.chunks.contains(place.number) { return }
    let pack = place.run.pack(ofChunk: place.number)
    last = (place.run, pack.chunks)
    packs.add(pack.digest)
  }
}
