/// A cyclic redundancy check whose polynomial is reflected, begun with ones and inverted in the end. Takes eight bytes at a time.
struct ReflectedCRC<Register: FixedWidthInteger & UnsignedInteger & Sendable>: Sendable {
  /// Row k is what a byte does to the register when k more bytes follow it.
  struct Tables: Sendable {
    fileprivate let rows: [[Register]]

    init(polynomial: Register) {
      var rows = [
        (0..<256).map { byte in
          (0..<8).reduce(Register(byte)) { value, _ in value & 1 == 1 ? (value >> 1) ^ polynomial : value >> 1 }
        }
      ]
      for _ in 1..<8 {
        let last = rows[rows.count - 1]
        rows.append(last.map { rows[0][Int($0 & 0xFF)] ^ ($0 >> 8) })
      }
      self.rows = rows
    }
  }

  private var register = Register.max
  private let tables: Tables

  init(_ tables: Tables) {
    self.tables = tables
  }

  var value: Register { ~register }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var crc = register
    let rows = tables.rows
    let (t0, t1, t2, t3) = (rows[0], rows[1], rows[2], rows[3])
    let (t4, t5, t6, t7) = (rows[4], rows[5], rows[6], rows[7])
    let whole = bytes.count & ~7
    for offset in stride(from: 0, to: whole, by: 8) {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) ^ UInt64(crc)
      let low =
        t7[Int(word & 0xFF)] ^ t6[Int((word >> 8) & 0xFF)] ^ t5[Int((word >> 16) & 0xFF)] ^ t4[Int((word >> 24) & 0xFF)]
      let high =
        t3[Int((word >> 32) & 0xFF)] ^ t2[Int((word >> 40) & 0xFF)] ^ t1[Int((word >> 48) & 0xFF)] ^ t0[Int(word >> 56)]
      crc = low ^ high
    }
    for byte in bytes[whole...] { crc = t0[Int((crc ^ Register(byte)) & 0xFF)] ^ (crc >> 8) }
    register = crc
  }
}
