import CofferHooks
import CofferRepository
import CofferSystem

/// What has come of a server's log and fills no segment yet.
struct ReceivedLog {
  /// The segment that is being filled.
  private(set) var place: LogPlace
  private var bytes: [UInt8] = []
  /// How many of its bytes, from the first on, have been taken as pieces, or are in the repository as such.
  private(set) var taken: Int

  /// The server sends something else than what comes next.
  struct Hole: Error, Equatable {
    let expected: LogSequenceNumber
    let got: LogSequenceNumber
  }

  /// The log of a server has no more places.
  struct Full: Error {}

  init(_ place: LogPlace, taken: Int = 0) {
    self.place = place
    self.taken = taken
  }

  /// Where the next byte belongs.
  var end: LogSequenceNumber { LogSequenceNumber(place.start &+ UInt64(bytes.count)) }

  /// Bytes that are in no segment and no piece.
  var pending: Int { max(bytes.count - taken, 0) }

  /// Takes what has come, and gives each segment away that it fills.
  ///
  /// - Throws: `Hole`; `Full`; what `give` throws.
  mutating func append(
    _ data: UnsafeRawBufferPointer, at start: LogSequenceNumber, _ give: (LogPlace, [UInt8]) throws -> Void
  ) throws {
    guard start == end else { throw Hole(expected: end, got: start) }
    var rest = data
    while !rest.isEmpty {
      let count = min(place.size - bytes.count, rest.count)
      bytes.append(contentsOf: rest.prefix(count))
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      guard bytes.count == place.size else { continue }
      guard let next = place.next else { throw Full() }
      try give(place, bytes)
      (place, taken) = (next, 0)
      bytes = []
    }
  }

  /// Takes what is pending, as a piece of the segment.
  ///
  /// - Returns: nil where nothing is.
  mutating func takePiece() -> (range: Range<Int>, bytes: [UInt8])? {
    guard pending > 0 else { return nil }
    let range = taken..<bytes.count
    taken = bytes.count
    return (range, Array(bytes[range]))
  }

  /// Begins the segment anew: the server sends all of it again. What was taken is not asked for again.
  mutating func startOver() { bytes = [] }

  /// Goes on in another history, at the beginning of the segment in which that has gone out from this one.
  ///
  /// - Returns: nil where there is no such place.
  func switched(to history: UInt32, at start: LogSequenceNumber) -> ReceivedLog? {
    LogPlace(history: history, byte: start.value, exponent: place.exponent).map { ReceivedLog($0) }
  }
}
