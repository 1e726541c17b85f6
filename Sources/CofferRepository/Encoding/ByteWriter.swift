/// Builds binary tables: little-endian integers, LEB128 varints, length-prefixed strings.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  mutating func byte(_ value: UInt8) {
    bytes.append(value)
  }

  mutating func fixed<Value: FixedWidthInteger>(_ value: Value) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  mutating func varint(_ value: Int) {
    varint(UInt64(value))
  }

  mutating func raw(_ content: UnsafeRawBufferPointer) {
    bytes.append(contentsOf: content)
  }

  mutating func raw(_ content: [UInt8]) {
    bytes.append(contentsOf: content)
  }

  mutating func id(_ id: ChunkID) {
    id.withUnsafeBytes { bytes.append(contentsOf: $0) }
  }

  mutating func digest(_ digest: Digest256) {
    digest.withUnsafeBytes { bytes.append(contentsOf: $0) }
  }

  /// A length and the bytes.
  mutating func counted(_ content: [UInt8]) {
    varint(content.count)
    bytes.append(contentsOf: content)
  }

  mutating func text(_ text: String) {
    counted(Array(text.utf8))
  }

  mutating func zeros(_ count: Int) {
    bytes.append(contentsOf: repeatElement(0, count: count))
  }

  mutating func reserve(_ count: Int) {
    bytes.reserveCapacity(count)
  }

  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
  }
}
