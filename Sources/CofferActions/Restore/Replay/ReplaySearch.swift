import CofferHooks
import CofferRepository
import CofferSystem

/// Finds the dumps that databases or a server are brought forward from, and lays the log behind them down.
struct ReplaySearch {
  struct Found {
    let archive: Archive
    let dumps: [ArchiveDump]
    /// Finished.
    let log: ReplayLog
  }

  /// What is brought forward.
  enum Wanted {
    /// Those that the command line chooses.
    case databases
    /// A server by its physical backup.
    case server(String)
  }

  let wanted: Wanted
  let request: ReplayRequest
  let access: OpenRepository
  let ground: DrillGround
  let context: ActionContext

  init(
    of wanted: Wanted, _ request: ReplayRequest, in access: OpenRepository, _ ground: DrillGround,
    _ context: ActionContext
  ) {
    self.wanted = wanted
    self.request = request
    self.access = access
    self.ground = ground
    self.context = context
  }

  /// The newest archive whose dumps were made before the target, with a log that leads there.
  ///
  /// - Parameter reader: Of archives.
  /// - Throws: `ReplayRouteError`; `RestoreSelection.Failure`; `ClusterRestoreError`; what reading throws.
  func find(_ reader: ArchiveReader) throws -> Found {
    try ArchiveSearch(access: access, reader: reader, context: context).find(
      none: ReplayRouteError.noArchive, leadsToOlder: { ($0 as? ReplayRouteError)?.leadsToOlder ?? false }
    ) { archive, all, number in
      let dumps = try chosen(from: all, of: archive)
      try check(dumps, of: archive)
      return Found(archive: archive, dumps: dumps, log: try log(behind: dumps, of: archive, number))
    }
  }

  private func chosen(from all: [ArchiveDump], of archive: Archive) throws -> [ArchiveDump] {
    switch wanted {
    case .server(let name):
      guard let dump = all.first(where: { $0.record.physical != nil && $0.record.database.isSame(as: name) }) else {
        throw ClusterRestoreError.noBase(cluster: name, archive: context.namedArchive)
      }
      return [dump]
    case .databases:
      let dumps = try SelectionFlags.selection(context).select(
        from: all.filter { !$0.record.isOfServer }, archive: archive.name, missing: archive.draft.missingDumps)
      for dump in dumps {
        guard let (problem, suggestion) = MariaDBReplay.obstacle(dump.facts) else { continue }
        throw RestoreError.refused(dump.identity, problem: problem, suggestion: suggestion)
      }
      return dumps
    }
  }

  /// That the dumps were made before the target, at places of one log.
  private func check(_ dumps: [ArchiveDump], of archive: Archive) throws {
    for dump in dumps {
      guard let log = dump.record.log else { throw ReplayRouteError.noPlace(dump.identity, archive: archive.name) }
      if case .time(let limit) = request.target, limit < 0 || UInt64(limit) < log.time {
        throw ReplayRouteError.dumpIsLater(dump.identity, target: request.title)
      }
      if case .gtid(let gtid) = request.target, log.has(gtid) {
        throw ReplayRouteError.behind(log, target: request.title)
      }
    }
    let places = Set(dumps.map { ExactName($0.identity.place) })
    guard places.count == 1 else {
      throw UsageError(
        argument: SelectionFlags.database.name,
        problem: "The databases are of several servers, each with a log of its own",
        suggestion: "Choose those of one, with --original-hostname or --database")
    }
  }
}
