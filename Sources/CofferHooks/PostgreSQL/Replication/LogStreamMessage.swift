import CofferSystem

/// A message of a server that streams its log: "Streaming Replication Protocol" in PostgreSQL's manual. Numbers are in network byte order.
public enum LogStreamMessage {
  /// Bytes of the log, and where the first belongs.
  case data(start: LogSequenceNumber, UnsafeRawBufferPointer)
  /// How far the server is, and whether it wants to be answered at once.
  case keepalive(end: LogSequenceNumber, wantsReply: Bool)

  /// - Parameter bytes: As long as they are there, the message may be used.
  /// - Returns: nil for what is no such message.
  public init?(_ bytes: UnsafeRawBufferPointer) {
    func number(_ offset: Int) -> UInt64 {
      UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
    switch bytes.first {
    case UInt8(ascii: "w") where bytes.count >= Self.dataHeader:
      self = .data(
        start: LogSequenceNumber(number(1)), UnsafeRawBufferPointer(rebasing: bytes[Self.dataHeader...]))
    case UInt8(ascii: "k") where bytes.count == Self.keepaliveSize:
      self = .keepalive(end: LogSequenceNumber(number(1)), wantsReply: bytes[17] != 0)
    default: return nil
    }
  }

  /// Kind (1), start (8), the log's end (8), time (8).
  private static let dataHeader = 25
  /// Kind (1), the log's end (8), time (8), whether an answer is wanted (1).
  private static let keepaliveSize = 18
  /// Seconds from 1970 to 2000, from which PostgreSQL counts.
  private static let epoch: Double = 946_684_800

  /// What a server is told of how far its log is safe.
  ///
  /// - Parameters:
  ///   - durable: All before it is. Received, written and applied mean the same here.
  ///   - time: Seconds since 1970.
  ///   - wantsReply: Whether it is to answer at once.
  public static func status(durable: LogSequenceNumber, time: Double, wantsReply: Bool) -> [UInt8] {
    func bytes(_ number: UInt64) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }
    let place = bytes(durable.value)
    let microseconds = bytes(UInt64(min(max((time - epoch) * 1e6, 0), 1e18)))
    return [UInt8(ascii: "r")] + place + place + place + microseconds + [wantsReply ? 1 : 0]
  }
}
