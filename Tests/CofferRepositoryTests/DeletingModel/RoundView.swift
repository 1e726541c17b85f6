/// What a list of `gc/` shows.
struct RoundListing: Hashable {
  var plans: [Plan] = []
  var sweeps: [Sweep] = []
  private var closed: SmallSet = []
  private var closedByOthers: SmallSet = []

  func closings(by signer: Signer) -> SmallSet { signer == .full ? closed : closedByOthers }

  mutating func close(_ round: Int, by signer: Signer) {
    if signer == .full { closed.insert(round) } else { closedByOthers.insert(round) }
  }

  mutating func reopen(_ round: Int, by signer: Signer) {
    if signer == .full { closed.remove(round) } else { closedByOthers.remove(round) }
  }

  /// What a list is sure to show that began when this stood, and ended when the other did.
  func common(with later: RoundListing) -> RoundListing {
    var common = RoundListing()
    common.plans = plans.filter { later.plans.contains($0) }
    common.sweeps = sweeps.filter { later.sweeps.contains($0) }
    common.closed = closed & later.closed
    common.closedByOthers = closedByOthers & later.closedByOthers
    return common
  }

  /// Without what no full key has signed.
  var signedInFull: RoundListing {
    var listing = self
    listing.plans.removeAll { $0.signer != .full }
    listing.sweeps.removeAll { $0.signer != .full }
    listing.closedByOthers = []
    return listing
  }

  /// As somebody takes it who looks at no signature.
  var unsigned: RoundListing {
    var listing = self
    listing.closed = closed | closedByOthers
    return listing
  }
}

/// What a process makes of the rounds that it sees.
struct RoundView: Hashable {
  /// The newest round: 0 before the first.
  let number: Int
  let highestClosed: Int
  /// Of the newest round.
  let plan: Plan?
  /// Of the round that was closed last.
  let sweep: Sweep?
  /// Of the round before that.
  let previous: Sweep?

  /// - Returns: nil for what no moment can have shown: look again.
  init?(_ listing: RoundListing, _ conditions: Conditions) {
    let listing = conditions.keeps(.onlyFullKeysRule) ? listing.signedInFull : listing.unsigned
    let swept = listing.sweeps.map(\.round).max() ?? 0
    let closed = max(listing.closings(by: .full).last ?? 0, swept)
    let newest = max(closed, listing.plans.map(\.round).max() ?? 0)
    number = newest
    highestClosed = closed
    plan = listing.plans.first { $0.round == newest }
    sweep = listing.sweeps.first { $0.round == closed }
    previous = listing.sweeps.first { $0.round == closed - 1 }
    let knowsIndex = newest == 0 || plan != nil || (closed == newest && sweep != nil)
    let knowsArchives = closed <= 1 || sweep != nil || previous != nil
    guard knowsIndex, knowsArchives else { return nil }
  }

  /// The index objects of older rounds that count; nil for all.
  var index: SmallSet? {
    if number == 0 { return nil }
    return highestClosed == number && sweep != nil ? sweep?.index : plan?.index
  }

  enum Standing {
    case counts
    /// The round that decides about it has not decided yet.
    case undecided
    case void
  }

  func standing(of archive: ArchiveObject) -> Standing {
    if archive.round >= highestClosed { return .counts }
    if let sweep { return sweep.census.contains(archive.number) ? .counts : .void }
    if archive.round >= highestClosed - 1 { return .undecided }
    return previous?.census.contains(archive.number) == true ? .counts : .void
  }
}
