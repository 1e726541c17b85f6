import CofferSystem
import FoundationEssentials

/// From where on a server's log stays for the archives that there are, by rule L8 of Documentation/deleting.md.
struct NeededLog {
  private enum Start {
    case place(history: UInt32, number: UInt64)
    /// By the store's clock.
    case time(Date)
  }

  private let starts: [Start]
  /// Seconds by which the store's clock may tell too late when an archive was begun: its record is received a while after it has ended, and
  /// some stores know only whole seconds.
  private static let margin: Double = 900

  /// - Parameters:
  ///   - server: As names of objects have it.
  ///   - limit: Where the window of `keep_log` begins.
  init(
    of server: String, for archives: [Archive], before limit: Date, _ context: RepositoryContext
  ) throws {
    var needs: [Need] = []
    for archive in archives {
      for need in archive.draft.logNeeds where try need.server.id(context).isSame(as: server) {
        needs.append(Need(need, of: archive, start: Self.start(of: need, archive)))
      }
    }
    // Of each signer by itself: what one says makes nothing go that another needs.
    starts = Dictionary(grouping: needs, by: \.signer).values.flatMap { own in
      var later = Later()
      // One archive's needs are of the same time: none of them takes another's place.
      var latest: [Need] = []
      return own.sorted { $0.time > $1.time }.filter { need in
        if let last = latest.last, last.time > need.time {
          for need in latest { later.add(need) }
          latest = []
        }
        // What may still become void takes nobody's place.
        if need.counts, need.time <= limit { latest.append(need) }
        return later.leaves(need)
      }.map(\.start)
    }
  }

  /// What an archive needs of the log.
  private struct Need {
    let signer: ExactName?
    /// Whichever clock was ahead: what was made later than it seems leads to less.
    let time: Date
    let start: Start
    let counts: Bool
    /// Whether any other will do: a base backup is of the whole server, whoever has made it.
    let isOfServer: Bool
    /// nil where they are not named.
    let dumps: Set<ExactName>?
    /// Dumps that failed, and those that cannot be brought further; nil where they are not named.
    let lacking: LackingDumps?
    /// Runs of one configuration of a host are of one kind: what the last of them has left out is wanted no more.
    let kind: [ExactName]

    init(_ need: LogNeed, of archive: Archive, start: Start) {
      signer = archive.writeOnlyKey.map { ExactName($0) }
      time = max(archive.end, archive.received ?? archive.end)
      counts = archive.standing == .counts
      dumps = need.dumps
      isOfServer = need.first != nil && need.dumps == nil
      self.start = start
      lacking = need.unplaced.map { LackingDumps(archive.draft.missingDumps + $0.map(\.text)) }
      kind = [ExactName(archive.draft.hostname), ExactName(archive.draft.configuration)]
    }
  }

  /// Dumps of an archive that failed, or cannot be brought further.
  private struct LackingDumps {
    private var paths: Set<ExactName>
    /// Of places whose databases could not be listed: `all`, or a pattern, stands for any of them.
    private var folders: Set<ExactName>

    init(_ paths: [String]) {
      self.paths = Set(paths.map { ExactName($0) })
      let lists = paths.filter { UserPath.name(of: $0).isSame(as: "all") || UserPath.name(of: $0).holds("*") }
      folders = Set(lists.map { ExactName(UserPath.parent(of: $0)) })
    }

    var isEmpty: Bool { paths.isEmpty && folders.isEmpty }

    func contains(_ path: ExactName) -> Bool {
      paths.contains(path) || !folders.isEmpty && folders.contains(ExactName(UserPath.parent(of: path.text)))
    }

    mutating func formIntersection(_ other: LackingDumps) {
      paths = paths.filter { other.contains($0) }.union(other.paths.filter { contains($0) })
      folders.formIntersection(other.folders)
    }
  }

  /// What later archives take the place of, that were made before the window.
  private struct Later {
    private var isAny = false
    private var takesAll = false
    private var dumps: Set<ExactName> = []
    /// Of each kind of run the dumps that every one lacks.
    private var lacking: [[ExactName]: LackingDumps] = [:]

    mutating func add(_ need: Need) {
      isAny = true
      takesAll = takesAll || need.isOfServer
      dumps.formUnion(need.dumps ?? [])
      guard let own = need.lacking else { return }
      lacking[need.kind, default: own].formIntersection(own)
    }

    /// Whether an earlier archive has a dump in whose place there is none.
    func leaves(_ need: Need) -> Bool {
      guard !need.isOfServer else { return !isAny }
      guard !takesAll else { return false }
      let lacking = lacking[need.kind]
      // Which ones it has, is not known: whatever is lacking may be one.
      guard let own = need.dumps else { return lacking?.isEmpty != true }
      return own.contains { !dumps.contains($0) && lacking?.contains($0) ?? true }
    }
  }

  private static func start(of need: LogNeed, _ archive: Archive) -> Start {
    if let first = need.first { return .place(history: first.history, number: first.number) }
    // How long it took is known by one clock, and when it ended by the store's.
    let begin = archive.draft.start
    let took = max(archive.end.timeIntervalSince(begin), 0)
    return .time(min(archive.received?.addingTimeInterval(-took) ?? begin, begin).addingTimeInterval(-margin))
  }

  /// Whether some of an object's segments stay. Later histories may have gone out from an earlier one.
  func includes(_ listed: LogStore.Listed) -> Bool {
    starts.contains { start in
      switch start {
      case .place(let history, let number): (history, number) <= (listed.name.last.history, listed.name.last.number)
      // What was joined was received before it was joined, and stays longer.
      case .time(let time): time <= listed.status.received
      }
    }
  }
}
