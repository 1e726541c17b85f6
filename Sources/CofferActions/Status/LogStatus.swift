import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials

/// How far the log of a configured server reaches in one repository.
struct LogStatus: Sendable {
  /// What the configuration calls the server, and the host that stores its log.
  let name: String
  let hostname: String
  /// The newest point that can be reached, and when the store received the last of it; nil where there is no log.
  let newest: Newest?
  /// Why it is not as new as `log_within` wants.
  let problem: String?
  /// Whether anybody wants to know.
  let isLimited: Bool

  struct Newest: Sendable, Equatable {
    let timeline: UInt32
    let end: LogSequenceNumber
    /// How far a binary log reaches; nil for other logs.
    var reach: BinaryLogReach?
    let received: Date
    /// Seconds.
    let age: Double

    /// As people write it.
    var point: String {
      reach.map { "\($0.file), byte \($0.end)" } ?? "\(end.text) of timeline \(timeline)"
    }
  }

  /// As messages name it.
  var title: String { "log of \(name) (\(hostname))" }

  /// - Parameter streams: What there is of all logs.
  /// - Returns: nil where there is no log, and none is asked for.
  init?(_ cluster: LogCluster.Named, _ streams: [LogStream], now: Date) {
    let own = streams.filter { $0.origin.map(cluster.isMeant) ?? false }
    // A later timeline has gone out from an earlier one.
    let last = own.max { ($0.history, $0.end ?? 0) < ($1.history, $1.end ?? 0) }
    guard last != nil || cluster.limit != nil else { return nil }
    name = cluster.name
    hostname = cluster.hostname
    isLimited = cluster.limit != nil
    newest = last.flatMap { stream in
      stream.end.map {
        Newest(
          timeline: stream.history, end: LogSequenceNumber($0), reach: stream.reach, received: stream.received,
          age: max(now.timeIntervalSince(stream.received), 0))
      }
    }
    problem = cluster.limit.flatMap { [newest] in Self.problem(newest, $0) }
  }

  private static func problem(_ newest: Newest?, _ limit: Double) -> String? {
    guard let newest else { return "There is no log of it" }
    return newest.age > limit
      ? "Its newest part is \(Formats.duration(newest.age)) old, more than \(Formats.duration(limit))" : nil
  }
}
