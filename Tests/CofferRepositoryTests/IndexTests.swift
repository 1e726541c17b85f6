import Foundation
import Testing

@testable import CofferRepository

let testCacheKey = SecretBytes(copying: [UInt8](repeating: 3, count: 32))

/// A chunk id like those of content, the same for the same number.
func id(_ number: Int) -> ChunkID {
  let hasher = ChunkHasher(key: SecretBytes(copying: [UInt8](repeating: 1, count: 32)))
  return Array("\(number)".utf8).withUnsafeBytes { hasher.id(of: $0) }
}

extension ChunkIndex.Claim {
  var isNew: Bool { if case .new = self { true } else { false } }
}

func digest(_ byte: UInt8) -> Digest256 {
  [UInt8](repeating: byte, count: 32).withUnsafeBytes { Digest256($0) }
}

/// A pack with the chunks of these numbers, ten in a block.
func pack(_ byte: UInt8, _ numbers: Range<Int>) -> IndexedPack {
  IndexedPack(
    digest: digest(byte), kind: .data, size: 1000, plainSize: 5000,
    entries: numbers.map { .init(id: id($0), length: 1000 + $0, block: ($0 - numbers.lowerBound) / 10) })
}

@Suite("Index")
struct IndexTests {
  @Test("Every chunk is found where it is, also after the table has grown many times")
  func lookup() throws {
    let index = ChunkIndex()
    try index.add(pack(1, 0..<3000))
    try index.add(pack(2, 3000..<5000))
    #expect(index.chunkCount == 5000)
    for number in [0, 9, 10, 2999, 3000, 4999] {
      let location = try #require(index.location(of: id(number)))
      #expect(location.pack == digest(number < 3000 ? 1 : 2))
      #expect(location.block == (number < 3000 ? number : number - 3000) / 10)
    }
    #expect(index.presence(of: id(5000)) == .unknown)
  }

  @Test("A chunk is claimed once, is pending until its pack is added, and the first pack wins")
  func claims() throws {
    let index = ChunkIndex()
    #expect(index.claim(id(1)).isNew)
    #expect(!index.claim(id(1)).isNew)
    #expect(index.presence(of: id(1)) == .pending)
    #expect(index.location(of: id(1)) == nil)
    try index.add(pack(1, 0..<2))
    try index.add(pack(2, 0..<2))
    #expect(index.location(of: id(1)) == BlockPlace(pack: digest(1), block: 0))
    #expect(!index.claim(id(0)).isNew)
    #expect(index.chunkCount == 2)
  }

  @Test("A segment comes back from its encoding, and no truncation of it does")
  func segments() throws {
    let packs = [pack(1, 0..<25), pack(2, 25..<26)]
    let bytes = IndexSegment.encode(packs)
    #expect(try bytes.withUnsafeBytes { try IndexSegment.decode($0).packs } == packs)
    for count in stride(from: 1, to: bytes.count, by: 7) {
      #expect(throws: ByteReader.Malformed.self) {
        try Array(bytes[..<count]).withUnsafeBytes { try IndexSegment.decode($0) }
      }
    }
  }

  @Test("A table that has grown large becomes runs, and every chunk is found as before", arguments: [false, true])
  func spilling(usesFiles: Bool) throws {
    let folder = NSTemporaryDirectory() + "coffer-index-\(UInt64.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let cache = IndexCache(folder: usesFiles ? CacheFolder(folder) : nil, key: testCacheKey, random: .system)
    let index = ChunkIndex(cache: cache, tableLimit: 500)
    #expect(index.claim(id(-1)).isNew)
    for number in 0..<30 { try index.add(pack(UInt8(number + 1), number * 200..<number * 200 + 200)) }
    for number in stride(from: 0, to: 6000, by: 7) {
      let location = try #require(index.location(of: id(number)))
      #expect(location == BlockPlace(pack: digest(UInt8(number / 200 + 1)), block: number % 200 / 10))
      #expect(!index.claim(id(number)).isNew)
    }
    #expect(index.presence(of: id(-1)) == .pending)
    #expect(index.presence(of: id(6000)) == .unknown)
    #expect(index.chunkCount == 6001)
    // A session's own runs are for nobody else.
    #expect((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] == [])
  }
}
