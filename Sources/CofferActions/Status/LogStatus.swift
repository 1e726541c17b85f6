import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials

/// How far the log of a configured server reaches in one repository, as a restore that names neither key nor timeline goes.
struct LogStatus: Sendable {
  /// What the configuration calls the server, and the host that stores its log.
  let name: String
  let hostname: String
  /// The newest point that can be reached, and when the store received the last of it; nil where there is no log that counts.
  let newest: Newest?
  /// Why it is not as new as `log_within` wants, or a restore may not come so far.
  let problem: String?
  /// What else there is to know of it.
  let remarks: [String]
  /// Whose log it is; nil where there is none that counts.
  let server: LogServer?
  /// Whether anybody wants to know.
  let isLimited: Bool

  struct Newest: Sendable, Equatable {
    let timeline: UInt32
    let end: LogSequenceNumber
    /// How far a binary log reaches; nil for other logs.
    var reach: BinaryLogReach?
    /// The last entry of an oplog; nil for other logs.
    var oplog: OplogMark?
    let received: Date
    /// Seconds.
    let age: Double

    /// As people write it.
    var point: String {
      if let oplog { return "oplog entry \(oplog.time.text)" }
      return reach.map { "\($0.file), byte \($0.end)" } ?? "\(end.text) of timeline \(timeline)"
    }

    /// As programs read it.
    var spelling: String { oplog?.time.text ?? reach.map { "\($0.file):\($0.end)" } ?? end.text }
  }

  /// As messages name it.
  var title: String { "log of \(name) (\(hostname))" }

  /// - Parameters:
  ///   - streams: What there is of all logs.
  ///   - needs: What base backups need of logs, those of the newest archive first.
  ///   - isAll: Whether a server has nothing more than what its log reaches; asked where that is older than it should be.
  /// - Returns: nil where there is no log, and none is asked for.
  init?(
    _ cluster: LogCluster.Named, _ streams: [LogStream], needs: [LogNeed] = [], now: Date,
    isAll: (BinaryLogReach) -> Bool = { _ in false }
  ) {
    let own = streams.filter { $0.origin.map(cluster.isMeant) ?? false }
    guard !own.isEmpty || cluster.limit != nil else { return nil }
    name = cluster.name
    hostname = cluster.hostname
    isLimited = cluster.limit != nil
    // Of several servers that were called so one after the other, the last.
    let server = own.filter(\.counts).max { $0.received < $1.received }?.origin?.server
    self.server = server
    let log = own.filter { $0.counts && $0.origin?.server == server }
    let need = needs.first { $0.server == server }?.first
    // A recovery begins in the newest base backup's timeline.
    let first =
      (log.filter { $0.history >= need?.history ?? 0 }.min { $0.history < $1.history })
      ?? log.max { $0.history < $1.history }
    // Histories of a binary log lead nowhere else.
    let isBinary = !cluster.system.isSame(as: LogCluster.system)
    let reached = isBinary ? log : log.filter { stream in first.map { stream.history <= $0.reach } ?? false }
    // A later timeline has gone out from an earlier one.
    let last = reached.max { ($0.history, $0.end ?? 0) < ($1.history, $1.end ?? 0) }
    newest = last.flatMap { stream in
      stream.end.map {
        Newest(
          timeline: stream.history, end: LogSequenceNumber($0), reach: stream.binaryReach,
          oplog: stream.oplogEnd, received: stream.received, age: max(now.timeIntervalSince(stream.received), 0))
      }
    }
    let faults =
      isBinary
      ? Self.missing(last)
      : [Self.gap(of: last, among: reached, from: need)].compactMap(\.self) + Self.alive(beside: last, log, now: now)
    let lost = Set(log.map(\.history)).subtracting(reached.map(\.history))
    remarks = faults + Self.passedOver(own, lost)
    guard let limit = cluster.limit else {
      problem = nil
      return
    }
    let lateness = Self.problem(newest, limit, isThere: !own.isEmpty)
    // On a server on which nothing is written there is nothing to store.
    let isIdle = lateness != nil && newest?.reach.map(isAll) ?? false
    problem = isIdle ? faults.first : lateness ?? faults.first
  }

  private static func problem(_ newest: Newest?, _ limit: Double, isThere: Bool) -> String? {
    guard let newest else {
      return isThere ? "There is no log of it that counts without --signer" : "There is no log of it"
    }
    return newest.age > limit
      ? "Its newest part is \(Formats.duration(newest.age)) old, more than \(Formats.duration(limit))" : nil
  }

  /// What is missing behind the newest base backup.
  private static func gap(of last: LogStream?, among reached: [LogStream], from need: LogPlace?) -> String? {
    // What one signer has not put another may have.
    guard let last, let need, need.history <= last.history, reached.count(where: { $0.history == last.history }) == 1
    else { return nil }
    let gap = last.gaps.first { need.history < last.history || $0.before.number >= need.number }
    return gap.map { gap in
      "what is between \(gap.before.segmentName) and \(gap.after.segmentName) is missing: from the newest base backup "
        + "nothing behind that can be reached"
    }
  }

  /// What is missing in the newest history of a binary log.
  private static func missing(_ last: LogStream?) -> [String] {
    (last?.gaps ?? []).map { "slices are missing between \($0.before.number) and \($0.after.number)" }
  }

  /// Seconds after which a timeline that grows no more is only what another server has left.
  private static let lifetime: Double = 86_400

  /// Timelines that have grown since the one that counts began: two servers are alive. One that ended before is where it went out from.
  private static func alive(beside last: LogStream?, _ log: [LogStream], now: Date) -> [String] {
    guard let last else { return [] }
    return log.filter {
      $0.history != last.history && $0.received > last.begun && now.timeIntervalSince($0.received) < lifetime
    }.map { stream in
      "timeline \(stream.history) goes on beside it, stored \(Formats.duration(max(now.timeIntervalSince(stream.received), 0))) "
        + "ago: two servers store their log as one, and a restore takes timeline \(last.history)"
    }
  }

  /// What a restore passes over.
  private static func passedOver(_ own: [LogStream], _ lost: Set<UInt32>) -> [String] {
    let keys = Set(own.filter { !$0.counts }.map { ExactName($0.signer.text) }).sorted().map(\.text)
    return
      (keys.isEmpty
      ? []
      : [
        "what was put by \(keys.joined(separator: ", ")) counts only where 'wal get' or 'restore' names the key with --signer"
      ])
      + lost.sorted().map { timeline in
        "timeline \(timeline) cannot be found: \(WALFileName.history(timeline: timeline).text), or that of one before it, is not stored"
      }
  }
}

extension LogStatus {
  /// The logs of the servers that the configuration names, in one repository.
  ///
  /// - Parameter needs: As that of `init`.
  /// - Throws: `UsageError`; `StorageError` when the store does not answer; `RunCancelled`.
  static func all(in access: OpenRepository, needs: [LogNeed], _ context: ActionContext) throws -> [LogStatus] {
    try LogCluster.checkAll(context, with: [ServerLogOptions.within.option])
    let clusters = LogCluster.named(context)
    guard !clusters.isEmpty else { return [] }
    let streams = try access.repository.logs()
    let now = context.surroundings.clock.now()
    return clusters.compactMap { cluster in
      LogStatus(cluster, streams, needs: needs, now: now) { BinaryLogEntry.isAll($0, of: cluster, context) }
    }
  }
}
