import CofferSystem

/// The checksum that mongodump keeps of each collection: CRC-64 with ECMA-182's polynomial, reflected.
struct CRC64: Sendable {
  private var register = UInt64.max

  /// For eight bytes at a time: row k is what a byte does to the register when k more bytes follow it.
  private static let tables: [[UInt64]] = {
    let polynomial: UInt64 = 0xC96C_5795_D787_0F42
    var rows = [
      (0..<256).map { byte in
        (0..<8).reduce(UInt64(byte)) { value, _ in value & 1 == 1 ? (value >> 1) ^ polynomial : value >> 1 }
      }
    ]
    for _ in 1..<8 {
      let last = rows[rows.count - 1]
      rows.append(last.map { rows[0][Int($0 & 0xFF)] ^ ($0 >> 8) })
    }
    return rows
  }()

  var value: UInt64 { ~register }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var crc = register
    let (t0, t1, t2, t3) = (Self.tables[0], Self.tables[1], Self.tables[2], Self.tables[3])
    let (t4, t5, t6, t7) = (Self.tables[4], Self.tables[5], Self.tables[6], Self.tables[7])
    let whole = bytes.count & ~7
    for offset in stride(from: 0, to: whole, by: 8) {
      crc ^= UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      let low =
        t7[Int(crc & 0xFF)] ^ t6[Int((crc >> 8) & 0xFF)] ^ t5[Int((crc >> 16) & 0xFF)] ^ t4[Int((crc >> 24) & 0xFF)]
      let high =
        t3[Int((crc >> 32) & 0xFF)] ^ t2[Int((crc >> 40) & 0xFF)] ^ t1[Int((crc >> 48) & 0xFF)] ^ t0[Int(crc >> 56)]
      crc = low ^ high
    }
    for byte in bytes[whole...] { crc = t0[Int((crc ^ UInt64(byte)) & 0xFF)] ^ (crc >> 8) }
    register = crc
  }
}
