import CofferSystem

/// A part of a segment that was stored before the segment was full.
public struct LogPiece: Sendable, Hashable {
  public let place: LogPlace
  /// Which bytes of the segment.
  public let range: Range<Int>

  private static let digits = 8

  init(place: LogPlace, range: Range<Int>) {
    self.place = place
    self.range = range
  }

  /// - Returns: nil for the name of anything else.
  init?(_ name: LogName) {
    guard case .file(let what) = name.kind, let range = Self.range(what), name.first.number > 0 else { return nil }
    self.init(place: name.first, range: range)
  }

  typealias Listed = (piece: LogPiece, listed: LogStore.Listed)

  /// Those of some objects that are pieces.
  static func among(_ files: [LogStore.Listed]) -> [Listed] {
    files.compactMap { listed in LogPiece(listed.name).map { (piece: $0, listed: listed) } }
  }

  /// - Parameter range: Not empty, and within what a segment can have.
  static func what(_ range: Range<Int>) -> String {
    Hexadecimal.encode(UInt32(range.lowerBound)) + Hexadecimal.encode(UInt32(range.upperBound))
  }

  /// - Returns: nil for what is called otherwise.
  private static func range(_ what: String) -> Range<Int>? {
    guard Hexadecimal.isDigits(what, 2 * digits), let first = Int(what.prefix(digits), radix: 16),
      let end = Int(what.dropFirst(digits), radix: 16), first < end, end <= LogDirectory.segmentSizeLimit
    else { return nil }
    return first..<end
  }

  /// How many bytes from the first on are in pieces without a gap.
  static func reach(_ pieces: some Sequence<Range<Int>>) -> Int {
    pieces.sorted { $0.lowerBound < $1.lowerBound }
      .reduce(0) { $1.lowerBound <= $0 ? max($0, $1.upperBound) : $0 }
  }
}

extension LogPart.Kind {
  /// Bytes of a segment that is not full yet.
  ///
  /// - Parameter range: Not empty, and within the segment.
  public static func piece(_ range: Range<Int>) -> Self { .file(LogPiece.what(range)) }
}

extension LogPlace {
  /// Bytes of a segment.
  public var size: Int { 1 << Int(exponent) }

  /// The place in the server's log that its first byte has.
  public var start: UInt64 { number & ~0xffff_ffff | (number & 0xffff_ffff) << UInt64(exponent) }

  /// Which segment has a byte of the log.
  ///
  /// - Returns: nil for an exponent that there is not.
  public init?(history: UInt32, byte: UInt64, exponent: UInt8) {
    guard Self.exponents.contains(exponent) else { return nil }
    self.init(
      history: history, number: byte & ~0xffff_ffff | (byte & 0xffff_ffff) >> UInt64(exponent), exponent: exponent)
  }
}
