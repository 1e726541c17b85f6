/// A restore: loads the index, then takes one chunk after the other from the packs that it knows of.
struct Reader: Hashable {
  enum Outcome {
    case running, succeeded, failed
  }

  let archive: Int
  private(set) var outcome = Outcome.running
  private var rest: SmallSet
  private var known: SmallSet?
  private var loads = 0

  init(_ archive: ArchiveObject) {
    self.archive = archive.number
    rest = archive.chunks
  }

  func steps(_ store: SimulatedStore, _ conditions: Conditions) -> [Step] {
    guard outcome == .running else { return [] }
    var next = self
    guard let known else {
      next.known = store.standing
      // One that counts its loads stops at the second; others must not differ by how often they have loaded.
      if !conditions.keeps(.loadAgain) { next.loads += 1 }
      return [Step(what: "restore loads the index", next: .reader(next))]
    }
    guard let chunk = rest.elements.first else {
      next.outcome = .succeeded
      return [Step(what: "restore is done", next: .reader(next))]
    }
    if store.packs.contains(where: { known.contains($0.number) && store.yields(chunk, $0) }) {
      next.rest.remove(chunk)
    } else if known.isSubset(of: store.standing) || loads >= 2 {
      next.outcome = .failed
    } else {
      next.known = nil
    }
    return [Step(what: "restore reads chunk \(chunk)", next: .reader(next))]
  }
}
