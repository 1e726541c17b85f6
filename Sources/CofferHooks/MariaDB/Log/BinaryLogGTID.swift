import CofferSystem

/// What MariaDB calls a transaction in its log.
public struct BinaryLogGTID: Sendable, Hashable {
  public let domain: UInt32
  public let server: UInt32
  public let sequence: UInt64

  public init(domain: UInt32, server: UInt32, sequence: UInt64) {
    self.domain = domain
    self.server = server
    self.sequence = sequence
  }

  /// - Parameter text: As servers write it: `0-1-100`.
  /// - Returns: nil for anything else.
  public init?(_ text: String) {
    let parts = text.parts(by: "-")
    guard parts.count == 3, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }),
      let domain = UInt32(parts[0]), let server = UInt32(parts[1]), let sequence = UInt64(parts[2])
    else { return nil }
    self.init(domain: domain, server: server, sequence: sequence)
  }

  /// Of the event that begins a group: its sequence (8), its domain (4), flags.
  ///
  /// - Parameter body: Without header and checksum.
  /// - Returns: nil for one that is too short.
  init?(_ event: BinaryLogEvent, _ body: UnsafeRawBufferPointer) {
    guard body.count >= 12 else { return nil }
    self.init(
      domain: UInt32(littleEndian: body.loadUnaligned(fromByteOffset: 8, as: UInt32.self)), server: event.serverID,
      sequence: UInt64(littleEndian: body.loadUnaligned(as: UInt64.self)))
  }

  public var text: String { "\(domain)-\(server)-\(sequence)" }
}
