import CofferSystem

/// Finds where the chunks of a stream are, one after the other. The next one is looked for behind the last: a search of the tables
/// for each would read pages of a large index from all over it.
struct ChunkLocator {
  private let runs: [IndexRun]
  private let numbers: [ObjectIdentifier: Int]
  private var cursor = IndexCursor()

  init(_ runs: [IndexRun]) {
    self.runs = runs
    numbers = Dictionary(runs.enumerated().map { (ObjectIdentifier($1), $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// - Returns: A place of the chunk; nil for one that is nowhere, or only in packs that are not to be leaned on.
  mutating func place(of id: ChunkID) -> BlockPlace? {
    find(id).map { $0.run.location(ofNumber: $0.number) }
  }

  /// - Returns: As `place(of:)`.
  mutating func slot(of id: ChunkID) -> IndexSlot? {
    guard let place = find(id), let run = numbers[ObjectIdentifier(place.run)] else { return nil }
    return IndexSlot(run: run, number: place.number)
  }

  private mutating func find(_ id: ChunkID) -> IndexPlace? {
    for number in 0..<IndexCursor.followerCount {
      if let place = cursor.follower(number), place.id == id { return found(place) }
    }
    for run in runs {
      if let number = run.number(of: id) { return found(IndexPlace(run: run, number: number)) }
    }
    return nil
  }

  private mutating func found(_ place: IndexPlace) -> IndexPlace {
    cursor.move(to: place)
    return place
  }
}
