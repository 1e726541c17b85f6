/// A segment of a log that says itself which part of the log it is.
public protocol LogSlice: Sendable {
  /// What messages call what it is a part of: `a binary log`.
  static var logTitle: String { get }

  /// Bytes of it at most, as it is stored.
  static var storedLimit: Int { get }

  /// Reads what was stored.
  ///
  /// - Throws: Where that is none.
  init(decoding bytes: UnsafeRawBufferPointer) throws

  /// Whether nothing is missing between another slice and this one.
  func follows(_ other: Self) -> Bool
}

extension LogSlice {
  /// A log's slices are numbered from here on.
  public static var firstNumber: UInt64 { 1 }
}
