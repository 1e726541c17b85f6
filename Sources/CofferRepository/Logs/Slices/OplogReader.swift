import CofferSystem

/// Reads what the repository has of an oplog.
public typealias OplogReader = SliceReader<OplogSlice>

extension OplogReader {
  /// Finds the slice in which an entry is, if there is such a one.
  ///
  /// - Returns: Its number; nil where the stretch has nothing of that time.
  /// - Throws: As `slice`.
  public func find(_ time: OplogTime, in stretch: Stretch) throws -> UInt64? {
    let (number, found) = try first(of: stretch) { $0.last.time < time }
    return (found.first.time...found.last.time).contains(time) ? number : nil
  }
}
