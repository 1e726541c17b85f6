import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Slices of a binary log")
struct BinaryLogSliceTests {
  private static let server = LogServer(system: "mariadb", identity: "db1/main")
  private let ground: LogGround

  init() throws {
    ground = try LogGround()
  }

  private static func slice(_ file: String, _ range: Range<UInt64>) throws -> BinaryLogSlice {
    try #require(
      BinaryLogSlice(
        file: file, range: range, times: (1, 2), gtid: "0-1-\(range.lowerBound)", format: [9, 9],
        events: noise(Int(range.upperBound - range.lowerBound), seed: range.lowerBound)))
  }

  private static func reach(_ slice: BinaryLogSlice, gtid: String? = "0-1-1") -> BinaryLogReach {
    BinaryLogReach(
      file: slice.file, end: slice.range.upperBound, isWhole: false, time: slice.times.last, created: 7, serverID: 1,
      gtid: gtid)
  }

  /// Four slices of a hundred bytes of each of some files, and what is missing is not numbered.
  private static func slices(_ files: Int) throws -> [BinaryLogSlice] {
    try (1...files).flatMap { file in
      try (0..<4).map { number in
        let start = 4 + UInt64(number) * 100
        return try slice("binlog.\(String(format: "%06d", file))", start..<start + 100)
      }
    }
  }

  private func put(
    _ slices: [BinaryLogSlice], from first: UInt64 = 1, history: UInt32 = 1, with repository: Repository? = nil
  ) throws {
    let repository = try repository ?? ground.open()
    for (number, slice) in zip(first..., slices) {
      let bytes = slice.encoded
      let place = try #require(LogPlace(history: history, number: number, exponent: 0))
      let part = try #require(
        LogPart(
          .segment, at: place, title: "slice \(number)",
          origin: LogOrigin(Self.server, hostname: "db1", name: "main", reach: Self.reach(slice)), size: bytes.count))
      #expect(try repository.put(part, bytes, compressionLevel: 3))
    }
  }

  private func read(_ stretch: BinaryLogReader.Stretch) throws -> [BinaryLogSlice] {
    var found: [BinaryLogSlice] = []
    try BinaryLogReader(ground.open(), of: Self.server, signers: []).forEach(stretch.numbers, history: stretch.history)
    {
      found.append($0)
      return true
    }
    return found
  }

  @Test("What was encoded is read back, and what is no slice is not")
  func coding() throws {
    let slice = try Self.slice("mysql-bin.000123", 4..<300)
    let bytes = slice.encoded
    #expect(try bytes.withUnsafeBytes { try BinaryLogSlice(decoding: $0) } == slice)
    for length in 0..<(bytes.count - 296) {
      #expect(throws: MalformedSlice.self) {
        try bytes[..<length].withUnsafeBytes { try BinaryLogSlice(decoding: $0) }
      }
    }
    // More bytes than the file has between the places, and fewer.
    #expect(throws: MalformedSlice.self) {
      try (bytes + [1]).withUnsafeBytes { try BinaryLogSlice(decoding: $0) }
    }
    #expect(throws: MalformedSlice.self) {
      try bytes.dropLast().withUnsafeBytes { try BinaryLogSlice(decoding: $0) }
    }
    for name in ["../../etc/passwd", "binlog", "", "a/b.000001", "-x.1", "a\u{0}.1"] {
      #expect(BinaryLogSlice(file: name, range: 4..<5, times: (1, 2), gtid: "", format: [1], events: [1]) == nil)
    }
    for range in [3..<9, 4..<4, 9..<10] as [Range<UInt64>] {
      #expect(BinaryLogSlice(file: "a.1", range: range, times: (1, 2), gtid: "", format: [1], events: [1, 2]) == nil)
    }
  }

  @Test("Any place of a file is found, before and after small objects were joined, and all is read in order")
  func finding() throws {
    let all = try Self.slices(10)
    try put(all)
    for isJoined in [false, true] {
      if isJoined { #expect(try ground.compact().joinedSegments == 40) }
      let reader = try BinaryLogReader(ground.open(), of: Self.server, signers: [])
      let stretch = try #require(try reader.stretches().first)
      #expect(try reader.stretches() == [BinaryLogReader.Stretch(history: 1, numbers: 1...40)])
      for (number, slice) in zip(UInt64(1)..., all) {
        for position in [slice.range.lowerBound, slice.range.upperBound - 1] {
          #expect(try reader.find(file: slice.file, position: position, in: stretch) == number)
        }
      }
      // A file's end is found in its last slice.
      #expect(try reader.find(file: "binlog.000003", position: 404, in: stretch) == 12)
      #expect(try reader.find(file: "binlog.000010", position: 404, in: stretch) == 40)
      for (file, position) in [("binlog.000003", 405), ("binlog.000011", 4), ("binlog.000000", 4), ("../x", 4)]
        as [(String, UInt64)]
      {
        #expect(try reader.find(file: file, position: position, in: stretch) == nil)
      }
      #expect(try read(stretch) == all)
      // What a key that can read nothing goes on by is what the last slice says.
      let stream = try #require(try ground.open().logs().first)
      #expect(stream.binaryReach == Self.reach(all[39]) && stream.last?.number == 40)
    }
  }

  @Test("A gap parts stretches, and slices that do not follow each other are not handed over")
  func gaps() throws {
    let all = try Self.slices(3)
    try put(Array(all[..<4]))
    try put(Array(all[6...]), from: 7)
    try put(Array(all[..<2]), history: 2)
    let reader = try BinaryLogReader(ground.open(), of: Self.server, signers: [])
    let stretches = try reader.stretches()
    #expect(stretches.map(\.history) == [1, 1, 2] && stretches.map(\.numbers) == [1...4, 7...12, 1...2])
    #expect(try read(stretches[1]) == Array(all[6...]))
    try put([all[5]], from: 3, history: 2)
    let wrong = try #require(try BinaryLogReader(ground.open(), of: Self.server, signers: []).stretches().last)
    #expect(throws: BinaryLogReader.Fault.self) { try read(wrong) }
  }

  @Test("Where the object of the last slice cannot be read, nobody goes on by what an earlier one says")
  func damaged() throws {
    try put(Array(try Self.slices(1)))
    let last = try #require(try ground.store.list("logs").map(\.name).last)
    var bytes = try ground.store.get(last)
    bytes[150] ^= 1
    try ground.store.delete(last)
    try ground.store.put(last, bytes)
    let stream = try #require(try ground.open().logs().first)
    #expect(stream.binaryReach == nil && stream.origin != nil && stream.last?.number == 4)
  }

  @Test("A position that is long is not kept in the directory, which has room for little")
  func longPosition() throws {
    let slice = try Self.slice("a.1", 4..<9)
    #expect(Self.reach(slice, gtid: String(repeating: "1", count: 5000)).gtid == nil)
    #expect(Self.reach(slice, gtid: "0-1-1").gtid == "0-1-1")
  }
}
