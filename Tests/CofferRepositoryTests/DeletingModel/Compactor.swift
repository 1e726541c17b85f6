/// One run of a compaction: takes up the round that is not finished, or begins one.
struct Compactor: Hashable {
  enum Stage {
    case look, choose, movePack, moveIndex, plan, close, census, decide, repairIndex, sweep, check
    case dropIndex, dropPacks, dropPlan, dropSweep, dropClosing, ended
  }

  let number: Int
  private(set) var stage = Stage.look
  private var looking = RoundLook()
  private var sessions = SessionLook()
  private(set) var round = 0
  /// The decision of the round before.
  private var before: Sweep?
  private var moved: Pack?
  private var newIndex: IndexObject?
  private var plan: Plan?
  /// What the list of archives has shown.
  private var archives: [ArchiveObject] = []
  /// What there was before the census, for one that lists in the wrong order.
  private var packsSeen: SmallSet?
  private var decided: Sweep?

  init(_ number: Int) {
    self.number = number
  }

  func steps(_ store: SimulatedStore, _ conditions: Conditions) -> [Step] {
    switch stage {
    case .look, .check: look(store, conditions)
    case .choose: choose(store, conditions)
    case .movePack: [put(moved.map { .pack($0) }, then: .moveIndex)]
    case .moveIndex: [put(newIndex.map { .index($0) }, then: .plan)]
    case .plan: [putPlan(store, conditions)]
    case .close: close(store, conditions)
    case .census: census(store, conditions)
    case .decide: [decide(store, conditions)]
    case .repairIndex: [put(newIndex.map { .index($0) }, then: .sweep)]
    case .sweep: [putSweep(store, conditions)]
    case .dropIndex: [dropIndex(store)]
    case .dropPacks: dropPacks(store)
    case .dropPlan: [drop(.plan(round - 1, .full), then: .dropSweep)]
    case .dropSweep:
      [drop(.sweep(round - 1, .full), then: conditions.keeps(.closingsStay) ? .ended : .dropClosing)]
    case .dropClosing: [drop(.closing(round, .full), then: .ended)]
    case .ended: []
    }
  }

  // MARK: - Looking

  private func look(_ store: SimulatedStore, _ conditions: Conditions) -> [Step] {
    looking.outcomes(store, conditions).map { outcome in
      var next = self
      next.looking = RoundLook()
      switch outcome {
      case .waits(let look): next.looking = look
      case .again: break
      case .sees(let view) where stage == .check:
        next.stage = view.highestClosed > round && conditions.keeps(.lookBeforeDeleting) ? .ended : .dropIndex
      case .sees(let view): next.begin(view, store, conditions)
      }
      return Step(what: "compactor \(number) looks, \(stage)", next: .compactor(next))
    }
  }

  private mutating func begin(_ view: RoundView, _ store: SimulatedStore, _ conditions: Conditions) {
    round = view.number
    if let plan = view.plan, view.sweep?.round != view.number {
      self.plan = plan
      before = view.highestClosed == view.number ? view.previous : view.sweep
      stage = conditions.keeps(.closeBeforeCensus) ? .close : .census
    } else if let sweep = view.sweep, sweep.going.meets(store.standing) || view.previous != nil {
      decided = sweep
      stage = .check
    } else {
      round = view.number + 1
      before = view.sweep
      stage = .choose
    }
  }

  /// Whether an object of an older round counted before this one.
  private func counted(_ object: IndexObject) -> Bool {
    object.round >= round - 1 || before?.index.contains(object.number) == true
  }

  private func counted(_ archive: ArchiveObject) -> Bool {
    archive.round >= round - 1 || before?.census.contains(archive.number) == true
  }

  // MARK: - Planning

  private func choose(_ store: SimulatedStore, _ conditions: Conditions) -> [Step] {
    let marking = Marking(store: store, conditions: conditions)
    return readings(of: store.archives.filter { counted($0) }, conditions).flatMap { archives -> [Step] in
      guard let archives else { return [refusal] }
      let choices = marking.choices(
        archives, counting: store.index.filter { counted($0) }, mover: 16 + number)
      if choices.isEmpty {
        var next = self
        next.stage = .ended
        return [Step(what: "compactor \(number) finds nothing to do", next: .compactor(next))]
      }
      return choices.map { choice in
        var next = self
        next.take(choice)
        return Step(what: "compactor \(number) condemns \(choice.condemned.elements)", next: .compactor(next))
      }
    }
  }

  private mutating func take(_ choice: Marking.Choice) {
    var named = choice.named
    var index = choice.index
    moved = choice.moved
    if let moved { named.insert(moved.number) }
    stage = .plan
    if !named.isEmpty {
      let object = IndexObject(number: 16 + number, signer: .full, round: round - 1, packs: named)
      newIndex = object
      index.insert(object.number)
      stage = moved == nil ? .moveIndex : .movePack
    }
    plan = Plan(round: round, condemned: choice.condemned, index: index)
  }

  private func putPlan(_ store: SimulatedStore, _ conditions: Conditions) -> Step {
    var next = self
    next.newIndex = nil
    next.moved = nil
    next.stage = conditions.keeps(.closeBeforeCensus) ? .close : .census
    if case .plan(let other)? = store.object(.plan(round, .full)) { next.plan = other }
    return Step(
      what: "compactor \(number) plans round \(round)", change: plan.map { .put(.plan($0)) } ?? .nothing,
      next: .compactor(next))
  }

  // MARK: - Deciding

  private func close(_ store: SimulatedStore, _ conditions: Conditions) -> [Step] {
    var after = self
    if !conditions.keeps(.archivesBeforePacks) { after.packsSeen = store.standing }
    let closing = after.put(
      .closing(round: round, signer: .full), then: conditions.keeps(.closeBeforeCensus) ? .census : .decide)
    guard conditions.isPolite else { return [closing] }
    return sessions.outcomes(store, conditions).compactMap { outcome in
      switch outcome {
      case .waits(let look):
        var next = self
        next.sessions = look
        return Step(what: "compactor \(number) lists sessions", next: .compactor(next))
      case .sees(let waitsFor):
        // A write-only signer's session is waited for a while only; how long is nobody's safety.
        guard waitsFor(round).allSatisfy({ $0 != .full }) else {
          guard sessions != SessionLook() else { return nil }
          var next = self
          next.sessions = SessionLook()
          return Step(what: "compactor \(number) waits", next: .compactor(next))
        }
        return closing
      }
    }
  }

  private func census(_ store: SimulatedStore, _ conditions: Conditions) -> [Step] {
    readings(of: store.archives.filter { counted($0) }, conditions).map { archives in
      guard let archives else { return refusal }
      var next = self
      next.archives = archives.sorted { $0.number < $1.number }
      next.stage = conditions.keeps(.closeBeforeCensus) ? .decide : .close
      return Step(what: "compactor \(number) takes the census", next: .compactor(next))
    }
  }

  private func decide(_ store: SimulatedStore, _ conditions: Conditions) -> Step {
    var next = self
    guard let plan else { return refusal }
    let seen = packsSeen.map { store.showing(only: $0) } ?? store
    let counting = seen.index.filter { counted($0) || plan.index.contains($0.number) }
    let decision = Marking(store: seen, conditions: conditions).decision(plan, archives, counting: counting)
    var census: SmallSet = []
    for archive in archives where archive.round < round { census.insert(archive.number) }
    var index = decision.index
    next.stage = .sweep
    if !decision.named.isEmpty {
      let object = IndexObject(number: 24 + number, signer: .full, round: round - 1, packs: decision.named)
      index.insert(object.number)
      next.newIndex = object
      next.stage = .repairIndex
    }
    next.decided = Sweep(round: round, going: decision.going, index: index, census: census)
    next.archives = []
    next.packsSeen = nil
    next.plan = nil
    return Step(what: "compactor \(number) decides: \(decision.going.elements) go", next: .compactor(next))
  }

  private func putSweep(_ store: SimulatedStore, _ conditions: Conditions) -> Step {
    var next = self
    next.stage = .check
    next.newIndex = nil
    if conditions.keeps(.oneDecision), case .sweep(let other)? = store.object(.sweep(round, .full)) {
      next.decided = other
    }
    return Step(
      what: "compactor \(number) puts the decision", change: decided.map { .put(.sweep($0)) } ?? .nothing,
      next: .compactor(next))
  }

  // MARK: - Deleting

  private func dropIndex(_ store: SimulatedStore) -> Step {
    var next = self
    next.stage = .dropPacks
    let names = store.index.filter { $0.round < round && decided?.index.contains($0.number) != true }.map {
      StoredName.index($0.number)
    }
    return Step(
      what: "compactor \(number) drops index objects", change: names.isEmpty ? .nothing : .delete(names),
      next: .compactor(next))
  }

  private func dropPacks(_ store: SimulatedStore) -> [Step] {
    let rest = (decided?.going ?? []) & store.standing
    guard let pack = rest.elements.first else {
      var next = self
      next.stage = .dropPlan
      return [Step(what: "compactor \(number) has deleted the packs", next: .compactor(next))]
    }
    return [
      Step(
        what: "compactor \(number) deletes pack \(pack)", change: .delete([.pack(pack), .quarantine(pack)]),
        next: .compactor(self))
    ]
  }

  private func drop(_ name: StoredName, then stage: Stage) -> Step {
    var next = self
    next.stage = stage
    return Step(what: "compactor \(number) drops \(name)", change: .delete([name]), next: .compactor(next))
  }

  // MARK: - Common

  private func put(_ object: StoredObject?, then stage: Stage) -> Step {
    var next = self
    next.stage = stage
    next.sessions = SessionLook()
    return Step(
      what: "compactor \(number) puts \(object.map { "\($0.name)" } ?? "")",
      change: object.map { .put($0) } ?? .nothing, next: .compactor(next))
  }

  private var refusal: Step {
    var next = self
    next.stage = .ended
    return Step(what: "compactor \(number) refuses", next: .compactor(next))
  }

  /// What reading the records may give: all of them, or one of them unreadable for a moment.
  ///
  /// - Returns: nil for a reading that makes the compactor refuse.
  private func readings(of archives: [ArchiveObject], _ conditions: Conditions) -> [[ArchiveObject]?] {
    guard conditions.hasUnreadableRecords, !archives.isEmpty else { return [archives] }
    if conditions.keeps(.refuseUnreadable) { return [archives, nil] }
    return [archives] + archives.map { unread in archives.filter { $0 != unread } }
  }
}
