import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials

/// Finds the base backup that a server is brought forward from, and the log behind it.
struct ClusterSearch {
  struct Found {
    let archive: Archive
    let dump: ArchiveDump
    let base: BaseBackupFacts
    let route: LogRoute
    /// Why newer archives were passed over.
    let unreadable: [any Error]
  }

  private let request: ClusterRequest
  private let access: OpenRepository
  private let context: ActionContext

  init(_ request: ClusterRequest, in access: OpenRepository, _ context: ActionContext) {
    self.request = request
    self.access = access
    self.context = context
  }

  /// The newest whose end is before the target and from which the timeline can be reached, with a log that reaches the target.
  ///
  /// An archive that cannot be read is passed over, where none is named.
  ///
  /// - Throws: `ClusterRestoreError`; what reading throws; where nothing was found, why archives were passed over.
  func find(_ reader: ArchiveReader) throws -> Found {
    var earliest: ClusterRestoreError.Nearest?
    var off: ClusterRestoreError?
    var logs: [UInt64: (reader: LogReader, coverage: LogCoverage)] = [:]
    var unreadable: [any Error] = []
    for archive in try access.archives(toLeadOnFrom: context) {
      try context.cancellation.check()
      let found: (ArchiveDump, BaseBackupFacts)?
      do {
        found = try self.base(of: archive, reader)
      } catch let error where context.namedArchive == nil && Archive.isConcerned(by: error) {
        // An older base backup leads to the target, too, by more of the log.
        unreadable.append(error)
        context.console.warning(
          "Archive \(archive.name) cannot be read, and an older base backup is looked for: \(Console.text(Diagnosis(of: error)))"
        )
        continue
      }
      guard let (dump, base) = found else { continue }
      guard isBeforeTarget(dump, base) else {
        earliest = ClusterRestoreError.Nearest(position: base.end, time: dump.record.end)
        continue
      }
      let log = try logs[base.systemIdentifier] ?? log(of: base)
      logs[base.systemIdentifier] = log
      do {
        let route = try LogRoute(from: base, to: request.timeline, log.reader, log.coverage)
        let found = Found(archive: archive, dump: dump, base: base, route: route, unreadable: unreadable)
        try check(found)
        return found
      } catch let error as ClusterRestoreError {
        guard case .offTimeline = error else { throw error }
        off = off ?? error
      }
    }
    // What cannot be read may have had what is looked for.
    if !unreadable.isEmpty { throw SeveralErrors(unreadable) }
    if let off { throw off }
    if let earliest { throw ClusterRestoreError.targetBeforeBases(cluster: request.cluster, earliest: earliest) }
    throw ClusterRestoreError.noBase(cluster: request.cluster, archive: context.namedArchive)
  }

  private func base(of archive: Archive, _ reader: ArchiveReader) throws -> (ArchiveDump, BaseBackupFacts)? {
    guard !archive.draft.logNeeds.isEmpty else { return nil }
    let dumps = try ArchiveDump.all(of: archive, reader, context.cancellation)
    return dumps.lazy.compactMap { dump -> (ArchiveDump, BaseBackupFacts)? in
      guard dump.record.database.isSame(as: request.cluster), let base = dump.record.base else { return nil }
      return (dump, base)
    }.first
  }

  private func isBeforeTarget(_ dump: ArchiveDump, _ base: BaseBackupFacts) -> Bool {
    switch request.target {
    case .time(let time): dump.record.end <= time.date
    case .position(let position): base.end <= position
    // Where they are is known only when they are come to.
    case .end, .name, .transaction: true
    }
  }

  private func log(of base: BaseBackupFacts) throws -> (reader: LogReader, coverage: LogCoverage) {
    let reader = try access.repository.logReader(
      of: LogCluster.server(base.systemIdentifier), signers: request.signers)
    return (reader, try reader.coverage())
  }

  /// That the log reaches the target.
  private func check(_ found: Found) throws {
    let route = found.route
    let gap = route.behindGap
    let time = try route.lastTime() ?? (gap == nil ? found.dump.record.end : nil)
    let isReached =
      switch request.target {
      case .time(let wanted): time.map { wanted.date <= $0 } ?? false
      case .position(let wanted): wanted < route.end || wanted == found.base.end && gap == nil
      case .end: gap == nil
      case .name, .transaction: route.lastSegment != nil || gap == nil
      }
    guard isReached else {
      throw ClusterRestoreError.targetBeyond(
        cluster: request.cluster, target: request.targetTitle,
        nearest: ClusterRestoreError.Nearest(position: route.end, time: time), behindGap: gap?.segmentName)
    }
  }
}
