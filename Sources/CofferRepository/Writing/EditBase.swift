import CofferSystem

/// The full data that an edit is coded against.
struct EditBase {
  typealias Segment = PackDirectory.Segment

  /// All of it, no stretch twice.
  private(set) var segments: [Segment] = []
  /// The part of it that the edit takes the place of, in order; what a chunk of the edit is anchored to.
  private(set) var replaced: [Segment] = []

  /// Bytes of all segments.
  var length: Int { segments.reduce(0) { $0 + $1.length } }

  /// Adds a stretch; one that touches another is joined with it.
  mutating func add(_ segment: Segment) {
    guard segment.length > 0 else { return }
    for position in segments.indices {
      if let joined = segments[position].joined(with: segment) {
        segments[position] = joined
        return
      }
    }
    segments.append(segment)
  }

  /// Takes note of a stretch, which was added, that the edit takes the place of.
  mutating func replace(_ segment: Segment) {
    if segment.length > 0 { replaced.append(segment) }
  }

  /// Returns the byte that a byte of the edit takes the place of.
  ///
  /// - Parameter offset: Bytes from the edit's beginning.
  /// - Returns: A segment of one byte; nil for an edit that takes the place of nothing.
  func place(of offset: Int) -> Segment? {
    var left = offset
    for segment in replaced {
      if left < segment.length { return segment.part(from: left, length: 1) }
      left -= segment.length
    }
    return replaced.last.map { $0.part(from: $0.length - 1, length: 1) }
  }
}

extension PackDirectory.Segment {
  var end: Int { offset + length }

  func part(from start: Int, length: Int) -> Self {
    Self(pack: pack, block: block, offset: offset + start, length: length)
  }

  /// - Returns: nil for stretches that do not touch each other.
  func joined(with other: Self) -> Self? {
    guard pack == other.pack, block == other.block, other.offset <= end, offset <= other.end else { return nil }
    let start = min(offset, other.offset)
    return Self(pack: pack, block: block, offset: start, length: max(end, other.end) - start)
  }

  /// Whether it holds the first byte of another.
  func holds(_ other: Self) -> Bool {
    pack == other.pack && block == other.block && (offset..<end).contains(other.offset)
  }
}
