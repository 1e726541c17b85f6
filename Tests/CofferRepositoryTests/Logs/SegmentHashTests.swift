import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("How segments of logs are hashed")
struct SegmentHashTests {
  private static func hash(_ bytes: [UInt8], _ hashing: SegmentHashing, by size: Int) throws -> Digest256 {
    let hasher = try SegmentHasher(hashing)
    try bytes.withUnsafeBytes { all in
      for start in stride(from: 0, to: all.count, by: size) {
        try hasher.update(UnsafeRawBufferPointer(rebasing: all[start..<min(start + size, all.count)]))
      }
    }
    return try hasher.finish()
  }

  // python3 with the package blake3, of bytes(i % 251 for i in range(n)): hashlib.blake2b(b"".join(blake3.blake3(part,
  // key=b"coffer block of a log's segment.").digest() for each part of 1 MiB)).hexdigest()[:64]
  @Test(
    "Known hashes, in whichever parts the bytes come",
    arguments: [
      (1, "bfa60f59d31482e05b7ed7c7756daaa72bb5f27f0f816e555391cd6b85f7ff93"),
      (5000, "809cf8faa39c4761eff16ebdd8fda7fcd86d186c8bdc1fa2a8ffa26c6a03a22a"),
      (1_048_576, "6450e547baec5b517c371c9ec760ee0e85adf34488639f8470609bab32f1c0ae"),
      (1_048_577, "210f8b0d3b0821afd3fcc545d2c3de931481e73914318697593dcf1f1784b7ba"),
      (3_145_728, "ab9de3f60d84785b9413fdd92a5661ab54f47d956df513b6ddaf187b52d14ae6"),
      (2_109_497, "4fb021c7a0995526c9962d191c7419b0f95510b348f46f6647ae38ae92267e86"),
    ])
  func known(_ count: Int, _ expected: String) throws {
    let bytes = (0..<count).map { UInt8($0 % 251) }
    for size in [1 << 20, 700_001, 3_000_000] {
      #expect(try Self.hash(bytes, .blocks, by: size).hex == expected, "in parts of \(size)")
    }
    #expect(try Self.hash(bytes, .whole, by: 1 << 20) == bytes.withUnsafeBytes { try ContentHasher.hash($0) })
    let part = try #require(
      LogPart(
        .segment, at: LogGround.place(1), title: "", origin: LogOrigin(LogGround.server, hostname: "", name: ""),
        size: count))
    for workers in [1, 2] {
      let content = try LogPartCompressor(level: 3, of: part.content, workers: workers).compress(size: count) {
        try LogGround.give(bytes, to: $0)
      }
      #expect(content.hash.hex == expected)
      #expect(try content.hash(by: .whole) == Self.hash(bytes, .whole, by: 1 << 20))
    }
  }

  @Test("A hasher starts over")
  func again() throws {
    let hasher = try SegmentHasher(.blocks)
    let hashes = try (0..<2).map { _ in
      try [1, 2, 3].withUnsafeBytes { try hasher.update($0) }
      return try hasher.finish()
    }
    #expect(hashes[0] == hashes[1])
  }
}

@Suite("Objects of logs from before segments were hashed by their blocks")
struct EarlierLogTests {
  @Test("The same bytes are stored already, for a host's key too, and no others are taken for them")
  func same() throws {
    let ground = try LogGround()
    let host = try ground.host("host")
    let large = noise(2_500_000) + [UInt8](repeating: 0, count: 1_000_000)
    for repository in [try ground.open(), host] {
      try ground.putEarlier(1, with: repository)
      try ground.putEarlier(2, large, with: repository)
      #expect(try !ground.put(1, with: repository))
      #expect(try !ground.put(2, large, with: repository))
      for bytes in [LogGround.content(2), large, Array(LogGround.content(1).dropLast())] {
        #expect(throws: LogError.self) { try ground.put(1, bytes, with: repository) }
      }
      #expect(throws: LogError.self) { try ground.put(2, large.reversed(), with: repository) }
    }
    #expect(try ground.get(1) == LogGround.content(1))
    #expect(try ground.get(2) == large)
  }

  @Test("They are joined with others, and what comes back of them goes where it is the same, and else is told")
  func joined() throws {
    let ground = try LogGround()
    for number in 1...20 as ClosedRange<UInt64> {
      if number < 15 { try ground.putEarlier(number) } else { try ground.put(number) }
    }
    let early = try #require(try ground.names("segments").first)
    let bytes = try ground.store.get(try #require(ObjectName(early)))
    #expect(try ground.compact() == LogTidyingReport(joinedSegments: 20, joinedObjects: 1, deletedObjects: 20))
    try ground.expectWhole(1...20)
    #expect(try !ground.put(3) && !ground.put(17))
    try ground.store.put(try #require(ObjectName(early)), bytes)
    // With what was put twice just now.
    #expect(try ground.compact() == LogTidyingReport(deletedObjects: 3))
    #expect(ground.said.update { $0 } == [])
    try ground.putEarlier(2, LogGround.content(9))
    #expect(try ground.compact() == LogTidyingReport())
    #expect(ground.said.update { $0.filter { $0.contains("differ") }.count } == 1)
    try ground.expectWhole(1...20)
  }

  @Test("Pieces go once the whole segment stands, and stay where they are other bytes")
  func pieces() throws {
    let ground = try LogGround()
    try ground.put(1)
    for range in [0..<700, 300..<5000] {
      try ground.putEarlier(1, Array(LogGround.content(1)[range]), kind: .piece(range))
    }
    try ground.putEarlier(1, Array(LogGround.content(2)[0..<50]), kind: .piece(0..<50))
    try ground.put(1, Array(LogGround.content(1)[5..<50]), kind: .piece(5..<50))
    #expect(try ground.compact() == LogTidyingReport(deletedObjects: 3))
    #expect(try ground.names("files").count == 1)
    // The other way round: an earlier segment, and pieces of now.
    try ground.putEarlier(2)
    try ground.put(2, Array(LogGround.content(2)[0..<700]), kind: .piece(0..<700))
    try ground.put(2, Array(LogGround.content(3)[0..<50]), kind: .piece(0..<50))
    #expect(try ground.compact() == LogTidyingReport(deletedObjects: 1))
    #expect(try ground.names("files").count == 2)
    try ground.expectWhole(1...2)
  }
}
