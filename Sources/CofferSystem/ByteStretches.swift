extension [Range<UInt64>] {
  /// Adds a stretch behind the others, the last of which it may touch: then they are one.
  package mutating func append(joining range: Range<UInt64>) {
    guard !range.isEmpty else { return }
    if let last, last.upperBound == range.lowerBound {
      self[count - 1] = last.lowerBound..<range.upperBound
    } else {
      append(range)
    }
  }
}
