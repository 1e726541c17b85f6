/// A list of `sessions/`, from its beginning to its end.
struct SessionLook: Hashable {
  private var begun: [Marker]?

  enum Outcome {
    case waits(SessionLook)
    /// Gives the signers of the sessions that a round has to wait for.
    case sees((_ round: Int) -> [Signer])
  }

  func outcomes(_ store: SimulatedStore, _ conditions: Conditions) -> [Outcome] {
    guard conditions.hasSlowLists else { return [.sees { Self.awaited(store.markers, $0) }] }
    guard let begun else {
      var look = self
      look.begun = store.markers
      return [.waits(look)]
    }
    let least = begun.filter { store.markers.contains($0) }
    let end = Outcome.sees { Self.awaited(store.markers, $0) }
    return least == store.markers ? [end] : [end, .sees { Self.awaited(least, $0) }]
  }

  private static func awaited(_ markers: [Marker], _ round: Int) -> [Signer] {
    Dictionary(grouping: markers, by: \.session).values.compactMap { markers in
      let hasSeen = markers.contains { ($0.round ?? -1) >= round }
      return hasSeen || markers.contains(where: \.hasEnded) ? nil : markers[0].signer
    }
  }
}
