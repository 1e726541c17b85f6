import CofferStorage
import CofferSystem

/// What runs that were killed have left in a repository. None of it does harm; compaction is to give its space back.
public struct Leftovers: Sendable, Equatable {
  /// Parts of objects, of runs that are alive too.
  public var unfinishedPuts = 0
  /// Bytes of them.
  public var unfinishedSize: UInt64 = 0
  /// That may be alive.
  public var sessions = 0
  /// Packs that no index object names.
  public var unindexedPacks = 0
}

extension Repository {
  /// Counts what killed runs may have left.
  ///
  /// - Throws: `StorageError`.
  public func leftovers() throws -> Leftovers {
    var leftovers = Leftovers()
    for put in try context.store.unfinishedPuts() {
      leftovers.unfinishedPuts += 1
      leftovers.unfinishedSize = leftovers.unfinishedSize.addingClamped(UInt64(clamping: put.size))
    }
    var sessions: Set<ExactName> = []
    for status in try context.store.list(SessionMarker.folder) {
      sessions.insert(ExactName(status.name.lastPart.parts(by: "-").first ?? ""))
    }
    leftovers.sessions = sessions.count
    let loader = try IndexLoader(context: context)
    let names = try loader.objectNames()
    var unnamed = try loader.existingPacks()
    for run in try loader.runs(of: names, over: unnamed) {
      for number in 0..<run.layout.packCount { unnamed[run.pack(number).digest] = nil }
    }
    leftovers.unindexedPacks = unnamed.count
    return leftovers
  }

  /// Removes what runs have left that have certainly ended: parts of objects and markers of sessions. What cannot be removed
  /// stays, and is counted. Who leaves parts of objects leaves markers, unless he ended before he had put the first one: parts
  /// are looked for where there are markers.
  ///
  /// - Parameter session: The id of one that is known to live.
  func removeAbandoned(besides session: String) throws {
    let own = "\(SessionMarker.folder)/\(session)-"
    let markers = try context.store.list(SessionMarker.folder).filter { !$0.name.path.begins(with: own) }
    guard !markers.isEmpty else { return }
    for put in try context.store.unfinishedPuts() where put.isAbandoned { try? context.store.remove(put) }
    for session in try KnownSession.load(markers, context) where session.isOver {
      for marker in session.markers {
        // In their order: what says that the session has ended stands as long as any other.
        guard (try? context.store.delete(marker)) != nil else { break }
      }
    }
  }
}

extension UInt64 {
  /// The sum, or the greatest number that every other kind of number has room for: what is added was read, and may be false.
  package func addingClamped(_ other: UInt64) -> UInt64 {
    let limit = UInt64(Int64.max)
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? limit : Swift.min(sum, limit)
  }
}
