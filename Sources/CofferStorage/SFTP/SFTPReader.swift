import CofferSystem

/// Reads the fields of a packet. Nothing in it is trusted: what a length says is compared with what is there.
struct SFTPReader: ~Copyable {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// A packet that is not what the protocol says it is.
  struct Malformed: Error, Equatable {
    let reason: String
  }

  var isAtEnd: Bool { position == bytes.count }
  var rest: Int { bytes.count - position }

  mutating func uint32() throws(Malformed) -> UInt32 {
    try take(4).reduce(0) { $0 << 8 | UInt32($1) }
  }

  mutating func uint64() throws(Malformed) -> UInt64 {
    try take(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// A string of the protocol: any bytes, with their count before them.
  mutating func string() throws(Malformed) -> ArraySlice<UInt8> {
    let count = try uint32()
    return try take(Int(count))
  }

  private mutating func take(_ count: Int) throws(Malformed) -> ArraySlice<UInt8> {
    guard count <= rest else { throw Malformed(reason: "a field of \(count) bytes where \(rest) are left") }
    defer { position += count }
    return bytes[position..<position + count]
  }
}

/// Writes the fields of a packet.
struct SFTPWriter {
  private(set) var bytes: [UInt8] = []

  mutating func uint32(_ value: UInt32) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func uint64(_ value: UInt64) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func string(_ text: String) { string(Array(text.utf8)) }

  mutating func string(_ content: some Collection<UInt8>) {
    uint32(UInt32(content.count))
    bytes.append(contentsOf: content)
  }
}
