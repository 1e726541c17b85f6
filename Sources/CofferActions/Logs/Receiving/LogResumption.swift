import CofferHooks
import CofferRepository
import CofferSystem

/// Where the log of a server goes on, by what the repositories have of it.
struct LogResumption: Equatable {
  let place: LogPlace
  /// Bytes of the segment there that every repository has in pieces, from the first on.
  let taken: Int

  /// What the key in use has put counts. Of several repositories the one that has least decides; one that has nothing begins
  /// with the others.
  ///
  /// - Parameters:
  ///   - streams: For each repository what it has of the server's log.
  ///   - exponent: Of the server's segments.
  /// - Returns: nil where no repository has any of it.
  init?(_ streams: [[LogStream]], exponent: UInt8) {
    let points = streams.map { own in
      own.filter { $0.exponent == exponent }.max { $0.history < $1.history }.flatMap(Self.point)
    }
    guard let least = points.compactMap(\.self).min(by: { ($0.place, $0.taken) < ($1.place, $1.taken) }) else {
      return nil
    }
    self = points.contains(nil) ? LogResumption(place: least.place, taken: 0) : least
  }

  private init(place: LogPlace, taken: Int) {
    self.place = place
    self.taken = taken
  }

  /// The same, or where the server keeps its log from if that is before: what it was never told to be stored comes again, so that
  /// what is there is compared with it, whoever has put it.
  ///
  /// - Parameter kept: All before it has been acknowledged.
  func notBehind(_ kept: LogSequenceNumber, timeline: UInt32) -> LogResumption {
    guard let first = LogPlace(history: timeline, byte: kept.value, exponent: place.exponent), first <= place else {
      return self
    }
    guard first == place else { return LogResumption(place: first, taken: 0) }
    return LogResumption(place: place, taken: min(taken, Int(kept.value - first.start)))
  }

  private static func point(_ stream: LogStream) -> LogResumption? {
    if let tail = stream.tail { return LogResumption(place: tail.place, taken: tail.range.upperBound) }
    return (stream.stretches.last?.last.next).map { LogResumption(place: $0, taken: 0) }
  }
}
