/// Everything there is at one moment: the store, the processes, and the calls that are still on their way.
struct World {
  let conditions: Conditions
  private(set) var store: SimulatedStore
  private(set) var processes: [Process]
  /// Answers that may still be lost: the put has happened, and its caller tries again.
  private(set) var lostAnswers: Int
  /// Puts that may still be late: the caller tries again or dies, and the put happens at some time afterwards.
  private(set) var latePuts: Int
  /// Puts that will happen.
  private(set) var underway: [StoredObject] = []
  /// Archives that somebody has deleted.
  private(set) var deleted: SmallSet = []
  /// Archives that damage has hit: nobody can help them before somebody stores anew what it took.
  private(set) var excused: SmallSet = []
  /// Archives that were excused once: a restore may have begun before they healed.
  private var hit: SmallSet = []
  /// The archive of a restore that has just failed without damage.
  private var failedRestore: Int?
  private var processHashes: [Int]

  init(
    _ conditions: Conditions, _ store: SimulatedStore, _ processes: [Process], lostAnswers: Int = 0, latePuts: Int = 0
  ) {
    self.conditions = conditions
    self.store = store
    self.processes = processes
    self.lostAnswers = lostAnswers
    self.latePuts = latePuts
    processHashes = processes.map(\.hashValue)
  }

  /// The same for worlds that go on in the same way, and different for others but for a chance of 1 in 2^64.
  var fingerprint: Int {
    var hasher = Hasher()
    hasher.combine(store.fingerprint)
    for hash in processHashes { hasher.combine(hash) }
    hasher.combine(lostAnswers)
    hasher.combine(latePuts)
    if !underway.isEmpty { hasher.combine(underway) }
    hasher.combine(deleted)
    hasher.combine(excused)
    hasher.combine(hit)
    return hasher.finalize()
  }

  /// Whether every process has come to its end.
  var hasEnded: Bool { processes.allSatisfy(\.hasEnded) }

  // MARK: - What may happen next

  struct Event {
    let what: String
    let world: World
    /// The process that went on; nil for a late put.
    let process: Int?
  }

  func events() -> [Event] {
    var events: [Event] = []
    for number in processes.indices {
      for step in processes[number].steps(store, conditions) {
        var world = self
        world.take(step, by: number)
        events.append(Event(what: step.what, world: world, process: number))
        guard case .put(let object) = step.change, store.object(object.name) == nil else { continue }
        if lostAnswers > 0 {
          var world = self
          world.lostAnswers -= 1
          world.change(step.change)
          events.append(Event(what: "\(step.what), answer lost", world: world, process: number))
        }
        if latePuts > 0 {
          var world = self
          world.latePuts -= 1
          world.underway.append(object)
          events.append(Event(what: "\(step.what), late", world: world, process: number))
        }
      }
    }
    for position in underway.indices {
      var world = self
      let object = world.underway.remove(at: position)
      world.change(.put(object))
      events.append(Event(what: "late: \(object.name)", world: world, process: nil))
    }
    return events
  }

  /// Lets one process go on by itself; of several things that it may do, it does the first.
  func letting(_ process: Int, take count: Int = .max) -> World {
    var world = self
    var rest = count
    while rest > 0, let event = world.events().first(where: { $0.process == process }) {
      world = event.world
      rest -= 1
    }
    return world
  }

  private mutating func take(_ step: Step, by number: Int) {
    let before = processes[number]
    processes[number] = step.next
    processHashes[number] = step.next.hashValue
    change(step.change)
    if case .writer(let writer) = step.next, case .writer(let old) = before, writer.hasLoaded, !old.hasLoaded {
      // Nobody knew yet that what it leans on is damaged.
      if !store.damaged.isSubset(of: store.quarantined) { excused.insert(writer.archiveNumber) }
    }
    if case .reader(let reader) = step.next, reader.outcome == .failed, !hit.contains(reader.archive) {
      failedRestore = reader.archive
    }
    if !excused.isEmpty { heal() }
  }

  private mutating func change(_ change: Step.Change) {
    switch change {
    case .nothing: break
    case .put(let object): store.put(object)
    case .delete(let names):
      for name in names {
        store.delete(name)
        if case .archive(let number) = name { deleted.insert(number) }
      }
    case .damage(let pack):
      store.damage(pack)
      excuse()
    }
  }

  // MARK: - Damage

  /// What is condemned is as good as gone: what survives it has been read before. What a thief condemns is not.
  private var lasting: SmallSet {
    let sweeps = store.rounds.sweeps.filter { $0.signer == .full }
    var going: SmallSet = []
    for plan in store.rounds.plans where plan.signer == .full && !sweeps.contains(where: { $0.round == plan.round }) {
      going = going | plan.condemned
    }
    return store.yielded(without: sweeps.reduce(going) { $0 | $1.going })
  }

  private mutating func excuse() {
    let lasting = lasting
    for archive in store.archives where !archive.chunks.isSubset(of: lasting) { excused.insert(archive.number) }
    for case .writer(let writer) in processes where writer.hasLoaded { excused.insert(writer.archiveNumber) }
    hit = hit | excused
  }

  private mutating func heal() {
    let lasting = lasting
    for archive in store.archives where archive.chunks.isSubset(of: lasting) { excused.remove(archive.number) }
  }

  // MARK: - What must never be

  /// Says what is lost; nil when nothing is.
  func fault() -> String? {
    guard let view = RoundView(store.rounds, conditions) else { return "nobody can tell which archives count" }
    func isVoid(_ archive: ArchiveObject) -> Bool {
      conditions.keeps(.voidIsVoid) && view.standing(of: archive) == .void
    }
    let yielded = store.yielded()
    var counting: SmallSet = []
    for archive in store.archives where archive.signer != .thief && !isVoid(archive) {
      counting.insert(archive.number)
      let isOld = archive.number < 8
      let owed = isOld ? archive.chunks - conditions.lost : archive.chunks
      guard owed.isSubset(of: yielded) || excused.contains(archive.number) else {
        return "archive \(archive.number) counts and lacks chunks \((owed - yielded).elements)"
      }
    }
    if let failedRestore, counting.contains(failedRestore) {
      return "a restore of archive \(failedRestore) failed that is there and counts"
    }
    for process in processes {
      switch process {
      case .writer(let writer):
        if let fault = fault(of: writer, counting) { return fault }
      case .pruner(let pruner) where pruner.task == .keepNewest && !deleted.isEmpty && counting.isEmpty:
        return "prune has deleted archives in favour of one that is void"
      default: break
      }
    }
    return nil
  }

  private func fault(of writer: Writer, _ counting: SmallSet) -> String? {
    if writer.result == .failed, conditions.isPolite, writer.signer == .full {
      return "writer \(writer.number) lives and failed"
    }
    guard writer.result == .succeeded, !deleted.contains(writer.archiveNumber) else { return nil }
    guard case .archive(let archive)? = store.object(.archive(writer.archiveNumber)), archive == writer.archive else {
      return "writer \(writer.number) said success and its archive is not there"
    }
    return counting.contains(archive.number) ? nil : "writer \(writer.number) said success and its archive is void"
  }
}
