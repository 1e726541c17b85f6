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
    let place = UInt64(bytes.count) + UInt64(hidden) + UInt64(size)
    var event =
      Self.number(time) + [kind] + Self.number(serverID) + Self.number(size)
      + Self.number(end ?? UInt32(truncatingIfNeeded: place))
    event += Self.number(flags) + body
    if hasChecksums || isFormat {
      var sum = CRC32()
      event.withUnsafeBytes { sum.update($0) }
      event += Self.number(sum.value)
    }
    bytes += event
    ends.append(place)
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

  /// A server of MySQL.
  public static let server = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
  private static let serverBytes: [UInt8] = [
    0x3e, 0x11, 0xfa, 0x47, 0x71, 0xca, 0x11, 0xe1, 0x9e, 0x33, 0xc8, 0x0a, 0xa9, 0x42, 0x95, 0x62,
  ]

  /// Adds what MySQL 8 begins a file with: the transactions of the server before it, as first numbers and those behind the last.
  public mutating func addPreviousGTIDs(_ stretches: [(UInt64, UInt64)], time: UInt32 = time) {
    let own = Self.serverBytes + Self.number(UInt64(stretches.count))
    add(
      35,
      Self.number(UInt64(stretches.isEmpty ? 0 : 1)) + (stretches.isEmpty ? [] : own)
        + stretches.flatMap { Self.number($0.0) + Self.number($0.1) }, time: time)
  }

  /// Adds what MySQL 8 begins a transaction with: flags, the server, the number, the kind of what follows, two numbers of its order, when it was
  /// committed (7 bytes, microseconds), its length and the server's version.
  ///
  /// - Parameter sequence: nil for a transaction without a GTID.
  public mutating func addMySQLGTID(_ sequence: UInt64?, committed: UInt32) {
    let server = sequence == nil ? [UInt8](repeating: 0, count: 16) : Self.serverBytes
    let time = Self.number(UInt64(committed) * 1_000_000 + 999_999).prefix(7)
    add(
      sequence == nil ? 34 : 33,
      [1] + server + Self.number(sequence ?? 0) + [2] + Self.number(UInt64(1)) + Self.number(UInt64(2)) + time + [200]
        + Self.number(UInt32(80_036)), time: committed)
  }

  /// Adds a statement.
  public mutating func addStatement(_ text: String, in database: String = "shop", time: UInt32 = time) {
    let settings: [UInt8] = [0, 0, 0, 0, 0, 1]
    add(
      2,
      Self.number(UInt32(11)) + Self.number(UInt32(0)) + [UInt8(database.utf8.count)] + Self.number(UInt16(0))
        + Self.number(UInt16(settings.count)) + settings + database.utf8 + [0] + text.utf8, time: time)
  }

  private static func number(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
}
