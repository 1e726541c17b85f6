import CofferSystem

/// A place in a server's log, in bytes from its beginning: PostgreSQL's LSN.
public struct LogSequenceNumber: Sendable, Hashable, Comparable {
  public let value: UInt64

  public init(_ value: UInt64) {
    self.value = value
  }

  /// - Parameter text: As PostgreSQL writes it, `16/B374D848`: the high and the low half, of one to eight hex digits each.
  /// - Returns: nil for anything else.
  public init?(_ text: String) {
    let parts = text.parts(by: "/")
    guard parts.count == 2, let high = Self.half(parts[0]), let low = Self.half(parts[1]) else { return nil }
    value = UInt64(high) << 32 | UInt64(low)
  }

  public var text: String {
    "\(String(value >> 32, radix: 16, uppercase: true))/\(String(value & 0xffff_ffff, radix: 16, uppercase: true))"
  }

  /// The number that the file of the segment which has this byte bears in its name.
  ///
  /// - Parameter exponent: The binary logarithm of a segment's bytes.
  public func segmentNumber(exponent: UInt8) -> UInt64 {
    (value >> 32) << 32 | (value & 0xffff_ffff) >> UInt64(exponent)
  }

  public static func < (left: LogSequenceNumber, right: LogSequenceNumber) -> Bool { left.value < right.value }

  private static func half(_ digits: String) -> UInt32? {
    guard (1...8).contains(digits.utf8.count), digits.utf8.allSatisfy({ $0.hexadecimalValue != nil }) else {
      return nil
    }
    return UInt32(digits, radix: 16)
  }
}

extension LogSequenceNumber: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let number = LogSequenceNumber(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "no place in a log")
    }
    self = number
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}
