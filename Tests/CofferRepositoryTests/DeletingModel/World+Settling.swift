extension World {
  /// The packs that are still there, and that nobody needs, when compactions have run with nobody beside them.
  func leftovers() -> SmallSet {
    var conditions = Conditions()
    conditions.movesChunks = false
    conditions.brokenRule = self.conditions.brokenRule
    var world = self
    // One takes up what is unfinished, one deletes what is dead, one what leant on that; and one for good measure.
    for number in 4..<8 {
      world = World(conditions, world.store, [.compactor(Compactor(number))])
      while let event = world.events().first { world = event.world }
    }
    return world.unneeded(conditions)
  }

  private func unneeded(_ conditions: Conditions) -> SmallSet {
    guard let view = RoundView(store.rounds, conditions) else { return store.standing }
    let needs = Marking.needs(of: store.archives.filter { view.standing(of: $0) != .void })
    var needed: SmallSet = []
    for pack in store.packs where pack.chunks.meets(needs) {
      needed.insert(pack.number)
      if let base = pack.base { needed.insert(base) }
    }
    return store.standing - needed
  }
}
