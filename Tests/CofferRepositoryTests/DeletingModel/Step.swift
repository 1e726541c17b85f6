/// One thing that a process may do next: one call of the store, and what the process is after it.
struct Step {
  enum Change {
    case nothing
    case put(StoredObject)
    case delete([StoredName])
    /// Bytes of a pack rot.
    case damage(pack: Int)
  }

  /// For the report of a fault.
  let what: String
  var change = Change.nothing
  let next: Process
}

/// A process: what it knows and where it is. Nothing but its next step changes it.
enum Process: Hashable {
  case writer(Writer)
  case compactor(Compactor)
  case pruner(Pruner)
  case reader(Reader)
  case thief(Thief)
  case accident(Accident)

  /// What the process may do next; nothing when it has ended or waits.
  func steps(_ store: SimulatedStore, _ conditions: Conditions) -> [Step] {
    switch self {
    case .writer(let process): process.steps(store, conditions)
    case .compactor(let process): process.steps(store, conditions)
    case .pruner(let process): process.steps(store, conditions)
    case .reader(let process): process.steps(store, conditions)
    case .thief(let process): process.steps(store, conditions)
    case .accident(let process): process.steps(store, conditions)
    }
  }

  var hasEnded: Bool {
    switch self {
    case .writer(let process): process.stage == .ended
    case .compactor(let process): process.stage == .ended
    case .pruner(let process): process.stage == .ended
    case .reader(let process): process.outcome != .running
    case .thief, .accident: true
    }
  }
}

/// A list of `gc/`, from its beginning to its end.
struct RoundLook: Hashable {
  private var begun: RoundListing?

  enum Outcome {
    /// The list goes on.
    case waits(RoundLook)
    case sees(RoundView)
    /// What was shown cannot have been: the next look is a new one.
    case again
  }

  func outcomes(_ store: SimulatedStore, _ conditions: Conditions) -> [Outcome] {
    guard conditions.hasSlowLists else { return [outcome(store.rounds, conditions)] }
    guard let begun else {
      var look = self
      look.begun = store.rounds
      return [.waits(look)]
    }
    let least = begun.common(with: store.rounds)
    let end = outcome(store.rounds, conditions)
    return least == store.rounds ? [end] : [end, outcome(least, conditions)]
  }

  private func outcome(_ listing: RoundListing, _ conditions: Conditions) -> Outcome {
    RoundView(listing, conditions).map { .sees($0) } ?? .again
  }
}
