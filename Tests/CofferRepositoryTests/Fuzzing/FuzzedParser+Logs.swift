import CofferStorage
import CofferSystem
import Foundation

@testable import CofferRepository

/// What objects of logs say.
extension FuzzedParser {
  func logSeeds(_ context: RepositoryContext) throws -> [[UInt8]] {
    switch self {
    case .logHeader:
      return [
        try LogHeader.make(.current, suite: context.suite, dataPublic: context.keys.dataPublic, random: context.random)
          .header
          .encoded
      ]
    case .logSlice:
      let slice = BinaryLogSlice(
        file: "binlog.000007", range: 4..<30, times: (1, 2), gtid: "0-1-2", format: [1, 2, 3],
        events: [UInt8](repeating: 5, count: 26))
      let marks = (1...2).map {
        OplogMark(time: OplogTime(seconds: 7, increment: $0), term: 1, sum: 0x1234_5678_9abc_def0)
      }
      let entries = OplogSlice(first: marks[0], last: marks[1], entries: [5, 0, 0, 0, 0])
      return [slice?.encoded, entries?.encoded].compactMap(\.self)
    default:
      let origin = LogOrigin(LogServer(system: "postgresql", identity: "1"), hostname: "h", name: "n")
      let hash = try [UInt8](repeating: 1, count: 8).withUnsafeBytes { try ContentHasher.hash($0) }
      let segment = LogDirectory.Segment(
        size: (1 << 20) + 5, hash: hash, time: 7,
        blocks: [.init(storedLength: 300, isCompressed: true), .init(storedLength: 21, isCompressed: false)])
      return try [1, 2].map { count in
        try [UInt8(count)]
          + LogDirectory(origin: origin, segments: [LogDirectory.Segment](repeating: segment, count: count)).encoded()
      }
    }
  }

  func takeLogBytes(_ bytes: [UInt8], _ context: RepositoryContext) throws {
    switch self {
    case .logHeader:
      guard let header = LogHeader(decoding: bytes), let dataPrivate = context.keys.dataPrivate else { return }
      precondition(header.encoded.elementsEqual(bytes.prefix(LogHeader.size)))
      _ = try header.key(dataPrivate: dataPrivate)
    case .logSlice:
      if let slice = try? bytes.withUnsafeBytes({ try OplogSlice(decoding: $0) }) {
        precondition(slice.encoded == bytes && slice.first.time <= slice.last.time)
        return
      }
      let slice = try bytes.withUnsafeBytes { try BinaryLogSlice(decoding: $0) }
      // A varint may be written in several ways.
      let again = try slice.encoded.withUnsafeBytes { try BinaryLogSlice(decoding: $0) }
      precondition(again == slice && BinaryLogFileName(slice.file) != nil)
    default:
      guard let count = bytes.first else { return }
      let directory = try LogDirectory(decoding: Array(bytes.dropFirst()), count: Int(count))
      for number in directory.segments.indices {
        precondition(directory.blocks(ofSegment: number).bytes.upperBound <= directory.blockLength)
      }
    }
  }
}
