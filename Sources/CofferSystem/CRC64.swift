/// The checksum that mongodump keeps of each collection: CRC-64 with ECMA-182's polynomial, reflected.
public struct CRC64: Sendable {
  private var crc = ReflectedCRC(tables)

  private static let tables = ReflectedCRC<UInt64>.Tables(polynomial: 0xC96C_5795_D787_0F42)

  public init() {}

  public var value: UInt64 { crc.value }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) { crc.update(bytes) }
}
