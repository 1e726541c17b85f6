import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials

/// Finds the dumps that databases are brought forward from, and lays the log behind them down.
struct ReplaySearch {
  struct Found {
    let archive: Archive
    let dumps: [ArchiveDump]
    /// Finished.
    let log: ReplayLog
  }

  private let request: ReplayRequest
  private let access: OpenRepository
  private let ground: DrillGround
  private let context: ActionContext

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
    var why: (any Error)?
    var unreadable: (any Error)?
    let isNamed = context.namedArchive != nil
    for (number, archive) in try access.archives(toLeadOnFrom: context).enumerated() {
      try context.cancellation.check()
      do {
        guard let all = try readable(archive, reader, isNamed: isNamed, &unreadable) else { continue }
        let dumps = try chosen(from: all, of: archive)
        let log = try BinaryLogRoute(request, in: access, ground, context).log(behind: dumps, number)
        return Found(archive: archive, dumps: dumps, log: log)
      } catch let error as ReplayRouteError where error.leadsToOlder && !isNamed {
        why = error
      } catch let error as RestoreSelection.Failure where !isNamed {
        why = why ?? error
      }
    }
    // What cannot be read may have had what is looked for.
    throw unreadable ?? why ?? ReplayRouteError.noArchive
  }

  /// - Returns: nil for an archive that cannot be read: an older one leads to the target, too, by more of the log.
  private func readable(
    _ archive: Archive, _ reader: ArchiveReader, isNamed: Bool, _ unreadable: inout (any Error)?
  ) throws -> [ArchiveDump]? {
    do {
      return try ArchiveDump.all(of: archive, reader, context.cancellation)
    } catch let error where !isNamed && Archive.isConcerned(by: error) {
      context.console.warning(
        "Archive \(archive.name) cannot be read, and an older one is looked at: \(Console.text(Diagnosis(of: error)))")
      unreadable = error
      return nil
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

/// The log of a server behind dumps: which of the repository's it is, and where in it the dumps were made.
struct BinaryLogRoute {
  private let request: ReplayRequest
  private let access: OpenRepository
  private let ground: DrillGround
  private let context: ActionContext

  init(_ request: ReplayRequest, in access: OpenRepository, _ ground: DrillGround, _ context: ActionContext) {
    self.request = request
    self.access = access
    self.ground = ground
    self.context = context
  }

  /// Lays down what is between the first of some dumps and the target.
  ///
  /// - Parameter number: Tells apart what is laid down for several archives.
  /// - Throws: `ReplayRouteError`; `LogError`; what reading throws.
  func log(behind dumps: [ArchiveDump], _ number: Int) throws -> ReplayLog {
    let ordered = ReplayLog.sorted(dumps.compactMap(\.record.log))
    guard let first = ordered.first else { throw ReplayRouteError.noArchive }
    var fits: [(reader: BinaryLogReader, stretch: BinaryLogReader.Stretch, number: UInt64, isLast: Bool)] = []
    for server in try servers() {
      let reader = try BinaryLogReader(access.repository, of: server, signers: request.signers)
      let stretches = try reader.stretches()
      for (index, stretch) in stretches.enumerated() {
        guard let slice = try reader.find(file: first.file, position: first.position, in: stretch) else { continue }
        fits.append((reader, stretch, slice, index + 1 == stretches.count))
      }
    }
    guard !fits.isEmpty else { throw ReplayRouteError.noLog(first) }
    // Servers count alike; by the GTID position it is seen whose log it is.
    guard ordered.allSatisfy({ $0.gtid != nil }) else { throw ReplayRouteError.ambiguous(first) }
    var other: ReplayFault?
    for (index, fit) in fits.enumerated() {
      let log = try ReplayLog(
        from: ordered, of: dumps.map(\.record.database), to: request.target, on: ground, name: "log-\(number)-\(index)")
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

  /// The slice to begin with: one before that of the place, by whose times it is seen what the dump has; or an earlier one, which says
  /// what was before it.
  private func start(
    _ reader: BinaryLogReader, _ stretch: BinaryLogReader.Stretch, _ number: UInt64
  ) throws -> UInt64 {
    var number = number > stretch.numbers.lowerBound ? number - 1 : number
    while number > stretch.numbers.lowerBound {
      let slice = try reader.slice(number, history: stretch.history)
      if !slice.gtid.isEmpty || slice.range.lowerBound == BinaryLogSlice.fileStart { break }
      number -= 1
    }
    return number
  }

  /// Those of which there is log, each once.
  private func servers() throws -> [LogServer] {
    try access.repository.logs().compactMap(\.origin?.server).filter {
      $0.system.isSame(as: MariaDBDialect.mariadb.system)
    }
    .reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
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

/// Why databases cannot be brought to a moment; told before anything is changed.
enum ReplayRouteError: DiagnosableError, Equatable {
  case noArchive
  /// The dump does not say where its server's log was.
  case noPlace(DumpIdentity, archive: String)
  case dumpIsLater(DumpIdentity, target: String)
  case behind(DumpLogPlace, target: String)
  /// No log in the repository has the place of a dump.
  case noLog(DumpLogPlace)
  case ambiguous(DumpLogPlace)
  case beyond(target: String, nearest: ReplayedTransaction?, newest: Int64, hasGap: Bool)
  case notThere(DumpLogPlace)
  case unreadable(file: String, position: UInt64)
  case incident(file: String, position: UInt64)
  case missing(before: String)

  init(_ fault: ReplayFault, _ target: String) {
    self =
      switch fault {
      case .unreadable(let file, let position): .unreadable(file: file, position: position)
      case .incident(let file, let position): .incident(file: file, position: position)
      case .missing(let file): .missing(before: file)
      case .notThere(let place): .notThere(place)
      case .targetBefore(let place): .behind(place, target: target)
      }
  }

  /// Whether an older archive may do.
  var leadsToOlder: Bool {
    switch self {
    case .noPlace, .dumpIsLater, .behind: true
    case .noArchive, .noLog, .ambiguous, .beyond, .notThere, .unreadable, .incident, .missing: false
    }
  }

  var diagnosis: Diagnosis {
    switch self {
    case .noArchive:
      Diagnosis(
        subject: "restore", problem: "There is no archive to begin with",
        suggestion: "See 'coffer repo-list'; --match-archives '*' looks at the archives of other hosts, too")
    case .noPlace(let identity, let archive):
      Diagnosis(
        subject: identity.title,
        problem: "Archive \(archive) does not know where the server's binary log was at its dump",
        suggestion: "It is kept where log_bin is on and mariadb-dump makes the dump; see 'coffer info'")
    case .dumpIsLater(let identity, let target):
      Diagnosis(
        subject: identity.title,
        problem: "No dump was made before \(target), and a database can only be brought forward",
        suggestion: "Choose a later target; --match-archives '*' looks at the archives of other hosts, too")
    case .behind(let place, let target):
      Diagnosis(
        subject: place.title,
        problem: "The dump that was made there has transactions behind \(target), and can only be brought forward",
        suggestion: "Choose a later target, or an older archive with --archive")
    case .noLog(let place):
      Diagnosis(
        subject: place.title, problem: "The repository has no binary log with the place at which the dump was made",
        suggestion:
          "See 'coffer binlog list'; 'coffer binlog receive' stores the log, and has to have run since the dump")
    case .ambiguous(let place):
      Diagnosis(
        subject: place.title,
        problem: "The logs of several servers can have such a place, and the dump does not tell which is its own",
        suggestion:
          "Make a new backup of a MariaDB server from 10.0 on, by its own mariadb-dump: it has the GTID position")
    case .beyond(let target, let nearest, let newest, let hasGap):
      Diagnosis(
        subject: "restore",
        problem: (hasGap ? "The log has a gap before \(target)" : "The log ends before \(target)")
          + ". The nearest point that can be reached: "
          + (nearest.map {
            "\(Self.time(max(newest, $0.time) - 1)), or the end of its last transaction: --to-gtid \($0.gtid.text)"
          } ?? "the dump alone"),
        suggestion: hasGap
          ? "Choose that point, or a dump that was made behind the gap"
          : "Have 'coffer binlog receive' store what the server still has, or choose that point")
    case .notThere(let place):
      Diagnosis(
        subject: place.title, problem: "The log that the repository has is not the one of the dump's server",
        suggestion: "See 'coffer binlog list', and whether the server was set up anew since")
    case .unreadable(let file, let position):
      Diagnosis(
        subject: "\(Quoting.terminal(file)), \(position)", problem: "The log cannot be read there",
        suggestion: "Choose a moment before it; a newer Coffer may know what the server has written")
    case .missing(let file):
      Diagnosis(
        subject: Quoting.terminal(file), problem: "The log does not have all that the server wrote before this file",
        suggestion: "Choose a moment before it, or a dump that was made behind it")
    case .incident(let file, let position):
      Diagnosis(
        subject: "\(Quoting.terminal(file)), \(position)",
        problem: "The server has written there that changes are missing in its log",
        suggestion: "Choose a moment before it, or a dump that was made behind it")
    }
  }

  /// As `--to-time` takes it.
  static func time(_ seconds: Int64) -> String {
    Formats.strftime("%Y-%m-%d %H:%M:%S", Date(timeIntervalSince1970: Double(seconds)), utc: true) + "Z"
  }
}
