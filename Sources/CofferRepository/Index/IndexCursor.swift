import CofferSystem

/// A chunk in a run of the index.
package struct IndexPlace {
  let run: IndexRun
  let number: Int

  /// nil when the run's file is damaged there.
  package var id: ChunkID? { run.id(number) }
  /// Bytes of the chunk; nil when the run's file is damaged there.
  var length: Int? { run.length(number) }
}

/// Where a stream has been in the index. Its next chunk is nearly always one that is stored behind those before.
package struct IndexCursor {
  /// The place found last, and the one that the stream left to get there: after an edit a stream goes back to where it
  /// came from, a little further on.
  private var places: (latest: IndexPlace?, left: IndexPlace?) = (nil, nil)

  /// How many chunks behind each of the two places are worth a look.
  private static let reach = 4
  /// How many followers there are at most.
  static let followerCount = 2 * reach

  package init() {}

  /// Returns a place where the next chunk may be, the likeliest first.
  ///
  /// - Parameter number: Below `followerCount`.
  package func follower(_ number: Int) -> IndexPlace? {
    let place = number & 1 == 0 ? places.latest : places.left
    guard let place else { return nil }
    let next = place.number + 1 + number / 2
    guard next < place.run.layout.chunkCount, !place.run.isAvoided(next) else { return nil }
    return IndexPlace(run: place.run, number: next)
  }

  /// Takes note of where the stream is now.
  package mutating func move(to place: IndexPlace) {
    if !isNear(place, places.latest) {
      // A step on from the place that was left makes that one the latest.
      places.left = places.latest
    }
    places.latest = place
  }

  private func isNear(_ place: IndexPlace, _ other: IndexPlace?) -> Bool {
    guard let other else { return false }
    return place.run === other.run && (1...Self.reach).contains(place.number - other.number)
  }
}
