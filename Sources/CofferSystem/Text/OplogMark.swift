/// What tells an entry of a MongoDB oplog apart from all others, of its replica set and of any.
public struct OplogMark: Sendable, Hashable {
  /// Where it stands: the two halves of its `ts`.
  public let time: OplogTime
  /// The term of the primary that has written it (`t`); -1 for one that has none.
  public let term: Int64
  /// The CRC-64 of its bytes, which are the same on all members: sets that are busy in the same second count alike.
  public let sum: UInt64

  public init(time: OplogTime, term: Int64, sum: UInt64) {
    self.time = time
    self.term = term
    self.sum = sum
  }
}

/// A moment of an oplog: entries follow each other by it, and no two of one set have the same.
public struct OplogTime: Sendable, Hashable, Comparable {
  /// Since 1970.
  public let seconds: UInt32
  /// Counts within the second, from 1.
  public let increment: UInt32

  public init(seconds: UInt32, increment: UInt32) {
    self.seconds = seconds
    self.increment = increment
  }

  /// - Parameter text: As `text` writes it.
  /// - Returns: nil for anything else.
  public init?(_ text: String) {
    let parts = text.parts(by: ":")
    guard parts.count == 2, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      let seconds = UInt32(parts[0]), let increment = UInt32(parts[1])
    else { return nil }
    self.init(seconds: seconds, increment: increment)
  }

  /// As MongoDB's programs take it: `1700000000:3`.
  public var text: String { "\(seconds):\(increment)" }

  /// The first moment behind it; nil behind the last that there can be.
  public var next: OplogTime? {
    guard increment == .max else { return OplogTime(seconds: seconds, increment: increment + 1) }
    return seconds == .max ? nil : OplogTime(seconds: seconds + 1, increment: 0)
  }

  public static func < (left: OplogTime, right: OplogTime) -> Bool {
    (left.seconds, left.increment) < (right.seconds, right.increment)
  }
}

extension OplogMark: Codable {
  private enum Key: CodingKey {
    case seconds, increment, term, sum
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let sum = try container.decode(String.self, forKey: .sum)
    guard sum.utf8.count == Self.sumDigits, sum.utf8.allSatisfy({ $0.hexadecimalValue != nil }),
      let sum = UInt64(sum, radix: 16)
    else {
      throw DecodingError.dataCorrupted(.init(codingPath: container.codingPath, debugDescription: "no checksum"))
    }
    self.init(
      time: OplogTime(
        seconds: try container.decode(UInt32.self, forKey: .seconds),
        increment: try container.decode(UInt32.self, forKey: .increment)),
      term: try container.decode(Int64.self, forKey: .term), sum: sum)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(time.seconds, forKey: .seconds)
    try container.encode(time.increment, forKey: .increment)
    try container.encode(term, forKey: .term)
    let digits = String(sum, radix: 16)
    try container.encode(String(repeating: "0", count: Self.sumDigits - digits.utf8.count) + digits, forKey: .sum)
  }

  private static let sumDigits = 16
}
