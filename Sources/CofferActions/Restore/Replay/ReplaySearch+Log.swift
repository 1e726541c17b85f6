import CofferHooks
import CofferRepository
import CofferSystem

// The log of a server behind dumps: which of the repository's it is, and where in it the dumps were made.
extension ReplaySearch {
  /// Lays down what is between the first of some dumps and the target.
  ///
  /// - Parameter number: Tells apart what is laid down for several archives.
  /// - Throws: `ReplayRouteError`; `LogError`; what reading throws.
  func log(behind dumps: [ArchiveDump], of archive: Archive, _ number: Int) throws -> ReplayLog {
    let ordered = ReplayLog.sorted(dumps.compactMap(\.record.log))
    guard let first = ordered.first else { throw ReplayRouteError.noArchive }
    let dialect = dumps.first.map { MariaDBReplay.dialect(of: $0.facts) } ?? .mariadb
    let servers = try servers(dialect, first)
    let paths = Set(dumps.map { ExactName($0.identity.path) })
    let needs = archive.draft.logNeeds.filter { $0.dumps.map { !$0.isDisjoint(with: paths) } ?? true }
    let named = servers.filter { server in needs.contains { $0.server == server } }
    // The log of another server, which anybody may have made, is none where the archive's own has the place.
    var fits = try fits(first, named)
    if fits.isEmpty { fits = try self.fits(first, servers.filter { !named.contains($0) }) }
    guard !fits.isEmpty else { throw ReplayRouteError.noLog(first) }
    // Servers count alike; by MySQL's identity, or the GTID position, it is seen whose log it is.
    guard ordered.allSatisfy({ $0.gtid != nil || $0.server != nil }) else { throw ReplayRouteError.ambiguous(first) }
    var other: ReplayFault?
    for (index, fit) in fits.enumerated() {
      let log = try ReplayLog(
        from: ordered, of: databases(of: dumps), to: request.target, dialect, on: ground, name: "log-\(number)-\(index)"
      )
      do {
        try fit.reader.forEach(
          start(fit.reader, fit.stretch, fit.number)...fit.stretch.numbers.upperBound, history: fit.stretch.history
        ) { slice in
          try context.cancellation.check()
          return try log.take(
            ReplayPiece(file: slice.file, range: slice.range, format: slice.format, events: slice.events),
            gtid: slice.gtid)
        }
      } catch let fault as ReplayFault {
        guard case .notThere = fault, fits.count > 1 else { throw ReplayRouteError(fault, request.title) }
        other = fault
        continue
      }
      try check(log, isLast: fit.isLast)
      try log.finish()
      return log
    }
    throw other.map { ReplayRouteError($0, request.title) } ?? ReplayRouteError.noLog(first)
  }

  /// What of a server's log has the place of a dump, and in which slice.
  private struct Fit {
    let reader: BinaryLogReader
    let stretch: BinaryLogReader.Stretch
    let number: UInt64
    let isLast: Bool
  }

  /// - Throws: What reading throws, if no other log has the place.
  private func fits(_ place: DumpLogPlace, _ servers: [LogServer]) throws -> [Fit] {
    var fits: [Fit] = []
    var unreadable: (any Error)?
    for server in servers {
      do {
        let reader = try BinaryLogReader(access.repository, of: server, signers: request.signers)
        let stretches = try reader.stretches()
        for (index, stretch) in stretches.enumerated() {
          guard let slice = try reader.find(file: place.file, position: place.position, in: stretch) else { continue }
          fits.append(Fit(reader: reader, stretch: stretch, number: slice, isLast: index + 1 == stretches.count))
        }
      } catch let error where Archive.isConcerned(by: error) {
        unreadable = unreadable ?? error
      }
    }
    if fits.isEmpty, let unreadable { throw unreadable }
    return fits
  }

  /// - Returns: nil for all of the server.
  private func databases(of dumps: [ArchiveDump]) -> [String]? {
    if case .server = wanted { nil } else { dumps.map(\.record.database) }
  }

  /// The slice to begin with: one before that of the place, by whose times it is seen what the dump has; or an earlier one, which says
  /// what was before it.
  private func start(
    _ reader: BinaryLogReader, _ stretch: BinaryLogReader.Stretch, _ number: UInt64
  ) throws -> UInt64 {
    var number = number > stretch.numbers.lowerBound ? number - 1 : number
    while number > stretch.numbers.lowerBound {
      let slice = try reader.slice(number, history: stretch.history)
      if !slice.gtid.isEmpty || slice.range.lowerBound == BinaryLogFileName.firstEvent { break }
      number -= 1
    }
    return number
  }

  /// Those of which there is log that can be the one of a dump's place, each once.
  private func servers(_ dialect: MariaDBDialect, _ place: DumpLogPlace) throws -> [LogServer] {
    try access.logServers(of: dialect.system).filter { server in
      place.server.map { server.identity.isSame(as: $0) } ?? true
    }
  }

  /// That the log reaches the target, and has come to all dumps on the way.
  private func check(_ log: ReplayLog, isLast: Bool) throws(ReplayRouteError) {
    let isReached: Bool
    switch request.target {
    // What was written in that second may have more of it behind it.
    case .time(let limit): isReached = log.isAtTarget || log.newest > limit
    case .gtid: isReached = log.isAtTarget
    }
    guard isReached else {
      throw .beyond(target: request.title, nearest: log.reached, newest: log.newest, hasGap: !isLast)
    }
    if let place = log.remaining.first { throw .behind(place, target: request.title) }
  }
}
