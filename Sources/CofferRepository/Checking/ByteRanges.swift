import CofferSystem

/// Stretches of a stream, in order.
public enum ByteRanges {
  private static let shownCount = 4

  public static func count(_ ranges: [Range<UInt64>]) -> UInt64 {
    ranges.reduce(0) { $0.addingClamped($1.upperBound - $1.lowerBound) }
  }

  /// The first and the last byte of each, counted from 0: `0-4095, 8192-9000`.
  public static func text(_ ranges: [Range<UInt64>]) -> String {
    let shown = ranges.prefix(shownCount).map { "\($0.lowerBound)-\($0.upperBound - 1)" }.joined(separator: ", ")
    let rest = ranges.dropFirst(shownCount)
    return rest.isEmpty ? shown : "\(shown) and \(rest.count) more stretches (\(Quantities.size(count(ranges))) in all)"
  }
}
