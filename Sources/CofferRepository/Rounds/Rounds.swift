import CofferStorage
import CofferSystem

/// What an archive counts for.
public enum ArchiveStanding: String, Sendable, Equatable {
  case counts
  /// The round that decides about it has not decided yet.
  case undecided
  /// The archive came in after a later round was closed: what it needs may be gone. It counts for nothing.
  case void
}

/// What a process makes of the rounds of compaction that it sees.
///
/// Whoever judges archives lists them first and loads this afterwards; whoever deduplicates loads this first and the index
/// afterwards.
package struct Rounds: Sendable {
  /// The newest round; 0 before the first.
  package let newest: Int
  /// The highest round that is closed; 0 before the first. A round that has a sweep is closed.
  package let highestClosed: Int
  /// Of the newest round.
  package let plan: RoundPlan?
  /// Of the round that was closed last.
  package let sweep: RoundSweep?
  /// Of the round before that, as long as the one that was closed last has no sweep.
  package let previous: RoundSweep?
  /// The names of all that there is, also of rounds that are over.
  package let names: [RoundName]
  /// What is no object of a round: no full key has given it its name. Told by full keys only; nobody else's names are right by
  /// accident, so it can be deleted at any time.
  package let strays: [ObjectName]

  /// Times that a list is made again which shows what cannot have been.
  private static let tries = 10

  /// Lists and reads what there is.
  ///
  /// - Throws: `RepositoryError.damaged`, `.unknownKey` when a decision that counts cannot be read, or is gone; `StorageError`.
  package static func load(_ context: RepositoryContext) throws -> Rounds { try load(context, nil) }

  /// - Parameters:
  ///   - memory: Of whoever looks several times: what was read before is not read again.
  ///   - listed: What a list of the folder has just shown; nil to make one.
  static func load(
    _ context: RepositoryContext, _ memory: RoundMemory?, _ listed: [ObjectStatus]? = nil
  ) throws -> Rounds {
    let store = try RoundStore(context, memory)
    var listed = listed
    for _ in 0..<tries {
      if let rounds = try once(store, listed) { return rounds }
      listed = nil
    }
    throw RepositoryError.damaged(
      object: RoundName.folder, location: context.location,
      detail: "plan and decision of the newest round are both missing, so nobody knows what counts")
  }

  /// - Returns: nil for what no moment can have shown.
  private static func once(_ store: RoundStore, _ listed: [ObjectStatus]?) throws -> Rounds? {
    let (names, strays, statuses) = try store.list(listed)
    var isWhole = true
    func first<Object: RoundObject>(
      _ type: Object.Type, _ kind: RoundObjectKind, where isWanted: (Int) -> Bool
    ) throws -> Object? {
      for name in names.filter({ $0.kind == kind && isWanted($0.round) }).sorted(by: { $0.round > $1.round }) {
        switch try store.read(name, statuses[name], as: type) {
        case .stands(let object): return object
        case .gone: isWhole = false
        case .none: continue
        }
      }
      return nil
    }
    let closing = try first(RoundClosing.self, .closing) { _ in true }?.round ?? 0
    // Decisions are large: only those are read that may be needed.
    var sweep = try first(RoundSweep.self, .sweep) { $0 >= max(closing, 1) }
    let closed = max(closing, sweep?.round ?? 0)
    if sweep?.round != closed { sweep = nil }
    let newestPlan = try first(RoundPlan.self, .plan) { $0 >= max(closed, 1) }
    let newest = max(closed, newestPlan?.round ?? 0)
    // Once a round has its sweep, anybody may put something under the names of the round before.
    let previous = sweep == nil && closed > 1 ? try first(RoundSweep.self, .sweep) { $0 == closed - 1 } : nil
    // What was deleted while it was read is no moment's picture, either.
    guard isWhole else { return nil }
    let knowsIndex = newest == 0 || newestPlan?.round == newest || (closed == newest && sweep != nil)
    let knowsArchives = closed <= 1 || sweep != nil || previous != nil
    guard knowsIndex, knowsArchives else { return nil }
    return Rounds(
      newest: newest, highestClosed: closed, plan: newestPlan, sweep: sweep, previous: previous, names: names,
      strays: strays)
  }

  /// What an archive counts for, for good if it counts.
  ///
  /// - Parameters:
  ///   - id: The archive's.
  ///   - round: The one that its session saw.
  package func standing(of id: String, round: Int) -> ArchiveStanding {
    guard round < highestClosed else { return .counts }
    if let sweep { return sweep.census.contains(ExactName(id)) ? .counts : .void }
    guard round < highestClosed - 1 else { return .undecided }
    return previous?.census.contains(ExactName(id)) == true ? .counts : .void
  }

  /// Whether an index object counts for deduplication.
  ///
  /// - Parameter round: The one that its session saw.
  package func counts(_ index: Digest256, round: Int) -> Bool {
    guard round < newest else { return true }
    let named = highestClosed == newest && sweep != nil ? sweep?.index : plan?.index
    return named?.contains(index) == true
  }
}

// MARK: - What is lost

extension Rounds {
  /// To be asked before anything is deleted: a decision in whose place there is no object is in no list, so that it looks as if
  /// nothing had been decided.
  ///
  /// - Throws: `RepositoryError.damaged`; `StorageError`; `RunCancelled`.
  static func refuseLost(_ context: RepositoryContext) throws {
    guard let tags = try RootTags(context.keys, context.header) else { return }
    for name in try UnlistedEntries.names(in: RoundName.folder, context) {
      guard let round = RoundName(name), try tags.isRight(round) else { continue }
      throw context.damaged(
        name,
        "in the place of what a compaction has decided there is no file, or an empty one. Nothing is deleted until it is put "
          + "back from a copy of the repository, or what a killed compaction has left there is removed")
    }
  }
}

extension Repository {
  /// To be asked before archives are deleted by what they count for.
  ///
  /// - Throws: `RepositoryError.damaged` where a decision has lost its bytes; `StorageError`; `RunCancelled`.
  public func refuseLostDecisions() throws { try Rounds.refuseLost(context) }
}

// MARK: - Putting

extension Rounds {
  /// Puts a round's plan, closing or sweep, unless it has one already.
  ///
  /// - Returns: The one that stands, which counts for all: whoever finds the name taken goes on with that.
  /// - Throws: `RepositoryError.needsFullKey`; `.damaged` when what stands there cannot be read; `StorageError`.
  package static func put<Object: RoundObject>(_ object: Object, _ context: RepositoryContext) throws -> Object {
    try RoundStore(context).put(object)
  }
}
