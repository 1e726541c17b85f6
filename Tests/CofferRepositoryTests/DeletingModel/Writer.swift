/// A backup: looks at the rounds, leans on what counts, stores what is new, commits, and looks again.
struct Writer: Hashable {
  enum Stage {
    case announce, look, mark, dropFirstMarker, load, storePack, storeIndex, commit, judge, leave, ended
  }
  enum Result {
    case none, succeeded, failed
  }

  let number: Int
  let wanted: SmallSet
  var signer = Signer.full
  /// Several writers may draw the same name.
  let archiveNumber: Int
  /// Whether its store lets it delete.
  var deletes = true

  var stage: Stage
  var result = Result.none
  private var looking = RoundLook()
  /// The round that it has seen, and the older index objects that count in it.
  private(set) var round = 0
  private var index: SmallSet?
  private var pack: Pack?
  /// Markers that are still to go.
  private var markers: [Marker] = []

  init(_ number: Int, wants chunks: SmallSet, signer: Signer = .full, archive: Int? = nil) {
    self.number = number
    wanted = chunks
    self.signer = signer
    archiveNumber = archive ?? 8 + number
    stage = .look
  }

  /// The same writer with markers that say it is there.
  func announcing(_ conditions: Conditions, deletes: Bool = true) -> Writer {
    var writer = self
    writer.stage = conditions.keeps(.announceFirst) ? .announce : .look
    writer.marksItself = true
    writer.deletes = deletes
    return writer
  }
  private var marksItself = false
  /// Whether it loads the index before its second marker stands, as far stores have it.
  private var marksLate = false
  /// Where it goes on when that stands; nil before it has loaded.
  private var afterMark: Stage?

  var archive: ArchiveObject {
    ArchiveObject(number: archiveNumber, signer: signer, round: round, chunks: wanted)
  }
  var hasLoaded: Bool {
    switch stage {
    case .announce, .look, .dropFirstMarker, .load: false
    case .mark: afterMark != nil
    default: true
    }
  }

  func steps(_ store: SimulatedStore, _ conditions: Conditions) -> [Step] {
    switch stage {
    case .announce: [put(.marker(firstMarker), then: .look)]
    case .look, .judge: look(store, conditions)
    case .mark:
      [
        put(
          .marker(secondMarker),
          then: afterMark ?? (conditions.keeps(.firstMarkerStays) ? .load : .dropFirstMarker))
      ]
    case .dropFirstMarker:
      [step("drops its first marker", .delete([StoredObject.marker(firstMarker).name]), then: .load)]
    case .load: loads(store, conditions)
    case .storePack: [put(pack.map { .pack($0) }, then: .storeIndex)]
    case .storeIndex: [put(.index(indexObject), then: .commit)]
    case .commit: [commit(store, conditions)]
    case .leave: [leave]
    case .ended: []
    }
  }

  // MARK: - Looking

  private func look(_ store: SimulatedStore, _ conditions: Conditions) -> [Step] {
    looking.outcomes(store, conditions).flatMap { outcome in
      var next = self
      next.looking = RoundLook()
      switch outcome {
      case .waits(let look): next.looking = look
      case .again: break
      case .sees(let view) where stage == .look:
        next.round = view.number
        next.index = view.index
        next.stage = marksItself ? .mark : .load
      case .sees(let view):
        next.finish(view.standing(of: archive) == .counts)
      }
      let step = Step(what: "writer \(number) looks, \(stage)", next: .writer(next))
      guard next.stage == .mark, conditions.keeps(.firstMarkerStays) else { return [step] }
      next.stage = .load
      next.marksLate = true
      return [step, Step(what: "writer \(number) looks, and marks late", next: .writer(next))]
    }
  }

  private mutating func finish(_ isSuccess: Bool) {
    result = isSuccess ? .succeeded : .failed
    stage = marksItself ? .leave : .ended
  }

  // MARK: - Deduplicating

  private func counts(_ object: IndexObject) -> Bool {
    object.round >= round || index?.contains(object.number) != false
  }

  private func leanable(_ store: SimulatedStore, _ conditions: Conditions) -> [Pack] {
    var named: SmallSet = []
    var trusted: SmallSet = []
    for object in store.index {
      let isCached = !conditions.keeps(.judgeCaches) && object.number < 8
      guard !conditions.keeps(.leanOnWhatCounts) || isCached || counts(object) else { continue }
      named = named | object.packs
      if signer.trusts(object.signer) { trusted = trusted | object.packs }
    }
    if !conditions.keeps(.leanOnIndexedPacks) {
      var indexed: SmallSet = []
      for object in store.index { indexed = indexed | object.packs }
      var condemned: SmallSet = []
      for plan in store.rounds.plans { condemned = condemned | plan.condemned }
      named = named | (store.standing - indexed - condemned)
    }
    if conditions.keeps(.leaveQuarantined) { named = named - quarantined(in: store) }
    return store.packs.filter { pack in
      let isTrusted =
        conditions.keeps(.trustWhoSigned) ? signer.trusts(pack.signer) : trusted.contains(pack.number)
      return named.contains(pack.number) && isTrusted
    }
  }

  /// The packs that are in quarantine, and those that lean on them.
  private func quarantined(in store: SimulatedStore) -> SmallSet {
    var packs = store.quarantined
    for pack in store.packs where pack.base.map({ store.quarantined.contains($0) }) == true {
      packs.insert(pack.number)
    }
    return packs
  }

  /// Goes on to a stage behind the loading.
  private mutating func hasLoaded(_ stage: Stage) {
    self.stage = marksLate ? .mark : stage
    if marksLate { afterMark = stage }
  }

  private func loads(_ store: SimulatedStore, _ conditions: Conditions) -> [Step] {
    let packs = leanable(store, conditions)
    let new = packs.reduce(wanted) { $0 - $1.chunks }
    var next = self
    guard !new.isEmpty else {
      next.hasLoaded(.commit)
      return [Step(what: "writer \(number) leans on what is there", next: .writer(next))]
    }
    next.hasLoaded(.storePack)
    next.pack = Pack(number: 8 + number, signer: signer, full: new)
    var steps = [Step(what: "writer \(number) loads the index", next: .writer(next))]
    if conditions.writesDeltas, signer == .full {
      for base in packs where !base.full.isEmpty && base.lies.isEmpty {
        next.pack = Pack(number: 8 + number, signer: signer, full: [], delta: new, base: base.number)
        steps.append(Step(what: "writer \(number) loads the index, base \(base.number)", next: .writer(next)))
      }
    }
    return steps
  }

  private var indexObject: IndexObject {
    IndexObject(number: 8 + number, signer: signer, round: round, packs: [8 + number])
  }

  // MARK: - Committing

  private func commit(_ store: SimulatedStore, _ conditions: Conditions) -> Step {
    var next = self
    if let other = store.object(.archive(archiveNumber)), other != .archive(archive),
      conditions.keeps(.compareBytes)
    {
      next.finish(false)
      return Step(what: "writer \(number) finds its archive's name taken", next: .writer(next))
    }
    next.stage = .judge
    if !conditions.keeps(.lookAfterCommit) { next.finish(true) }
    return Step(what: "writer \(number) commits", change: .put(.archive(archive)), next: .writer(next))
  }

  // MARK: - Markers

  private var firstMarker: Marker { Marker(session: number, count: 0, signer: signer) }
  private var secondMarker: Marker { Marker(session: number, count: 1, signer: signer, round: round) }

  private var leave: Step {
    guard deletes else {
      return put(.marker(Marker(session: number, count: 2, signer: signer, hasEnded: true)), then: .ended)
    }
    let names = [secondMarker, firstMarker].map { StoredObject.marker($0).name }
    return step("deletes its markers", .delete(names), then: .ended)
  }

  private func put(_ object: StoredObject?, then stage: Stage) -> Step {
    step("puts \(object.map { "\($0.name)" } ?? "")", object.map { .put($0) } ?? .nothing, then: stage)
  }

  private func step(_ what: String, _ change: Step.Change, then stage: Stage) -> Step {
    var next = self
    next.stage = stage
    return Step(what: "writer \(number) \(what)", change: change, next: .writer(next))
  }
}
