import CofferStorage
import CofferSystem

/// What came of looking at the locks of a repository's objects.
public struct LockReport: Sendable, Equatable {
  /// Objects whose locks were looked at.
  public var objects = 0
  /// Those that were locked anew.
  public var renewed = 0
}

extension Repository {
  /// Locks objects anew at a place that is asked to delete nothing for a while, where less than half of that time is left: an
  /// object is needed for as long as any archive needs it, and a lock counts from the day on which the object was put.
  ///
  /// All that is there is locked: what archives do not need any more, a compaction removes. Only what one has decided to remove
  /// is left alone, and the signs of running sessions.
  ///
  /// - Returns: nil for a place that is not asked to lock anything, and where this machine has looked at all locks a short while
  ///   ago.
  /// - Throws: `StorageError`, for the first object that was refused, when all others have been looked at; `RepositoryError`;
  ///   `RunCancelled`.
  public func renewLocks(cancellation: Cancellation) throws -> LockReport? {
    let context = context.stopping(with: cancellation)
    guard let lockTime = context.store.lockTime else { return nil }
    let memory = LockMemory(context, lockTime: lockTime)
    guard memory.isDue else { return nil }
    let going = Set((try Rounds.load(context).sweep?.going ?? []).compactMap(\.packName))
    var names: [ObjectName] = []
    try context.store.forEachObject(in: "") { object in
      guard !object.name.path.begins(with: SessionMarker.folder + "/"), !going.contains(object.name) else { return }
      names.append(object.name)
    }
    let outcomes = try context.sideBySide.map(names) { try Self.renew($0, context) }
    for case .refused(let error) in outcomes { throw error }
    memory.note()
    return LockReport(objects: names.count, renewed: outcomes.count { $0 == .renewed })
  }

  private enum LockOutcome: Sendable, Equatable {
    case asItWas, renewed
    case refused(StorageError)
  }

  /// - Throws: What concerns more than this object.
  private static func renew(_ name: ObjectName, _ context: RepositoryContext) throws -> LockOutcome {
    do {
      return try context.store.renewLock(of: name) ? .renewed : .asItWas
    } catch StorageError.missing {
      return .asItWas  // Somebody has removed it meanwhile.
    } catch let error as StorageError where [.denied, .permanent].contains(error.kind) {
      return .refused(error)
    }
  }
}
