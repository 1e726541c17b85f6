import CofferHooks
import CofferRepository
import CofferSystem

/// Finds the dump of a server that is brought forward, and the log that leads from it to a target.
struct OplogSearch {
  struct Found {
    let archive: Archive
    let dump: ArchiveDump
    let route: OplogRoute
  }

  let request: OplogRequest
  let access: OpenRepository
  let context: ActionContext

  /// The newest archive whose dump was made before the target, with a log that leads there.
  ///
  /// - Throws: `OplogRouteError`; `RestoreSelection.Failure`; what reading throws.
  func find(_ reader: ArchiveReader) throws -> Found {
    try ArchiveSearch(access: access, reader: reader, context: context).find(
      none: OplogRouteError.noArchive, leadsToOlder: { ($0 as? OplogRouteError)?.leadsToOlder ?? false }
    ) { archive, all, _ in
      let (dump, place) = try chosen(from: all, of: archive)
      return Found(archive: archive, dump: dump, route: try route(behind: place, dump.identity))
    }
  }

  private func chosen(from all: [ArchiveDump], of archive: Archive) throws -> (ArchiveDump, DumpOplogPlace) {
    let dumps = try SelectionFlags.selection(context).select(
      from: all.filter { $0.record.hook.isSame(as: MongoDBOptions.databases.name) }, archive: archive.name,
      missing: archive.draft.missingDumps)
    guard dumps.count == 1, dumps[0].record.database.isSame(as: "all") else {
      throw OplogRouteError.notWhole(dumps[0].identity)
    }
    let dump = dumps[0]
    guard let place = dump.record.oplog else {
      throw OplogRouteError.noPlace(dump.identity, archive: archive.name)
    }
    guard let limit = request.limit, place.last.time < limit else {
      throw OplogRouteError.dumpIsLater(dump.identity, target: request.title)
    }
    return (dump, place)
  }

  private func route(behind place: DumpOplogPlace, _ identity: DumpIdentity) throws -> OplogRoute {
    guard let limit = request.limit else { throw OplogRouteError.dumpIsLater(identity, target: request.title) }
    var why: OplogRouteError?
    for server in try servers() {
      let reader = try OplogReader(access.repository, of: server, signers: request.signers)
      let stretches = try reader.stretches()
      for (index, stretch) in stretches.enumerated() {
        guard let number = try reader.find(place.last.time, in: stretch) else { continue }
        var route = OplogRoute(
          of: server, signers: request.signers, stretch, from: number, behind: place.last, before: limit)
        // Another set may have an entry of the same time.
        guard try route.check(reader, context.cancellation) else { continue }
        if isReached(route) { return route }
        // A set may be stored under two names.
        why = .beyond(
          target: request.title, nearest: route.newest.time, hasGap: index + 1 < stretches.count)
      }
    }
    throw why ?? .noLog(identity, place.last.time)
  }

  private func isReached(_ route: OplogRoute) -> Bool {
    switch request.target {
    // What was written in that second may have more of it behind it.
    case .second: route.isOver
    case .entry(let time): route.isOver || route.newest.time >= time
    }
  }

  /// Those of which there is log, each once.
  private func servers() throws -> [LogServer] {
    try access.repository.logs().compactMap(\.origin?.server).filter { $0.system.isSame(as: OplogServer.system) }
      .reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }
}
