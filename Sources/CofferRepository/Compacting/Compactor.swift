import CofferStorage
import CofferSystem
import FoundationEssentials
import Glibc

/// One run of a compaction: takes up the round that is not finished, whoever began it, and begins the next.
///
/// Rounds, their steps and why each is where it is: Documentation/deleting.md. Whatever is stopped anywhere is taken up by the
/// next run, also on another machine.
struct Compactor {
  private let context: RepositoryContext
  private let options: CompactionOptions
  private let cancellation: Cancellation
  private let progress: @Sendable (CompactionProgress) -> Void

  /// Seconds between looks at the sessions that are waited for.
  private static let lookInterval: Double = 5
  /// Packs that one round condemns at most: plans and decisions have a size, and anybody may leave packs.
  private static let condemnedLimit = 500_000
  /// Times that the rounds are looked at again because somebody else goes on with them.
  private static let tries = 8

  init(
    _ context: RepositoryContext, _ options: CompactionOptions, _ cancellation: Cancellation,
    progress: @escaping @Sendable (CompactionProgress) -> Void
  ) {
    self.context = context
    self.options = options
    self.cancellation = cancellation
    self.progress = progress
  }

  /// - Throws: `CompactionError`; `RepositoryError`; `StorageError`; `RunCancelled`.
  func run(_ report: inout CompactionReport) throws {
    try Rounds.refuseLost(context)
    for _ in 0..<Self.tries {
      let rounds = try Rounds.load(context)
      report.round = rounds.newest
      do {
        guard try goOn(rounds, &report) else { return }
      } catch is IndexCache.Damaged {
        continue  // The file of this machine's cache is gone by now.
      } catch let error as CompactionError {
        // What was looked for may have gone because somebody else has gone on meanwhile.
        let later = try Rounds.load(context)
        guard later.newest != rounds.newest || later.highestClosed != rounds.highestClosed else { throw error }
      }
    }
    report.outcome = .overtaken
  }

  /// Takes up the newest round, or begins the next.
  ///
  /// - Returns: Whether to look at the rounds again.
  private func goOn(_ rounds: Rounds, _ report: inout CompactionReport) throws -> Bool {
    let isClosed = rounds.newest == rounds.highestClosed
    if let plan = rounds.plan, !isClosed || rounds.sweep == nil {
      guard !options.isDryRun else {
        report.outcome = .waiting
        return false
      }
      let before = try decision(of: plan.round - 1, isClosed ? rounds.previous : rounds.sweep)
      return try finish(plan, before, isClosed: isClosed, &report)
    }
    // What is left to be deleted of a round that is decided, and what has come back.
    if let sweep = rounds.sweep, !options.isDryRun {
      guard try RoundCleanup(context, cancellation, progress: progress).carryOut(sweep, &report) else { return true }
      if report.packs > 0 { report.outcome = .done }
    }
    let before = try decision(of: rounds.newest, rounds.sweep)
    guard let plan = try begin(rounds.newest + 1, before, &report) else { return false }
    report.round = plan.round
    return try finish(plan, before, isClosed: false, &report) && report.outcome != .done
  }

  /// The decision on which a round stands.
  private func decision(of round: Int, _ sweep: RoundSweep?) throws -> RoundSweep? {
    guard round > 0 else { return nil }
    guard let sweep, sweep.round == round else {
      throw CompactionError.missingDecision(round: round, location: context.location)
    }
    return sweep
  }

  // MARK: - Planning

  /// Chooses, moves what is needed of what is to go, and puts the plan.
  ///
  /// - Returns: The plan that stands, which may be somebody else's; nil when there is nothing to do, or it is not to be done.
  private func begin(
    _ round: Int, _ before: RoundSweep?, _ report: inout CompactionReport
  ) throws -> RoundPlan? {
    let survey = try RoundSurvey.make(
      context, round: round, before: before, cancellation: cancellation, progress: progress)
    report.incompleteArchives = survey.incomplete
    let spared = try SessionPatience.packsOfRunning(
      among: Set(survey.standing.keys).subtracting(survey.counting), context)
    let limits = CompactionChoice.Limits(threshold: options.threshold, repackSize: options.repackSize)
    var choice = try CompactionChoice(
      survey.catalogue, counting: survey.counting, spared: spared, survey.marks, limits, context)
    let newest = try NewestArchives(context, survey, cancellation)
    choice.refresh(try newest.costs(), limits)
    guard !choice.dead.isEmpty || !choice.moving.isEmpty else { return nil }
    if options.isDryRun {
      tell(choice, survey, &report)
      return nil
    }
    try refuseOverwriting()
    let (moved, new) = try move(choice, newest, survey, &report)
    let chosen = choice.dead.union(moved)
    let condemned = survey.catalogue.withoutBasesOfRest(
      chosen.count > Self.condemnedLimit ? Set(chosen.sorted().prefix(Self.condemnedLimit)) : chosen)
    guard !condemned.isEmpty else { return nil }
    let (kept, _, uncovered) = survey.index.divided(without: condemned)
    let index = try IndexWriter(context, IndexLoader(context: context), round: round - 1).put(
      uncovered.intersection(survey.standing.keys), new, among: survey.indexNames)
    return try put(RoundPlan(round: round, condemned: condemned, index: index.union(kept.map(\.digest))))
  }

  /// Puts an object of a round, and none that nobody could read: from then on nothing could be done with the repository.
  ///
  /// - Returns: The one that stands.
  private func put<Object: RoundObject>(_ object: Object) throws -> Object {
    guard object.encoded().count + Envelope.overhead <= Object.sizeLimit else {
      throw CompactionError.tooMuch(round: object.round, location: context.location)
    }
    return try Rounds.put(object, context)
  }

  /// Before anything of a round is put. The store looks at what is taken by itself once it knows that it overwrites.
  private func refuseOverwriting() throws {
    guard try context.store.refusesTakenNames() == false, !options.isExclusive else { return }
    throw CompactionError.overwritingStore(location: context.location)
  }

  private func tell(_ choice: CompactionChoice, _ survey: RoundSurvey, _ report: inout CompactionReport) {
    func size(_ packs: some Sequence<Digest256>) -> UInt64 {
      packs.reduce(0) { $0.addingClamped(UInt64(clamping: survey.standing[$1] ?? 0)) }
    }
    report.outcome = .planned
    report.packs = choice.dead.count + choice.moving.count
    report.packSize = size(choice.dead).addingClamped(size(choice.moving))
    report.movedPacks = choice.moving.count
    report.movedSize = size(choice.moving)
    report.refreshedPacks = choice.refreshed.count
    report.refreshedSize = size(choice.refreshed)
    report.gain = UInt64(clamping: choice.gain)
  }

  /// - Returns: The packs of which everything needed is elsewhere by now, and the packs that it was moved to.
  private func move(
    _ choice: CompactionChoice, _ newest: NewestArchives, _ survey: RoundSurvey, _ report: inout CompactionReport
  ) throws -> (moved: Set<Digest256>, new: [IndexedPack]) {
    guard !choice.moving.isEmpty else { return ([], []) }
    let mover = try ChunkMover(
      context, survey.catalogue, going: choice.dead.union(choice.moving), counting: survey.counting,
      level: options.rewriteLevel, cancellation)
    do {
      if !choice.refreshed.isEmpty {
        try newest.move(by: mover)
        mover.ages = try newest.ages(survey.archives, of: Set(choice.moving))
      }
      var moved: Set<Digest256> = []
      try survey.catalogue.forEachBatch(
        of: choice.moving, survey.marks, context,
        willRead: { progress(.moving(pack: $0 + 1, of: choice.moving.count)) },
        { batch in moved.formUnion(try mover.move(batch)) })
      let new = try mover.finish()
      tell(choice, moved, survey, &report)
      return (moved, new)
    } catch {
      mover.abandon()
      throw error
    }
  }

  private func tell(
    _ choice: CompactionChoice, _ moved: Set<Digest256>, _ survey: RoundSurvey, _ report: inout CompactionReport
  ) {
    func size(_ packs: [Digest256]) -> UInt64 {
      packs.reduce(0) { $0.addingClamped(UInt64(clamping: survey.standing[$1] ?? 0)) }
    }
    let refreshed = choice.refreshed.filter(moved.contains)
    report.movedPacks += moved.count
    report.movedSize = report.movedSize.addingClamped(size(moved.sorted()))
    report.refreshedPacks += refreshed.count
    report.refreshedSize = report.refreshedSize.addingClamped(size(refreshed))
    report.damagedPacks += choice.moving.filter { !moved.contains($0) }.map(\.hex)
  }

  // MARK: - Deciding

  /// Closes a round that is planned, decides, and deletes.
  ///
  /// - Returns: Whether to look at the rounds again; not when sessions are waited for.
  private func finish(
    _ plan: RoundPlan, _ before: RoundSweep?, isClosed: Bool, _ report: inout CompactionReport
  ) throws -> Bool {
    try refuseOverwriting()
    if !isClosed {
      guard let planned = try timeOfPlan(plan.round) else { return true }
      report.waitingFor = try wait(plan.round, planned)
      guard report.waitingFor.isEmpty else {
        report.outcome = .waiting
        return false
      }
      _ = try put(RoundClosing(round: plan.round))
    }
    let sweep = try put(try decide(plan, before, &report))
    if try RoundCleanup(context, cancellation, progress: progress).carryOut(sweep, &report) { report.outcome = .done }
    return true
  }

  /// - Returns: nil when the plan is gone: somebody has finished the round.
  private func timeOfPlan(_ round: Int) throws -> Date? {
    guard let tags = try RootTags(context.keys, context.header),
      let name = try RoundName(round: round, .plan, tags: tags)
    else { throw RepositoryError.needsFullKey(location: context.location, action: "compact a repository") }
    do {
      return try context.store.status(of: name.objectName).received
    } catch StorageError.missing {
      return nil
    }
  }

  /// Waits for sessions of earlier rounds, as long as is wished.
  ///
  /// - Returns: Those that are still waited for.
  private func wait(_ round: Int, _ planned: Date) throws -> [AwaitedSession] {
    let patience = SessionPatience(context, round: round, planned: planned)
    let start = context.clock.steadySeconds()
    while true {
      let awaited = try patience.awaited()
      let left = options.wait - (context.clock.steadySeconds() - start)
      guard !awaited.isEmpty, left > 0 else { return awaited.map(AwaitedSession.init) }
      progress(.waiting(sessions: awaited.count))
      try cancellation.sleep(min(left, Self.lookInterval))
    }
  }

  private func decide(
    _ plan: RoundPlan, _ before: RoundSweep?, _ report: inout CompactionReport
  ) throws -> RoundSweep {
    let survey = try RoundSurvey.make(
      context, round: plan.round, before: before, plan: plan, cancellation: cancellation, progress: progress)
    report.incompleteArchives = survey.incomplete
    if let archive = survey.incomplete.first { try waitForRepair(of: archive, plan.round) }
    let decision = try RoundDecision(plan, survey, context, cancellation, progress: progress)
    report.pardonedPacks += decision.pardoned.count
    let index = try IndexWriter(context, IndexLoader(context: context), round: plan.round - 1).put(
      decision.uncovered, [], among: survey.indexNames)
    return RoundSweep(
      round: plan.round, going: decision.going, index: decision.index.union(index), census: decision.census)
  }
}

// MARK: - Archives that are not whole

extension Compactor {
  /// - Throws: `CompactionError.heldUp` until the plan has stood for as long as such archives are waited for.
  private func waitForRepair(of archive: IncompleteArchive, _ round: Int) throws {
    let planned = try timeOfPlan(round)
    let patience = planned.map { SessionPatience(context, round: round, planned: $0) }
    if try patience?.hasStood(for: Self.repairTime) == true { return }
    throw CompactionError.heldUp(
      id: archive.id, name: archive.name, location: context.location, detail: archive.detail,
      until: planned?.addingTimeInterval(Self.repairTime))
  }

  /// Seconds from the plan on in which somebody may put back what archives of write-only keys lack, all of them together.
  static let repairTime: Double = 7 * 86400
}

extension AwaitedSession {
  init(_ session: KnownSession) {
    self.init(
      id: session.id, hostname: session.hostname, process: session.process,
      isWriteOnly: session.signer.role != .full, lastSign: session.lastSign)
  }
}
