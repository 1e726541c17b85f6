import CofferSystem

/// What a session has come by itself: an open-addressing table keyed by the chunk ids; 24 bytes a slot, at most three
/// quarters of them used.
struct IndexTable: ~Copyable {
  private struct Slot {
    var id: ChunkID
    var pack: UInt32
    var block: UInt32
  }

  private static let emptyMark = UInt32.max
  private static let pendingMark = UInt32.max - 1
  private static let emptySlot = Slot(id: ChunkID.zero, pack: emptyMark, block: 0)

  /// The packs that were added.
  private(set) var packs: [IndexedPack] = []
  private var numbers: [Digest256: Int] = [:]
  private(set) var count = 0
  private var slots = [Slot](repeating: emptySlot, count: 1 << 10)
  /// Odd, and nobody else's: a stolen key can sign directories with ids that would meet in one slot.
  private let multipliers = (UInt64.random(in: 0 ... .max) | 1, UInt64.random(in: 0 ... .max) | 1)

  mutating func add(_ pack: IndexedPack) {
    guard numbers[pack.digest] == nil else { return }
    let number = packs.count
    packs.append(pack)
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

  /// Takes out all packs; what is claimed and not in one of them stays.
  mutating func removePacks() -> [IndexedPack] {
    let old = slots
    slots = [Slot](repeating: Self.emptySlot, count: 1 << 10)
    count = 0
    for slot in old where slot.pack == Self.pendingMark { _ = claim(slot.id) }
    defer {
      packs = []
      numbers = [:]
    }
    return packs
  }

  func presence(of id: ChunkID) -> ChunkIndex.Presence {
    let slot = slots[find(id)]
    switch slot.pack {
    case Self.emptyMark: return .unknown
    case Self.pendingMark: return .pending
    default: return .stored(BlockPlace(pack: packs[Int(slot.pack)].digest, block: Int(slot.block)))
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
    let mixed = id.word &* multipliers.0 &+ id.rest &* multipliers.1
    var index = Int(truncatingIfNeeded: mixed >> 24) & mask
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
