/// The checksum of zlib and gzip: the reflected polynomial 0xEDB88320 (ISO 3309; RFC 1952, section 8).
///
/// Eight bytes a step, by eight tables (M. Kounavis and F. Berry, "A Systematic Approach to Building High Performance, Software-based,
/// CRC Generators", 2005).
public struct CRC32: Sendable {
  private var state = UInt32.max

  private static let polynomial: UInt32 = 0xEDB8_8320
  private static let step = 8

  /// One table behind the other: that of a byte, then of a byte with one, two, and up to seven bytes behind it.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: step * 256)
    for byte in 0..<256 {
      tables[byte] = (0..<8).reduce(UInt32(byte)) { value, _ in
        value & 1 == 0 ? value >> 1 : value >> 1 ^ polynomial
      }
    }
    for place in 256..<tables.count {
      let before = tables[place - 256]
      tables[place] = before >> 8 ^ tables[Int(before & 0xFF)]
    }
    return tables
  }()

  public init() {}

  /// Of all bytes that were added.
  public var value: UInt32 { ~state }

  public mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var state = state
    Self.tables.withUnsafeBufferPointer { tables in
      let whole = bytes.count - bytes.count % Self.step
      for start in stride(from: 0, to: whole, by: Self.step) {
        // Within the bytes, as `start + step` is at most `whole`.
        let low = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self)) ^ state
        let high = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self))
        let front =
          tables[0x700 + Int(low & 0xFF)] ^ tables[0x600 + Int(low >> 8 & 0xFF)]
          ^ tables[0x500 + Int(low >> 16 & 0xFF)] ^ tables[0x400 + Int(low >> 24)]
        let back =
          tables[0x300 + Int(high & 0xFF)] ^ tables[0x200 + Int(high >> 8 & 0xFF)]
          ^ tables[0x100 + Int(high >> 16 & 0xFF)] ^ tables[Int(high >> 24)]
        state = front ^ back
      }
      for byte in bytes[whole...] { state = state >> 8 ^ tables[Int(UInt8(truncatingIfNeeded: state) ^ byte)] }
    }
    self.state = state
  }

  public static func of(_ bytes: [UInt8]) -> UInt32 {
    var sum = CRC32()
    bytes.withUnsafeBytes { sum.add($0) }
    return sum.value
  }
}
