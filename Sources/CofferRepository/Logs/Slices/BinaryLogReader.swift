import CofferSystem

/// Reads what the repository has of a binary log.
public typealias BinaryLogReader = SliceReader<BinaryLogSlice>

extension BinaryLogReader {
  /// Finds the slice that has the event which begins at a place of a file, or, where a file ends there, that ends there.
  ///
  /// - Returns: Its number; nil where the stretch has no such place.
  /// - Throws: As `slice`.
  public func find(file: String, position: UInt64, in stretch: Stretch) throws -> UInt64? {
    guard let wanted = BinaryLogFileName(file)?.number else { return nil }
    let (low, found) = try first(of: stretch) { Self.ends($0, before: (wanted, position)) }
    if found.file.isSame(as: file), found.range.contains(position) || found.range.upperBound == position { return low }
    // Behind the last event of a file, the next slice is of another one.
    guard low > stretch.numbers.lowerBound else { return nil }
    let before = try slice(low - 1, history: stretch.history)
    return before.file.isSame(as: file) && before.range.upperBound == position ? low - 1 : nil
  }

  private static func ends(_ slice: BinaryLogSlice, before place: (file: UInt64, position: UInt64)) -> Bool {
    guard let number = BinaryLogFileName(slice.file)?.number else { return false }
    return (number, slice.range.upperBound) <= (place.file, place.position)
  }
}
