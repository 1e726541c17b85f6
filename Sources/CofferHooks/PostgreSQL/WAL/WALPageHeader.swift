import CofferSystem

/// The header of a segment's first page: which server's, and where it belongs.
///
/// `XLogLongPageHeaderData` of PostgreSQL's `access/xlog_internal.h`, in the byte order of the machine: magic (2), flags (2), timeline
/// (4), address of the page (8), rest of a record (4), padding (4), system identifier (8), segment size (4), page size (4).
public struct WALPageHeader: Sendable, Equatable {
  public static let size = 40
  /// Bytes of segments that a server can be made with.
  public static let segmentSizes = (20...30).map { 1 << $0 }
  private static let isLong: UInt16 = 0x0002
  /// The high byte of the magic numbers of versions 9.0 to 18.
  private static let magics: ClosedRange<UInt16> = 0xd000...0xd1ff

  public let timeline: UInt32
  /// Of the segment's first byte in the log.
  public let address: UInt64
  public let systemIdentifier: UInt64
  /// Bytes.
  public let segmentSize: Int

  /// - Returns: nil unless the bytes begin as a segment does.
  public init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= Self.size, Self.magics.contains(bytes.loadUnaligned(as: UInt16.self)),
      bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self) & Self.isLong != 0
    else { return nil }
    timeline = bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
    address = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    systemIdentifier = bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
    segmentSize = Int(bytes.loadUnaligned(fromByteOffset: 32, as: UInt32.self))
    guard timeline > 0, systemIdentifier > 0, Self.segmentSizes.contains(segmentSize),
      address % UInt64(segmentSize) == 0
    else { return nil }
  }

  /// Bytes of a segment by the server's setting `wal_segment_size`, `16MB` for example.
  ///
  /// - Returns: nil for what no segment has.
  public static func segmentSize(_ setting: String) -> Int? {
    for (unit, factor) in [("MB", 1 << 20), ("GB", 1 << 30)] {
      guard let digits = setting.before(end: unit), let number = Int(digits), (1...512).contains(number) else {
        continue
      }
      let size = number * factor
      return segmentSizes.contains(size) ? size : nil
    }
    return nil
  }

  /// The binary logarithm of a segment's bytes.
  public var exponent: UInt8 { UInt8(segmentSize.trailingZeroBitCount) }

  /// The number that the segment's file has in its name.
  public var number: UInt64 { LogSequenceNumber(address).segmentNumber(exponent: exponent) }
}

/// The beginning of `global/pg_control`, which is the same in all versions: system identifier (8), version of the file (4).
public struct WALControlFile: Sendable, Equatable {
  public static let size = 12
  private static let versions: ClosedRange<UInt32> = 900...9999

  public let systemIdentifier: UInt64

  /// - Returns: nil unless the bytes begin as such a file does.
  public init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= Self.size,
      Self.versions.contains(bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
    else { return nil }
    systemIdentifier = bytes.loadUnaligned(as: UInt64.self)
    guard systemIdentifier > 0 else { return nil }
  }
}
