import CofferHooks
import CofferRepository
import CofferSystem
import FoundationEssentials

/// The log that a recovery goes through, from where a base backup began: how far it reaches without a gap, over all timelines that
/// lead to the one that is wanted.
struct LogRoute {
  let history: TimelineHistory
  private let base: BaseBackupFacts
  /// The segments that there are on the way, by their numbers counted from the log's beginning.
  private let segments: [(range: ClosedRange<UInt64>, timeline: UInt32)]
  /// The last segment that is reached without a gap; nil where there is not even the first.
  private let last: (number: UInt64, timeline: UInt32)?
  /// What there is of the segment behind that.
  private let beginning: LogReader.Beginning?
  private let coverage: LogCoverage
  /// Whether segments are missing that only the base backup has: the server takes these where it is told that there are none.
  let leansOnBase: Bool

  /// Looks at what there is.
  ///
  /// - Throws: `LogError`; `RepositoryError`; `StorageError`; `RunCancelled`; `ClusterRestoreError` for a timeline that is not there, or
  ///   to which the base backup is not on the way.
  init(
    from base: BaseBackupFacts, to timeline: RecoveryTimeline, _ reader: LogReader, _ coverage: LogCoverage
  ) throws {
    self.base = base
    self.coverage = coverage
    history = try Self.history(from: base, to: timeline, reader)
    guard history.holds(base.end, of: base.timeline) else { throw ClusterRestoreError.offTimeline(history.timeline) }
    let shift = UInt64(base.exponent)
    let parts = history.parts.filter { $0.timeline >= base.timeline }
    let all = parts.flatMap { part in
      // The last segment of a timeline that was left is there whole only where it was finished before.
      let own = (part.start.value >> shift)...((part.end?.value ?? .max) >> shift)
      return coverage.stretches(history: part.timeline, exponent: base.exponent).compactMap { stretch in
        let (first, last) = (stretch.first.ordinal, stretch.last.ordinal)
        return first <= own.upperBound && last >= own.lowerBound
          ? (range: max(first, own.lowerBound)...min(last, own.upperBound), timeline: part.timeline) : nil
      }
    }
    segments = all
    var last: (number: UInt64, timeline: UInt32)?
    var next = base.start.value >> shift
    // The base backup has the log from its start on by itself. Of the segment that it ends in there may be more than it has.
    let inside = next..<(base.end.value >> shift)
    var leansOnBase = false
    // Each step leads further.
    while true {
      let found = all.filter { $0.range.contains(next) }.max { $0.range.upperBound < $1.range.upperBound }
      if let found {
        last = (found.range.upperBound, found.timeline)
        next = found.range.upperBound + 1
      } else if inside.contains(next) {
        leansOnBase = true
        // Up to what there is again.
        next = min(all.map(\.range.lowerBound).filter { $0 > next }.min() ?? .max, inside.upperBound)
      } else {
        break
      }
    }
    self.last = last
    self.leansOnBase = leansOnBase
    beginning = try Self.beginning(of: next, parts, base, reader)
  }

  /// What a server has streamed of a segment that is not full yet.
  private static func beginning(
    of number: UInt64, _ parts: [TimelineHistory.Part], _ base: BaseBackupFacts, _ reader: LogReader
  ) throws -> LogReader.Beginning? {
    let shift = UInt64(base.exponent)
    for part in parts.reversed() where part.start.value >> shift <= number {
      guard let place = place(number, part.timeline, base) else { continue }
      do {
        let found = try reader.beginning(history: part.timeline, number: place.number, title: place.segmentName)
        if let found, found.place == place { return found }
      } catch LogError.missing {
        continue
      } catch LogError.gap {
        continue
      }
    }
    return nil
  }

  /// The timeline that PostgreSQL would choose, and the way to it.
  private static func history(
    from base: BaseBackupFacts, to timeline: RecoveryTimeline, _ reader: LogReader
  ) throws -> TimelineHistory {
    switch timeline {
    case .current: return try history(of: base.timeline, reader) ?? TimelineHistory(of: base.timeline)
    case .number(let number):
      if let history = try history(of: number, reader) { return history }
      guard number == base.timeline else { throw ClusterRestoreError.noTimeline(number) }
      return TimelineHistory(of: number)
    case .latest:
      // One after the other, as PostgreSQL looks for them: a number that is missing is the end.
      var newest = try history(of: base.timeline, reader) ?? TimelineHistory(of: base.timeline)
      while newest.timeline < .max, let next = try history(of: newest.timeline + 1, reader) { newest = next }
      return newest
    }
  }

  /// - Returns: nil where there is no such file, which the first timeline never has.
  private static func history(of timeline: UInt32, _ reader: LogReader) throws -> TimelineHistory? {
    var bytes: [UInt8] = []
    let title = WALFileName.history(timeline: timeline).text
    do {
      try reader.file("history", history: timeline, number: 0, title: title, start: { bytes = [] }) {
        guard bytes.count + $0.count <= TimelineHistory.sizeLimit else { throw ClusterRestoreError.noHistory(title) }
        bytes += $0
      }
    } catch LogError.missing {
      return nil
    }
    guard let history = TimelineHistory(of: timeline, bytes) else { throw ClusterRestoreError.noHistory(title) }
    return history
  }

  private static func place(_ number: UInt64, _ timeline: UInt32, _ base: BaseBackupFacts) -> LogPlace? {
    let position = LogSequenceNumber(number << UInt64(base.exponent))
    return LogPlace(
      history: timeline, number: position.segmentNumber(exponent: base.exponent), exponent: base.exponent)
  }

  // MARK: - What can be reached

  /// What is behind the last byte that is reached; the base backup's end where its own log reaches further.
  var end: LogSequenceNumber {
    var reached = base.end.value
    if let last { reached = max(reached, (last.number + 1) << UInt64(base.exponent)) }
    if let beginning {
      reached = max(reached, beginning.place.ordinal << UInt64(base.exponent) + UInt64(beginning.count))
    }
    return LogSequenceNumber(reached)
  }

  /// The last segment of which something is reached.
  var lastSegment: LogPlace? { beginning?.place ?? last.flatMap { Self.place($0.number, $0.timeline, base) } }

  /// The first segment behind a gap; nil where nothing is behind the end.
  var behindGap: LogPlace? {
    let next = max(last.map { $0.number + 1 } ?? 0, base.end.value >> UInt64(base.exponent))
    let first = segments.filter { $0.range.lowerBound > next }.min { $0.range.lowerBound < $1.range.lowerBound }
    return first.flatMap { Self.place($0.range.lowerBound, $0.timeline, base) }
  }

  /// When the last that is reached was put; nil where there is nothing.
  func lastTime() throws -> Date? { try beginning?.received ?? lastSegment.flatMap { try coverage.time(of: $0) } }
}
