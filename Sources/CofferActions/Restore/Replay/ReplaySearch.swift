import CofferHooks
import CofferRepository
import CofferSystem

/// Finds the dumps that databases are brought forward from, and lays the log behind them down.
struct ReplaySearch {
  struct Found {
    let archive: Archive
    let dumps: [ArchiveDump]
    /// Finished.
    let log: ReplayLog
  }

  let request: ReplayRequest
  let access: OpenRepository
  let ground: DrillGround
  let context: ActionContext

  init(_ request: ReplayRequest, in access: OpenRepository, _ ground: DrillGround, _ context: ActionContext) {
    self.request = request
    self.access = access
    self.ground = ground
    self.context = context
  }

  /// The newest archive whose dumps were made before the target, with a log that leads there.
  ///
  /// - Parameter reader: Of archives.
  /// - Throws: `ReplayRouteError`; `RestoreSelection.Failure`; what reading throws.
  func find(_ reader: ArchiveReader) throws -> Found {
    try ArchiveSearch(access: access, reader: reader, context: context).find(
      none: ReplayRouteError.noArchive, leadsToOlder: { ($0 as? ReplayRouteError)?.leadsToOlder ?? false }
    ) { archive, all, number in
      let dumps = try chosen(from: all, of: archive)
      return Found(archive: archive, dumps: dumps, log: try log(behind: dumps, number))
    }
  }

  private func chosen(from all: [ArchiveDump], of archive: Archive) throws -> [ArchiveDump] {
    let dumps = try SelectionFlags.selection(context).select(
      from: all.filter { !$0.record.isOfServer }, archive: archive.name, missing: archive.draft.missingDumps)
    for dump in dumps {
      if let (problem, suggestion) = MariaDBReplay.obstacle(dump.facts) {
        throw RestoreError.refused(dump.identity, problem: problem, suggestion: suggestion)
      }
      guard let log = dump.record.log else { throw ReplayRouteError.noPlace(dump.identity, archive: archive.name) }
      if case .time(let limit) = request.target, limit < 0 || UInt64(limit) < log.time {
        throw ReplayRouteError.dumpIsLater(dump.identity, target: request.title)
      }
      if case .gtid(let gtid) = request.target, log.gtid.flatMap({ GTIDPosition($0) })?.includes(gtid) == true {
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
    return dumps
  }
}
