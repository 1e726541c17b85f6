/// The checksum of zlib and of IEEE 802.3: CRC-32 with its polynomial reflected.
public struct CRC32: Sendable {
  private var register = UInt32.max

  /// For eight bytes at a time: row k is what a byte does to the register when k more bytes follow it.
  private static let tables: [[UInt32]] = {
    let polynomial: UInt32 = 0xEDB8_8320
    var rows = [
      (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? (value >> 1) ^ polynomial : value >> 1 }
      }
    ]
    for _ in 1..<8 {
      let last = rows[rows.count - 1]
      rows.append(last.map { rows[0][Int($0 & 0xFF)] ^ ($0 >> 8) })
    }
    return rows
  }()

  public init() {}

  public var value: UInt32 { ~register }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var crc = register
    let (t0, t1, t2, t3) = (Self.tables[0], Self.tables[1], Self.tables[2], Self.tables[3])
    let (t4, t5, t6, t7) = (Self.tables[4], Self.tables[5], Self.tables[6], Self.tables[7])
    let whole = bytes.count & ~7
    for offset in stride(from: 0, to: whole, by: 8) {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) ^ UInt64(crc)
      let low =
        t7[Int(word & 0xFF)] ^ t6[Int((word >> 8) & 0xFF)] ^ t5[Int((word >> 16) & 0xFF)] ^ t4[Int((word >> 24) & 0xFF)]
      let high =
        t3[Int((word >> 32) & 0xFF)] ^ t2[Int((word >> 40) & 0xFF)] ^ t1[Int((word >> 48) & 0xFF)] ^ t0[Int(word >> 56)]
      crc = low ^ high
    }
    for byte in bytes[whole...] { crc = t0[Int((crc ^ UInt32(byte)) & 0xFF)] ^ (crc >> 8) }
    register = crc
  }
}
