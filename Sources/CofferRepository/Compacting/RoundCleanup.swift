import CofferStorage
import CofferSystem
import FoundationEssentials
import Glibc

/// Deletes what a round has decided to delete, and what runs and earlier rounds have left. It may be done again at any time, by
/// anybody with a full key, as long as no later round is closed.
struct RoundCleanup {
  private let context: RepositoryContext
  private let cancellation: Cancellation
  private let progress: @Sendable (CompactionProgress) -> Void

  init(
    _ context: RepositoryContext, _ cancellation: Cancellation,
    progress: @escaping @Sendable (CompactionProgress) -> Void
  ) {
    self.context = context
    self.cancellation = cancellation
    self.progress = progress
  }

  /// Packs that are deleted between two looks at whether a later round is closed.
  private static let lookInterval = 128

  /// - Returns: Whether the round is the one that decides to the end; else the rest was not done, or nothing.
  /// - Throws: `StorageError`; `RunCancelled`.
  func carryOut(_ sweep: RoundSweep, _ report: inout CompactionReport) throws -> Bool {
    // Between knowing the decision and the first deletion: who is rounds behind must not go by what has come back.
    let rounds = try Rounds.load(context)
    guard rounds.highestClosed == sweep.round, rounds.sweep == sweep else { return false }
    let standing = try IndexLoader(context: context).existingPacks()
    let going = try inOrder(sweep.going.filter { standing[$0] != nil })
    let damaged = try deleteIndexObjects(sweep, &report)
    for (number, pack) in going.enumerated() {
      try cancellation.check()
      if number > 0, number.isMultiple(of: Self.lookInterval), try isOver(sweep) { return false }
      progress(.deleting(pack: number + 1, of: going.count))
      guard let name = pack.packName else { continue }
      try context.store.delete(name)
      report.packs += 1
      report.packSize = report.packSize.addingClamped(UInt64(clamping: standing[pack] ?? 0))
    }
    if !damaged.isEmpty { try delete(damaged, sweep, &report) }
    try deleteQuarantines(sweep)
    for name in rounds.names where name.round < sweep.round && name.kind != .closing {
      try context.store.delete(name.objectName)
    }
    for stray in rounds.strays { try context.store.delete(stray) }
    try removeLeftovers(sweep, &report)
    return true
  }

  /// Whether a later round is closed: who has slept for long must not delete what that one keeps.
  private func isOver(_ sweep: RoundSweep) throws -> Bool {
    try RoundStore(context).list().names.contains { $0.kind == .closing && $0.round > sweep.round }
  }

  /// Packs that lean on others before these: whenever it is stopped, no pack is left that leans on what is gone.
  private func inOrder(_ going: Set<Digest256>) throws -> [Digest256] {
    var bases: [Digest256: Set<Digest256>] = [:]
    for pack in going {
      try cancellation.check()
      // One that does not open holds nothing that could be read.
      guard let reader = try RunStore.readable({ try PackReader(pack, context: context) }) else { continue }
      bases[pack] = reader.directory.basePacks.intersection(going)
    }
    var ordered: [Digest256] = []
    var rest = going
    while !rest.isEmpty {
      let leantOn = rest.reduce(into: Set<Digest256>()) { $0.formUnion(bases[$1] ?? []) }
      let free = rest.subtracting(leantOn)
      // Packs that lean on each other are nobody's honest work.
      let next = free.isEmpty ? rest : free
      ordered += next.sorted()
      rest.subtract(next)
    }
    return ordered
  }

  /// - Returns: Objects whose bytes are not those of their names. They stand yet.
  private func deleteIndexObjects(_ sweep: RoundSweep, _ report: inout CompactionReport) throws -> [ObjectName] {
    let loader = try IndexLoader(context: context)
    let names = try loader.objectNames()
    // Looked at behind the list: no session that has put what is in it can have seen a later round, but for one that a list
    // does not show yet.
    let newest = try Rounds.load(context).newest
    var damaged: [ObjectName] = []
    for name in names {
      try cancellation.check()
      guard let digest = Digest256(hex: name.lastPart), !sweep.index.contains(digest) else { continue }
      guard let segment = try RunStore.readable({ try loader.read(name) }) else {
        if try isDamaged(name, digest) { damaged.append(name) }
        continue
      }
      guard segment.round < sweep.round || segment.round > newest + 1 else { continue }
      try context.store.delete(name)
      report.deletedIndexObjects += 1
    }
    return damaged
  }

  /// Whether nobody can ever read an index object: one that merely does not open may be of a key that is not found just now.
  private func isDamaged(_ name: ObjectName, _ digest: Digest256) throws -> Bool {
    do {
      let bytes = try context.store.get(name, limit: ObjectLimit.index)
      return try bytes.withUnsafeBytes { try ContentHasher.hash($0) } != digest
    } catch StorageError.tooLarge {
      return true
    } catch let error as StorageError where RunStore.concernsObject(error) {
      return false
    }
  }

  /// Deletes damaged index objects if others name every pack that stands. So nothing that they named is known by them only, and
  /// who looks for a pack finds it as before.
  private func delete(_ damaged: [ObjectName], _ sweep: RoundSweep, _ report: inout CompactionReport) throws {
    let loader = try IndexLoader(context: context)
    let index = try CountingIndex(loader, try loader.objectNames()) { digest, round in
      round >= sweep.round || sweep.index.contains(digest)
    }
    guard try loader.existingPacks().keys.allSatisfy(index.named.contains) else { return }
    for name in damaged {
      try context.store.delete(name)
      report.deletedIndexObjects += 1
    }
  }

  private func deleteQuarantines(_ sweep: RoundSweep) throws {
    for status in try context.store.list(Quarantine.folder) {
      guard let pack = Digest256(hex: status.name.lastPart), sweep.going.contains(pack) else { continue }
      try context.store.delete(status.name)
    }
  }

  /// Whether a session of an earlier round had given no sign for long when the round was decided: whatever it does now does not
  /// count.
  private func isDead(_ session: KnownSession, _ sweep: RoundSweep, _ decided: Date) -> Bool {
    (session.round ?? -1) < sweep.round && decided.timeIntervalSince(session.lastSign) > SessionPatience.silence
  }

  private func timeOfDecision(_ sweep: RoundSweep) throws -> Date? {
    guard let tags = try RootTags(context.keys, context.header),
      let name = try RoundName(round: sweep.round, .sweep, tags: tags)
    else { return nil }
    do {
      return try context.store.status(of: name.objectName).received
    } catch StorageError.missing {
      return nil  // Somebody else has finished the next round meanwhile.
    }
  }

  /// Parts of objects of runs that have certainly ended, and markers of sessions that have, or that were not waited for.
  private func removeLeftovers(_ sweep: RoundSweep, _ report: inout CompactionReport) throws {
    let decided = try timeOfDecision(sweep)
    for put in try context.store.unfinishedPuts() where put.isAbandoned {
      try context.store.remove(put)
      report.removedLeftovers += 1
    }
    for session in try KnownSession.load(context)
    where session.isOver || (decided.map { isDead(session, sweep, $0) } ?? false) {
      for marker in session.markers { try context.store.delete(marker) }
      report.removedLeftovers += 1
    }
  }
}
