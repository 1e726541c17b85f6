/// The checksum of zlib and of IEEE 802.3: CRC-32 with its polynomial reflected.
public struct CRC32: Sendable {
  private var crc = ReflectedCRC(tables)

  private static let tables = ReflectedCRC<UInt32>.Tables(polynomial: 0xEDB8_8320)

  public init() {}

  public var value: UInt32 { crc.value }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) { crc.update(bytes) }
}
