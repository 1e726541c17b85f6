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
      return Found(archive: archive, dump: dump, route: try route(behind: place, dump.identity, of: archive))
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

  private func route(
    behind place: DumpOplogPlace, _ identity: DumpIdentity, of archive: Archive
  ) throws -> OplogRoute {
    guard let limit = request.limit else { throw OplogRouteError.dumpIsLater(identity, target: request.title) }
    let (candidates, areNamed) = try servers(of: archive)
    var (found, count): (OplogRoute?, Int) = (nil, 0)
    var why: (any Error)?
    for server in candidates {
      do {
        guard let route = try route(by: server, behind: place.last, before: limit) else { continue }
        count += 1
        found = found ?? route
      } catch let error as OplogRouteError {
        count += 1
        if !(why is OplogRouteError) { why = error }
      } catch let error where error is LogError || error is OplogReader.Fault {
        // Another server's log may be the dump's.
        why = why ?? error
      }
    }
    // Whoever may put log may put one under a name of his own.
    guard areNamed || count <= 1 || !request.signers.isEmpty else {
      throw OplogRouteError.ambiguous(identity, place.last.time)
    }
    if let found { return found }
    throw why ?? OplogRouteError.noLog(identity, place.last.time)
  }

  /// The way that one server's log leads.
  ///
  /// - Returns: nil where that has not the dump's last entry.
  /// - Throws: `OplogRouteError` where it has, and does not lead to the target; what reading throws.
  private func route(by server: LogServer, behind start: OplogMark, before limit: OplogTime) throws -> OplogRoute? {
    let reader = try OplogReader(access.repository, of: server, signers: request.signers)
    let stretches = try reader.stretches()
    var nearest: (time: OplogTime, hasGap: Bool, doubt: OplogMark?)?
    for (index, stretch) in stretches.enumerated() {
      guard let number = try reader.find(start.time, in: stretch) else { continue }
      var route = OplogRoute(
        of: server, signers: request.signers, stretch, from: number, behind: start, before: limit)
      // Another set may have an entry of the same time.
      guard try route.check(reader, context.cancellation) else { continue }
      let doubt = try stretches.dropFirst(index + 1).first.flatMap { try doubtfulEnd(of: stretch, before: $0, reader) }
      if isReached(route) {
        route.doubt = doubt
        return route
      }
      if nearest.map({ $0.time < route.newest.time }) ?? true {
        nearest = (route.newest.time, index + 1 < stretches.count, doubt)
      }
    }
    guard let nearest else { return nil }
    throw OplogRouteError.beyond(
      target: request.title, nearest: nearest.time, hasGap: nearest.hasGap, isDoubtful: nearest.doubt != nil)
  }

  /// What is at the end of a stretch is doubtful where another primary has written what follows: a set rolls back what the one before has
  /// not given to most of its members, and the receiver may have had that from it.
  ///
  /// - Returns: The last entry; nil where there is no doubt, and where that cannot be read: no restore leads to it then.
  private func doubtfulEnd(
    of stretch: OplogReader.Stretch, before later: OplogReader.Stretch, _ reader: OplogReader
  ) throws -> OplogMark? {
    guard later.history > stretch.history else { return nil }
    let last = try readable { try reader.slice(stretch.numbers.upperBound, history: stretch.history).last }
    let next = try readable { try reader.slice(later.numbers.lowerBound, history: later.history).first }
    guard let last else { return nil }
    // Of what cannot be read nobody knows who has written it.
    return next.map { $0.term > last.term } ?? true ? last : nil
  }

  /// What leads to no target here must not keep anybody from one.
  private func readable(_ read: () throws -> OplogMark) throws -> OplogMark? {
    do {
      return try read()
    } catch let error where error is LogError || error is OplogReader.Fault || error is RepositoryError {
      return nil
    }
  }

  private func isReached(_ route: OplogRoute) -> Bool {
    switch request.target {
    // What was written in that second may have more of it behind it.
    case .second: route.isOver
    case .entry(let time): route.isOver || route.newest.time >= time
    }
  }

  /// Those of which there is log, each once: as far as it is known the dump's own, and else all.
  private func servers(of archive: Archive) throws -> (all: [LogServer], areNamed: Bool) {
    let all = try access.logServers(of: OplogServer.system)
    let needed = archive.draft.logNeeds.map(\.server)
    let own = all.filter(needed.contains)
    return own.isEmpty ? (all, false) : (own, true)
  }
}
