import CofferSystem

/// One bit for each chunk of each run of the index.
struct SlotMarks {
  private var words: [[UInt64]]

  init(_ runs: [IndexRun]) {
    words = runs.map { [UInt64](repeating: 0, count: ($0.layout.chunkCount + 63) / 64) }
  }

  func contains(_ slot: IndexSlot) -> Bool { words[slot.run][slot.number >> 6] >> UInt64(slot.number & 63) & 1 != 0 }

  var count: Int { words.reduce(0) { $1.reduce($0) { $0 + $1.nonzeroBitCount } } }

  /// - Returns: Whether it was not there yet.
  @discardableResult
  mutating func insert(_ slot: IndexSlot) -> Bool {
    let bit: UInt64 = 1 << UInt64(slot.number & 63)
    guard words[slot.run][slot.number >> 6] & bit == 0 else { return false }
    words[slot.run][slot.number >> 6] |= bit
    return true
  }

  mutating func remove(_ slot: IndexSlot) {
    words[slot.run][slot.number >> 6] &= ~(1 << UInt64(slot.number & 63))
  }
}

/// A chunk's place in the index: the number of a run among several, and of the chunk in it.
struct IndexSlot: Hashable {
  let run: Int
  let number: Int
}
