import CofferSystem

/// Makes a file of a binary log as a server has it, event by event.
public struct BinaryLogBuilder {
  public private(set) var bytes: [UInt8] = [0xfe, 0x62, 0x69, 0x6e]
  /// Where each event ends.
  public private(set) var ends: [UInt64] = []
  private let hasChecksums: Bool
  private let serverID: UInt32
  /// Bytes that the server's file has besides.
  private var hidden: UInt32 = 0

  public static let time: UInt32 = 1_800_000_000

  /// - Parameter begun: When the file was.
  public init(begun: UInt32 = time, serverID: UInt32 = 7, hasChecksums: Bool = true) {
    self.hasChecksums = hasChecksums
    self.serverID = serverID
    let version = Array("10.11.6-MariaDB-log".utf8)
    let body =
      Self.number(UInt16(4)) + version + [UInt8](repeating: 0, count: 50 - version.count) + Self.number(begun) + [19]
      + [UInt8](repeating: 8, count: 40) + [hasChecksums ? 1 : 0]
    add(15, body, time: begun, isFormat: true)
  }

  /// Adds an event.
  ///
  /// - Parameters:
  ///   - end: What it says of where it ends, if not the truth.
  public mutating func add(
    _ kind: UInt8, _ body: [UInt8], time: UInt32 = time, flags: UInt16 = 0, end: UInt32? = nil, isFormat: Bool = false
  ) {
    let size = UInt32(19 + body.count + (hasChecksums || isFormat ? 4 : 0))
    let place = UInt32(bytes.count) + hidden + size
    var event = Self.number(time) + [kind] + Self.number(serverID) + Self.number(size) + Self.number(end ?? place)
    event += Self.number(flags) + body
    if hasChecksums || isFormat {
      var sum = CRC32()
      event.withUnsafeBytes { sum.update($0) }
      event += Self.number(sum.value)
    }
    bytes += event
    ends.append(UInt64(place))
  }

  /// Leaves bytes out that the server's file has.
  public mutating func hide(_ count: UInt32) { hidden += count }

  /// Adds what MariaDB begins a group with.
  public mutating func addGTID(_ sequence: UInt64, domain: UInt32 = 0) {
    add(162, Self.number(sequence) + Self.number(domain) + [UInt8](repeating: 0, count: 7))
  }

  /// Adds what MariaDB begins a file with: domain, server, sequence.
  public mutating func addGTIDList(_ all: [(UInt32, UInt32, UInt64)]) {
    add(
      163, Self.number(UInt32(all.count)) + all.flatMap { Self.number($0.0) + Self.number($0.1) + Self.number($0.2) })
  }

  private static func number(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
}
