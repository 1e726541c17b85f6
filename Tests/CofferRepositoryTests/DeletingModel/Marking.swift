/// What archives need, and which packs hold it.
struct Marking {
  let store: SimulatedStore
  let conditions: Conditions

  static func needs(of archives: [ArchiveObject]) -> SmallSet {
    archives.reduce(SmallSet()) { $0 | $1.chunks }
  }

  /// What archives need, or of those that lack something, what they reach.
  private func kept(for archives: [ArchiveObject]) -> SmallSet {
    guard !conditions.keeps(.keepWhatIsReached) else { return Self.needs(of: archives) }
    let held = store.packs.reduce(SmallSet()) { $0 | $1.chunks }
    return Self.needs(of: archives.filter { $0.chunks.isSubset(of: held) })
  }

  /// Whether one of these packs may be the one that is left with a chunk: it is read, not believed.
  func survives(_ chunk: Int, in packs: SmallSet) -> Bool {
    store.packs.contains { pack in
      packs.contains(pack.number)
        && (conditions.keeps(.readSurvivors) ? store.yields(chunk, pack) : pack.chunks.contains(chunk))
    }
  }

  /// The packs of the set that hold something needed.
  func holders(of needs: SmallSet, in packs: SmallSet) -> SmallSet {
    var holders: SmallSet = []
    for pack in store.packs where packs.contains(pack.number) && pack.chunks.meets(needs) {
      holders.insert(pack.number)
    }
    return holders
  }

  /// The packs that delta blocks of what is kept lean on, needed or not.
  func bases(of kept: SmallSet, needs: SmallSet) -> SmallSet {
    var bases: SmallSet = []
    for pack in store.packs where kept.contains(pack.number) {
      guard let base = pack.base else { continue }
      if conditions.keeps(.keepBases) || pack.delta.meets(needs) { bases.insert(base) }
    }
    return bases
  }

  /// The packs that the index objects name and that are there.
  func named(by objects: [IndexObject]) -> SmallSet {
    objects.reduce(SmallSet()) { $0 | $1.packs } & store.standing
  }

  /// Packs whose every block can be decoded when these go.
  func complete(without going: SmallSet) -> SmallSet {
    var complete: SmallSet = []
    for pack in store.packs {
      if let base = pack.base, !store.standing.contains(base) || going.contains(base) { continue }
      complete.insert(pack.number)
    }
    return complete
  }
}

// MARK: - The choice

extension Marking {
  /// What a round could do.
  struct Choice {
    let condemned: SmallSet
    /// A pack with what is needed of one that goes.
    let moved: Pack?
    /// The older index objects that count, without the one that is still to be written.
    let index: SmallSet
    /// Packs that the new index object names beside the moved one.
    let named: SmallSet
  }

  /// - Parameters:
  ///   - archives: Those that are not void.
  ///   - counting: The index objects that count before the round.
  ///   - mover: The number of a new pack.
  func choices(_ archives: [ArchiveObject], counting: [IndexObject], mover: Int) -> [Choice] {
    let needs = kept(for: archives)
    let named = named(by: counting)
    var live = holders(of: needs, in: named)
    // What only packs hold that no index object names is not given up either.
    for need in needs.elements where !survives(need, in: live) {
      live = live | holders(of: [need], in: store.standing)
    }
    while !bases(of: live, needs: needs).isSubset(of: live) { live = live | bases(of: live, needs: needs) }
    var choices: [Choice] = []
    let dead = store.standing - live
    if !dead.isEmpty { choices.append(choice(dead, moved: nil, counting)) }
    guard conditions.movesChunks else { return choices }
    let leantOn = bases(of: live, needs: needs)
    for pack in store.packs where live.contains(pack.number) && !leantOn.contains(pack.number) {
      var condemned = dead
      condemned.insert(pack.number)
      let needed = needs & pack.chunks
      if let moved = self.moved(needed, of: pack, to: mover) {
        choices.append(choice(condemned, moved: moved, counting))
      }
      if needed.elements.allSatisfy({ survives($0, in: live - [pack.number]) }) {
        choices.append(choice(condemned, moved: nil, counting))
      }
    }
    return choices
  }

  private func moved(_ chunks: SmallSet, of pack: Pack, to number: Int) -> Pack? {
    guard !chunks.isEmpty else { return nil }
    guard conditions.keeps(.verifyMoves) else {
      return Pack(number: number, signer: .full, full: chunks, lies: pack.lies & chunks)
    }
    return chunks.elements.allSatisfy { store.yields($0, pack) }
      ? Pack(number: number, signer: .full, full: chunks) : nil
  }

  private func choice(_ condemned: SmallSet, moved: Pack?, _ counting: [IndexObject]) -> Choice {
    var index: SmallSet = []
    var covered: SmallSet = []
    for object in counting where !object.packs.meets(condemned) {
      index.insert(object.number)
      covered = covered | object.packs
    }
    return Choice(
      condemned: condemned, moved: moved, index: index, named: named(by: counting) - condemned - covered)
  }
}

// MARK: - The decision

extension Marking {
  struct Decision {
    let going: SmallSet
    let index: SmallSet
    /// Packs that a new index object has to name, since the old ones name what goes, too.
    let named: SmallSet
  }

  /// - Parameters:
  ///   - archives: Those that the census has found.
  ///   - counting: The index objects that count.
  func decision(_ plan: Plan, _ archives: [ArchiveObject], counting: [IndexObject]) -> Decision {
    let needs = kept(for: archives)
    var pardoned: SmallSet = []
    if conditions.keeps(.markAgain) {
      let survivors = named(by: counting) - plan.condemned
      for need in needs.elements where !survives(need, in: survivors) {
        pardoned = pardoned | holders(of: [need], in: plan.condemned & store.standing)
      }
      while true {
        let leantOn = bases(of: store.standing - (plan.condemned - pardoned), needs: needs) & plan.condemned
        if leantOn.isSubset(of: pardoned) { break }
        pardoned = pardoned | leantOn
      }
    }
    let going = plan.condemned - pardoned
    var index: SmallSet = []
    var covered: SmallSet = []
    for object in counting where !object.packs.meets(going) {
      if object.round < plan.round { index.insert(object.number) }
      covered = covered | object.packs
    }
    let rest = (named(by: counting) | pardoned) & complete(without: going)
    return Decision(going: going, index: index, named: rest - going - covered)
  }
}
