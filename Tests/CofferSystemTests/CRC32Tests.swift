import CofferSystem
import TestSupport
import Testing

@Suite("The checksum CRC-32")
struct CRC32Tests {
  /// Bit by bit, as ISO 3309 has it.
  private func slow(_ bytes: [UInt8]) -> UInt32 {
    var value = UInt32.max
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 {
        let isOdd = value & 1 == 1
        value >>= 1
        if isOdd { value ^= 0xEDB8_8320 }
      }
    }
    return ~value
  }

  private func sum(_ bytes: [UInt8]) -> UInt32 {
    var sum = CRC32()
    bytes.withUnsafeBytes { sum.update($0) }
    return sum.value
  }

  @Test("It is the one of the catalogues")
  func known() {
    #expect(self.sum(Array("123456789".utf8)) == 0xCBF4_3926)
    #expect(self.sum([]) == 0)
  }

  @Test("Bytes of any number, in pieces of any size, have the checksum that one has who takes bit by bit")
  func pieces() {
    var random = SeededRandom(7)
    for size in 0..<70 {
      let bytes = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
      var inPieces = CRC32()
      var rest = bytes[...]
      while !rest.isEmpty {
        let piece = Array(rest.prefix(Int.random(in: 1...20, using: &random)))
        piece.withUnsafeBytes { inPieces.update($0) }
        rest = rest.dropFirst(piece.count)
      }
      #expect(inPieces.value == slow(bytes) && self.sum(bytes) == slow(bytes), "\(size)")
    }
  }
}
