import CofferSystem

/// Reads what `ByteWriter` wrote; every length is checked against what is there before anything is allocated.
struct ByteReader {
  /// The table ends early or a number in it cannot be.
  struct Malformed: Error, Equatable {
    /// Where in the table, in bytes.
    let offset: Int
  }

  private let bytes: UnsafeRawBufferPointer
  private(set) var offset = 0

  /// Borrows `bytes`; the reader must not outlive them.
  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  var remaining: Int { bytes.count - offset }

  var malformed: Malformed { Malformed(offset: offset) }

  mutating func byte() throws(Malformed) -> UInt8 {
    guard offset < bytes.count else { throw malformed }
    defer { offset += 1 }
    return bytes[offset]
  }

  mutating func fixed<Value: FixedWidthInteger>(_ type: Value.Type) throws(Malformed) -> Value {
    let size = MemoryLayout<Value>.size
    guard remaining >= size else { throw malformed }
    defer { offset += size }
    return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
  }

  mutating func varint() throws(Malformed) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let next = try byte()
      let part = UInt64(next & 0x7f)
      guard shift < 63 || (shift == 63 && part <= 1) else { throw malformed }
      value |= part << shift
      if next < 0x80 { return value }
      shift += 7
    }
  }

  /// A varint that must not exceed `limit`.
  mutating func length(limit: Int) throws(Malformed) -> Int {
    let value = try varint()
    guard value <= UInt64(limit) else { throw malformed }
    return Int(value)
  }

  /// The number of elements that follow, each of at least `elementSize` bytes.
  mutating func count(elementSize: Int) throws(Malformed) -> Int {
    try length(limit: remaining / elementSize)
  }

  mutating func raw(_ count: Int) throws(Malformed) -> UnsafeRawBufferPointer {
    guard count >= 0, remaining >= count else { throw malformed }
    defer { offset += count }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }

  mutating func id() throws(Malformed) -> ChunkID {
    ChunkID(try raw(ChunkID.size))
  }

  mutating func digest() throws(Malformed) -> Digest256 {
    Digest256(try raw(Digest256.size))
  }

  mutating func counted() throws(Malformed) -> [UInt8] {
    Array(try raw(try length(limit: remaining)))
  }

  mutating func text() throws(Malformed) -> String {
    String(decoding: try counted(), as: UTF8.self)
  }

  /// - Throws: `Malformed` unless everything was read.
  func finish() throws(Malformed) {
    guard remaining == 0 else { throw malformed }
  }
}
