import Synchronization

/// Where a chunk is.
struct ChunkLocation: Sendable, Equatable {
  /// The pack's number in this index.
  let pack: Int
  /// The block's number in the pack.
  let block: Int
}

/// Which chunk is in which block of which pack: a cache of the packs' directories, held in memory.
///
/// An open-addressing table keyed by the chunk ids, which are uniformly distributed already.
/// Safe to use from several threads.
final class ChunkIndex: Sendable {
  /// What the index knows of a chunk id.
  enum Presence: Equatable {
    case unknown
    /// Handed to the session's writer, not yet durable.
    case pending
    case stored(ChunkLocation)
  }

  private let state: Mutex<IndexTable>

  init() {
    state = Mutex(IndexTable())
  }

  var chunkCount: Int { state.withLock { $0.count } }

  /// Adds all chunks of a pack, unless the pack is known already. The first pack that holds a chunk wins.
  func add(_ pack: IndexedPack) {
    state.withLock { $0.add(pack) }
  }

  func presence(of id: ChunkID) -> Presence {
    state.withLock { $0.presence(of: id) }
  }

  /// Marks an unknown chunk as being stored by this session.
  ///
  /// - Returns: Whether the chunk was unknown, so that the caller is the one to store it.
  func claim(_ id: ChunkID) -> Bool {
    state.withLock { $0.claim(id) }
  }

  func location(of id: ChunkID) -> ChunkLocation? {
    if case .stored(let location) = presence(of: id) { location } else { nil }
  }

  func pack(_ number: Int) -> Digest256 {
    state.withLock { $0.packs[number] }
  }
}

/// The table behind `ChunkIndex`; 24 bytes a slot, at most three quarters of them used.
private struct IndexTable: ~Copyable {
  private struct Slot {
    var id: ChunkID
    var pack: UInt32
    var block: UInt32
  }

  private static let emptyMark = UInt32.max
  private static let pendingMark = UInt32.max - 1
  private static let emptySlot = Slot(id: ChunkID.zero, pack: emptyMark, block: 0)

  private(set) var packs: [Digest256] = []
  private(set) var numbers: [Digest256: Int] = [:]
  private(set) var count = 0
  private var slots = [Slot](repeating: emptySlot, count: 1 << 10)

  mutating func add(_ pack: IndexedPack) {
    guard numbers[pack.digest] == nil else { return }
    let number = packs.count
    packs.append(pack.digest)
    numbers[pack.digest] = number
    for entry in pack.entries {
      reserveOne()
      let index = find(entry.id)
      let mark = slots[index].pack
      guard mark == Self.emptyMark || mark == Self.pendingMark else { continue }
      if mark == Self.emptyMark { count += 1 }
      slots[index] = Slot(id: entry.id, pack: UInt32(number), block: UInt32(entry.block))
    }
  }

  func presence(of id: ChunkID) -> ChunkIndex.Presence {
    let slot = slots[find(id)]
    switch slot.pack {
    case Self.emptyMark: return .unknown
    case Self.pendingMark: return .pending
    default: return .stored(ChunkLocation(pack: Int(slot.pack), block: Int(slot.block)))
    }
  }

  mutating func claim(_ id: ChunkID) -> Bool {
    reserveOne()
    let index = find(id)
    guard slots[index].pack == Self.emptyMark else { return false }
    slots[index] = Slot(id: id, pack: Self.pendingMark, block: 0)
    count += 1
    return true
  }

  /// The slot that holds the id, or the empty one where it would go; the table is never full.
  private func find(_ id: ChunkID) -> Int {
    let mask = slots.count - 1
    var index = Int(truncatingIfNeeded: id.word) & mask
    while slots[index].pack != Self.emptyMark && slots[index].id != id { index = (index + 1) & mask }
    return index
  }

  private mutating func reserveOne() {
    guard (count + 1) * 4 > slots.count * 3 else { return }
    let old = slots
    slots = [Slot](repeating: Self.emptySlot, count: old.count * 2)
    for slot in old where slot.pack != Self.emptyMark { slots[find(slot.id)] = slot }
  }
}
