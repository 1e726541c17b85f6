import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Slices of an oplog")
struct OplogSliceTests {
  private static let server = LogServer(system: "mongodb", identity: "db1/main")
  private let ground: LogGround

  init() throws {
    ground = try LogGround()
  }

  private static func mark(_ seconds: UInt32, _ sum: UInt64 = 7) -> OplogMark {
    OplogMark(time: OplogTime(seconds: seconds, increment: 2), term: -1, sum: sum)
  }

  private static func slice(_ first: UInt32, _ last: UInt32) throws -> OplogSlice {
    try #require(
      OplogSlice(first: mark(first), last: mark(last), entries: noise(100, seed: UInt64(first))))
  }

  @Test("A slice comes back as it was, and what is none is not taken")
  func coding() throws {
    let slice = try Self.slice(3, 9)
    let bytes = slice.encoded
    #expect(
      bytes.starts(with: Array("COFFEROL".utf8) + [1, 3, 0, 0, 0, 2, 0, 0, 0] + [UInt8](repeating: 255, count: 8)))
    #expect(bytes.count == 9 + 2 * 24 + 100)
    #expect(try bytes.withUnsafeBytes { try OplogSlice(decoding: $0) } == slice)
    for length in 0...(9 + 2 * 24) {
      #expect(throws: MalformedSlice.self) {
        try Array(bytes[..<length]).withUnsafeBytes { try OplogSlice(decoding: $0) }
      }
    }
    #expect(OplogSlice(first: Self.mark(3), last: Self.mark(2), entries: [1]) == nil)
    #expect(OplogSlice(first: Self.mark(3), last: Self.mark(3, 8), entries: [1]) == nil)
    #expect(OplogSlice(first: Self.mark(3), last: Self.mark(3), entries: []) == nil)
  }

  @Test(
    "Slices are found by a time, and one that does not begin with the last entry of the one before is not passed over")
  func reading() throws {
    let repository = try ground.open()
    func put(_ slice: OplogSlice, _ number: UInt64) throws {
      let place = try #require(LogPlace(history: 1, number: number, exponent: 0))
      let origin = LogOrigin(Self.server, hostname: "db1", name: "main", oplog: slice.last)
      let part = try #require(
        LogPart(.segment, at: place, title: "slice", origin: origin, size: slice.encoded.count))
      #expect(try repository.put(part, slice.encoded, compressionLevel: 3))
    }
    let slices = try (0..<6).map { try Self.slice(10 + $0 * 10, 20 + $0 * 10) }
    for (number, slice) in slices.enumerated() { try put(slice, UInt64(number) + 1) }
    let reader = try OplogReader(repository, of: Self.server, signers: [])
    let stretch = try #require(try reader.stretches().first)
    #expect(stretch.numbers == 1...6)
    func find(_ seconds: UInt32, _ increment: UInt32 = 2) throws -> UInt64? {
      try reader.find(OplogTime(seconds: seconds, increment: increment), in: stretch)
    }
    #expect(try [find(10), find(20), find(21), find(35), find(70)] == [1, 1, 2, 3, 6])
    #expect(try [find(9), find(71), find(70, 3)] == [nil, nil, nil])
    var found: [OplogSlice] = []
    try reader.forEach(stretch.numbers, history: 1) {
      found.append($0)
      return true
    }
    #expect(found == slices)
    #expect(try repository.logs().first?.oplogEnd == Self.mark(70))
    #expect(try repository.logs().first?.binaryReach == nil)

    try put(try #require(OplogSlice(first: Self.mark(70, 8), last: Self.mark(80), entries: [1])), 7)
    let later = try OplogReader(repository, of: Self.server, signers: [])
    #expect(throws: OplogReader.Fault.self) { try later.forEach(1...7, history: 1) { _ in true } }
  }

  @Test("An entry's mark is the same when it is read again, and only a whole one is taken")
  func marks() throws {
    let mark = OplogMark(time: OplogTime(seconds: 1_700_000_000, increment: 3), term: 5, sum: 0x00ff)
    let json = Data("{\"increment\":3,\"seconds\":1700000000,\"sum\":\"00000000000000ff\",\"term\":5}".utf8)
    #expect(try RecordJSON.encoder.encode(mark) == json)
    #expect(try RecordJSON.decoder.decode(OplogMark.self, from: json) == mark)
    for sum in ["ff", "+0000000000000ff", "g0000000000000ff"] {
      let bad = Data("{\"increment\":3,\"seconds\":1,\"sum\":\"\(sum)\",\"term\":5}".utf8)
      #expect(throws: DecodingError.self) { try RecordJSON.decoder.decode(OplogMark.self, from: bad) }
    }
  }
}
