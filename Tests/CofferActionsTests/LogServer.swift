import Foundation

/// Makes a folder look like a server's, with one segment of its log.
///
/// - Returns: The segment, which is `pg_wal/000000010000000100000030`.
@discardableResult
func writeLogServer(_ folder: String) throws -> Data {
  func bytes(_ number: some FixedWidthInteger) -> Data { Data(withUnsafeBytes(of: number) { Array($0) }) }
  let identifier: UInt64 = 7_421_000_000_000_000_001
  var segment = bytes(UInt16(0xd110)) + bytes(UInt16(2)) + bytes(UInt32(1)) + bytes(UInt64(0x1_0300_0000))
  segment += bytes(UInt64(0)) + bytes(identifier) + bytes(UInt32(1 << 20)) + bytes(UInt32(8192))
  segment += Data(count: (1 << 20) - segment.count)
  for name in ["pg_wal", "global"] {
    try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
  }
  try segment.write(to: URL(fileURLWithPath: "\(folder)/pg_wal/000000010000000100000030"))
  try (bytes(identifier) + bytes(UInt32(1300))).write(to: URL(fileURLWithPath: "\(folder)/global/pg_control"))
  return segment
}
