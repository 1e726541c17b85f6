import CofferSystem

/// Finds many ids in a run of the index at once: first in the order of the hash table's slots, then in the order of the chunks,
/// so that each page is read once a batch, however many ids there are and in whatever order they come.
struct BatchLookup {
  /// Ids that one batch has at most: their numbers have this many bits.
  static let limit = 1 << indexBits
  private static let indexBits: UInt64 = 22
  private static let indexMask: UInt64 = 1 << indexBits - 1

  private let run: IndexRun

  init(_ run: IndexRun) {
    self.run = run
  }

  /// Calls `body` with the place of an id in the batch and the number of each chunk that has it, those in packs that are not
  /// to be leaned on too.
  ///
  /// - Parameter isWanted: Tells by its place in the batch whether an id is looked for.
  /// - Throws: `IndexCache.Damaged`: that a page is not what was written does not mean that a chunk is not there.
  func forEachCopy(
    of ids: [ChunkID], where isWanted: (Int) -> Bool = { _ in true },
    _ body: (_ index: Int, _ number: Int) throws -> Void
  ) throws {
    precondition(ids.count <= Self.limit)
    guard run.layout.chunkCount > 0 else { return }
    // A number of 40 bits above the id's place in the batch: what is sorted is plain words.
    var keys: [UInt64] = []
    keys.reserveCapacity(ids.count)
    for index in ids.indices where isWanted(index) {
      let slot = run.probe.slot(of: ids[index], among: run.layout.slotCount)
      keys.append(UInt64(slot) << Self.indexBits | UInt64(index))
    }
    keys.sort()
    var found = try candidates(keys, ids)
    keys = []
    found.sort()
    for key in found {
      let (number, index) = (Int(key >> Self.indexBits), Int(key & Self.indexMask))
      guard let id = run.id(number) else { throw IndexCache.Damaged() }
      if id == ids[index] { try body(index, number) }
    }
  }

  /// The chunks whose slots have the ids' tags.
  private func candidates(_ keys: [UInt64], _ ids: [ChunkID]) throws -> [UInt64] {
    let layout = run.layout
    var found: [UInt64] = []
    found.reserveCapacity(keys.count)
    for key in keys {
      let index = Int(key & Self.indexMask)
      let tag = IndexProbe.tag(of: ids[index])
      var slot = Int(key >> Self.indexBits)
      for _ in 0..<layout.slotCount {
        guard
          let entry = run.pages.load(layout.slots + slot * IndexRunLayout.slotSize, as: UInt64.self)
        else { throw IndexCache.Damaged() }
        if entry == 0 { break }
        let number = Int(entry & (1 << IndexProbe.numberBits - 1)) - 1
        if entry >> IndexProbe.numberBits == tag, (0..<layout.chunkCount).contains(number) {
          found.append(UInt64(number) << Self.indexBits | UInt64(index))
        }
        slot = slot + 1 < layout.slotCount ? slot + 1 : 0
      }
    }
    return found
  }
}
