import Foundation

/// Makes a folder look like a server's, with one segment of its log, and others behind it.
///
/// - Parameter waiting: How many wait behind the first to be pushed.
/// - Returns: The first segment, which is `pg_wal/000000010000000100000030`.
@discardableResult
public func writeLogServer(_ folder: String, waiting: Int = 0) throws -> Data {
  func bytes(_ number: some FixedWidthInteger) -> Data { Data(withUnsafeBytes(of: number) { Array($0) }) }
  let identifier: UInt64 = 7_421_000_000_000_000_001
  for name in ["pg_wal/archive_status", "global"] {
    try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
  }
  try (bytes(identifier) + bytes(UInt32(1300))).write(to: URL(fileURLWithPath: "\(folder)/global/pg_control"))
  let segments = try (0...waiting).map { number in
    let place = 0x1_0300_0000 + UInt64(number) << 20
    var segment = bytes(UInt16(0xd110)) + bytes(UInt16(2)) + bytes(UInt32(1)) + bytes(place)
    segment += bytes(UInt64(0)) + bytes(identifier) + bytes(UInt32(1 << 20)) + bytes(UInt32(8192))
    segment += Data(count: (1 << 20) - segment.count)
    let name = logSegment(number)
    try segment.write(to: URL(fileURLWithPath: "\(folder)/pg_wal/\(name)"))
    try Data().write(to: URL(fileURLWithPath: "\(folder)/pg_wal/archive_status/\(name).ready"))
    return segment
  }
  return segments[0]
}

/// The name of one of such a server's segments.
public func logSegment(_ number: Int) -> String {
  "0000000100000001000000" + String(0x30 + number, radix: 16, uppercase: true)
}
