import CofferRepository
import CofferSystem

/// Pieces of one segment that are stored one behind the other, and when some of them are worth one object in their place: so that
/// even one for each commit leaves few.
struct PieceRuns {
  private var place: LogPlace?
  /// Of the segment, from the first piece that is known of on.
  private var bytes: [UInt8] = []
  private var first = 0
  /// Of pieces as they came, of those that stand for `fewest` of these, and so on: where the first begins that nothing stands for, and how
  /// many there are.
  private var levels = [(start: Int, count: Int)](repeating: (0, 0), count: 3)

  static let fewest = 64
  /// Bytes of a segment at most of which pieces are joined: they are kept for it.
  private static let sizeLimit = 64 << 20

  /// Takes a piece in that is stored.
  ///
  /// - Returns: The piece that is to stand for others from now on; nil for none.
  mutating func add(_ range: Range<Int>, _ content: [UInt8], at place: LogPlace) -> (range: Range<Int>, bytes: [UInt8])?
  {
    guard place.size <= Self.sizeLimit else { return nil }
    if self.place != place || first + bytes.count != range.lowerBound {
      self.place = place
      first = range.lowerBound
      bytes = []
      for level in levels.indices { levels[level] = (first, 0) }
    }
    bytes += content
    var joined: Range<Int>?
    for level in levels.indices {
      levels[level].count += 1
      guard levels[level].count == Self.fewest, level + 1 < levels.count else { break }
      joined = levels[level].start..<range.upperBound
      levels[level] = (range.upperBound, 0)
    }
    return joined.map { ($0, Array(bytes[$0.lowerBound - first..<$0.upperBound - first])) }
  }
}
