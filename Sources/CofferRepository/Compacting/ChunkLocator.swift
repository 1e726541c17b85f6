import CofferSystem

/// Finds where the chunks of a stream are, one after the other. The next one is looked for behind the last: a search of the tables
/// for each would read pages of a large index from all over it.
struct ChunkLocator {
  private let runs: [IndexRun]
  private var cursor = IndexCursor()

  init(_ runs: [IndexRun]) {
    self.runs = runs
  }

  /// - Returns: A place of the chunk; nil for one that is nowhere, or only in packs that are not to be leaned on.
  mutating func place(of id: ChunkID) -> BlockPlace? {
    for number in 0..<IndexCursor.followerCount {
      if let place = cursor.follower(number), place.id == id { return found(place) }
    }
    for run in runs {
      if let number = run.number(of: id) { return found(IndexPlace(run: run, number: number)) }
    }
    return nil
  }

  private mutating func found(_ place: IndexPlace) -> BlockPlace {
    cursor.move(to: place)
    return place.run.location(ofNumber: place.number)
  }
}
