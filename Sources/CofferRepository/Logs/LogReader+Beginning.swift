import CofferStorage
import CofferSystem
import FoundationEssentials

extension LogReader {
  /// What there is of a segment that is not whole.
  public struct Beginning {
    public let place: LogPlace
    /// Bytes, from the segment's first on.
    public let count: Int
    /// In order, each beginning where those before end, or earlier.
    fileprivate let pieces: [LogPiece.Listed]

    /// When the store received the last of it.
    public var received: Date { pieces.map(\.listed.status.received).max() ?? .distantPast }
  }

  /// Finds the beginning of a segment that is not there as a whole, and with which the log ends.
  ///
  /// - Parameters:
  ///   - number: Of the segment, as its place has it.
  ///   - title: What messages call it.
  ///   - endsAtGap: Whether the log ends with it also where something is behind it.
  /// - Returns: nil where the segment has become whole meanwhile.
  /// - Throws: `LogError.missing`; `.gap` where something is behind it; `.undecidedSigner`; `StorageError`; `RunCancelled`.
  public func beginning(
    history: UInt32, number: UInt64, title: String, endsAtGap: Bool = false
  ) throws -> Beginning? {
    guard let start = LogPlace(history: history, number: number, exponent: 0) else { return nil }
    var files = try store.list(.file(""), of: server, from: start)
    // Pieces that are not in the list may have gone because the segment is whole.
    do {
      _ = try find(history: history, number: number, count: 1, title: title)
      return nil
    } catch let error as LogError {
      switch error {
      case .missing: break
      case .gap where endsAtGap: break
      default: throw error
      }
    }
    // Or because a larger one stands for them, which came too late for the first list.
    if !files.isEmpty {
      let known = Set(files.map(\.status.name))
      files += try store.list(.file(""), of: server, from: start).filter { !known.contains($0.status.name) }
    }
    let found = LogPiece.among(files).filter { $0.piece.place.history == history }
    guard !found.isEmpty else { throw LogError.missing(segment: title, location: context.location) }
    let signers = try signers(files)
    let counting = found.filter { signers.counts($0.listed.name.signer) }
    let own = counting.filter { $0.piece.place.number == number }
    guard !counting.isEmpty else {
      throw named.isEmpty
        ? undecided(found.map(\.listed), title) : LogError.missing(segment: title, location: context.location)
    }
    let beginnings = Dictionary(grouping: own, by: \.piece.place).compactMap { Self.beginning(at: $0, $1) }
    let isEnd = endsAtGap || !counting.contains { $0.piece.place.number > number }
    guard let longest = beginnings.max(by: { $0.count < $1.count }), isEnd || longest.count == longest.place.size else {
      throw isEnd
        ? LogError.missing(segment: title, location: context.location)
        : LogError.gap(segment: title, location: context.location)
    }
    return longest
  }

  private static func beginning(at place: LogPlace, _ found: [LogPiece.Listed]) -> Beginning? {
    var pieces: [LogPiece.Listed] = []
    var end = 0
    for (piece, listed) in found.sorted(by: {
      ($0.piece.range.lowerBound, $1.piece.range.upperBound) < ($1.piece.range.lowerBound, $0.piece.range.upperBound)
    }) where piece.range.lowerBound <= end && piece.range.upperBound > end && piece.range.upperBound <= place.size {
      pieces.append((piece, listed))
      end = piece.range.upperBound
    }
    return end > 0 ? Beginning(place: place, count: end, pieces: pieces) : nil
  }

  /// Hands over the bytes of a segment of which there is the beginning, with zeros behind that; all of it where it has become whole.
  ///
  /// - Parameters:
  ///   - title: What messages call it.
  ///   - start: As that of the other `read`.
  /// - Throws: As that.
  public func read(
    _ beginning: Beginning, title: String, start: () throws -> Void, _ take: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let place = beginning.place
    var beginning = beginning
    for _ in 1..<Self.tries {
      do {
        try start()
        return try read(beginning, take)
      } catch let error as StorageError {
        guard case .missing = error else { throw error }
        // Whoever stores the log takes pieces away for which something larger stands. They are not the end of the log.
        do {
          guard
            let again = try self.beginning(
              history: place.history, number: place.number, title: title, endsAtGap: true)
          else {
            let run = try find(history: place.history, number: place.number, count: 1, title: title)
            return try read(0, of: run, title: title, start: start, take)
          }
          beginning = again
        } catch LogError.missing {
          throw error
        }
      }
    }
    try start()
    try read(beginning, take)
  }

  private func read(_ beginning: Beginning, _ take: (UnsafeRawBufferPointer) throws -> Void) throws {
    var end = 0
    for (piece, listed) in beginning.pieces {
      let (object, opener) = try open(listed)
      guard object.directory.segments[0].size == piece.range.count else {
        throw context.damaged(listed.name.objectName, "it has not the bytes that its name says")
      }
      var position = piece.range.lowerBound
      try object.read(segment: 0, opener) { bytes in
        let known = min(max(end - position, 0), bytes.count)
        position += bytes.count
        if known < bytes.count { try take(UnsafeRawBufferPointer(rebasing: bytes[known...])) }
      }
      end = piece.range.upperBound
    }
    let zeros = [UInt8](repeating: 0, count: LogDirectory.blockSize)
    while end < beginning.place.size {
      let count = min(zeros.count, beginning.place.size - end)
      try zeros.withUnsafeBytes { try take(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      end += count
    }
  }
}
