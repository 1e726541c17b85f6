import CofferSystem

/// Marks the chunks that are needed: one bit for each place in the index, of one of a chunk's copies.
///
/// A stream's chunks are mostly stored behind each other, so the next one is looked for there first. What is not found so is
/// gathered and looked up by the batch. Memory is a bit for each chunk, twice, and the batch.
package final class LiveMarks {
  let runs: [IndexRun]
  private var needed: SlotMarks
  /// The nodes of recipes whose entries were marked. Apart from what is needed: a false recipe may name another's node as a
  /// chunk of data, and that node's own entries are still to be marked then.
  private var walked: SlotMarks
  private var cursor = IndexCursor()
  private let numbers: [ObjectIdentifier: Int]
  private var batch: [ChunkID] = []
  private let batchLimit: Int
  /// What a stream that keeps its order has earned: each chunk found where it was looked for pays for a part of a search.
  private var credit = LiveMarks.creditLimit
  private var misses = 0
  /// The first chunk that is in no pack, of those that were looked up since somebody asked for it.
  private var missing: ChunkID?

  private static let creditLimit = 64
  private static let searchPrice = 16
  /// Every so often a stream that has lost its order is looked for again.
  private static let retryInterval = 64

  /// - Parameter runs: Those whose copies are to be kept first come first.
  package init(_ runs: [IndexRun]) {
    self.runs = runs
    needed = SlotMarks(runs)
    walked = SlotMarks(runs)
    numbers = Dictionary(uniqueKeysWithValues: runs.enumerated().map { (ObjectIdentifier($1), $0) })
    let chunkCount = runs.reduce(0) { $0 + $1.layout.chunkCount }
    // Each batch goes through the tables once; with these there are some thirty of them in the largest index.
    batchLimit = min(max(chunkCount / 32, 1 << 18), BatchLookup.limit)
  }

  /// Chunks that are marked, copies counted each.
  package var count: Int { needed.count }

  func isNeeded(_ slot: IndexSlot) -> Bool { needed.contains(slot) }

  /// Marks a chunk; at once or with the next batch.
  ///
  /// - Throws: `IndexCache.Damaged`.
  package func need(_ id: ChunkID) throws {
    for number in 0..<IndexCursor.followerCount {
      guard let place = cursor.follower(number), place.id == id else { continue }
      mark(place)
      credit = min(credit + 1, Self.creditLimit)
      return
    }
    misses += 1
    if credit >= Self.searchPrice || misses.isMultiple(of: Self.retryInterval) {
      credit = max(credit - Self.searchPrice, 0)
      for run in runs {
        guard let number = run.number(of: id) else { continue }
        return mark(IndexPlace(run: run, number: number))
      }
    }
    batch.append(id)
    if batch.count >= batchLimit { try settle() }
  }

  private func mark(_ place: IndexPlace) {
    guard let run = numbers[ObjectIdentifier(place.run)] else { return }
    needed.insert(IndexSlot(run: run, number: place.number))
    cursor.move(to: place)
  }

  /// Marks a node of a recipe.
  ///
  /// - Returns: Whether its entries are still to be marked; of a node that is in no pack there are none.
  /// - Throws: `IndexCache.Damaged`.
  func enter(_ id: ChunkID) throws -> Bool {
    guard let slot = runs.slots(of: id).first else {
      try throwIfDamaged()
      missing = missing ?? id
      return false
    }
    needed.insert(slot)
    return walked.insert(slot)
  }

  /// Whether the entries of a node were marked.
  func isWalked(_ id: ChunkID) -> Bool { runs.slots(of: id).first.map { walked.contains($0) } ?? false }

  /// Takes back that the entries of a node were marked: it could not be read as it was named, and another may name it rightly.
  func leave(_ id: ChunkID) {
    if let slot = runs.slots(of: id).first { walked.remove(slot) }
  }

  /// Returns the first chunk that was found to be in no pack since this was asked last; nil when all were found.
  package func takeMissing() -> ChunkID? {
    defer { missing = nil }
    return missing
  }

  /// Looks up what was gathered.
  ///
  /// - Throws: `IndexCache.Damaged`.
  package func settle() throws {
    try throwIfDamaged()
    guard !batch.isEmpty else { return }
    var found = [Bool](repeating: false, count: batch.count)
    // Copies in packs that are not to be leaned on only where there is no other.
    for takesAll in [false, true] {
      for (number, run) in runs.enumerated() {
        guard found.contains(false) else { break }
        let before = found
        try BatchLookup(run).forEachCopy(of: batch, where: { !before[$0] }) { index, chunk in
          guard takesAll || (!found[index] && !run.isAvoided(chunk)) else { return }
          needed.insert(IndexSlot(run: number, number: chunk))
          found[index] = true
        }
      }
    }
    try throwIfDamaged()
    if let first = found.firstIndex(of: false) { missing = missing ?? batch[first] }
    batch.removeAll(keepingCapacity: true)
  }

  /// Marks that were made by looking into a file that is damaged may be too few.
  private func throwIfDamaged() throws {
    if runs.contains(where: \.isDamaged) { throw IndexCache.Damaged() }
  }
}

extension [IndexRun] {
  /// The places of an id, those in packs that are to be leaned on first.
  func slots(of id: ChunkID) -> [IndexSlot] {
    var good: [IndexSlot] = []
    var doubtful: [IndexSlot] = []
    for (run, entry) in enumerated() {
      for number in entry.numbers(of: id) {
        let slot = IndexSlot(run: run, number: number)
        if entry.isAvoided(number) { doubtful.append(slot) } else { good.append(slot) }
      }
    }
    return good + doubtful
  }
}
