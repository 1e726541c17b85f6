import Testing

@testable import CofferRepository

@Suite("Index")
struct IndexTests {
  private func id(_ number: Int) throws -> ChunkID {
    let hasher = try KeyedHasher(key: SecretBytes(copying: [UInt8](repeating: 1, count: 32)))
    return try Array("\(number)".utf8).withUnsafeBytes { try hasher.chunkID(of: $0) }
  }

  private func digest(_ byte: UInt8) -> Digest256 {
    [UInt8](repeating: byte, count: 32).withUnsafeBytes { Digest256($0) }
  }

  private func pack(_ byte: UInt8, _ numbers: Range<Int>) throws -> IndexedPack {
    IndexedPack(
      digest: digest(byte), kind: .data, size: 1000, plainSize: 5000,
      entries: try numbers.map { .init(id: try id($0), block: ($0 - numbers.lowerBound) / 10) })
  }

  @Test("Every chunk is found where it is, also after the table has grown many times")
  func lookup() throws {
    let index = ChunkIndex()
    index.add(try pack(1, 0..<3000))
    index.add(try pack(2, 3000..<5000))
    #expect(index.chunkCount == 5000)
    for number in [0, 9, 10, 2999, 3000, 4999] {
      let location = try #require(index.location(of: id(number)))
      #expect(location.pack == (number < 3000 ? 0 : 1))
      #expect(location.block == (number < 3000 ? number : number - 3000) / 10)
    }
    #expect(try index.presence(of: id(5000)) == .unknown)
    #expect(index.pack(1) == digest(2))
  }

  @Test("A chunk is claimed once, is pending until its pack is added, and the first pack wins")
  func claims() throws {
    let index = ChunkIndex()
    #expect(try index.claim(id(1)))
    #expect(try !index.claim(id(1)))
    #expect(try index.presence(of: id(1)) == .pending)
    #expect(try index.location(of: id(1)) == nil)
    index.add(try pack(1, 0..<2))
    index.add(try pack(2, 0..<2))
    #expect(try index.location(of: id(1)) == ChunkLocation(pack: 0, block: 0))
    #expect(try !index.claim(id(0)))
    #expect(index.chunkCount == 2)
  }

  @Test("A segment comes back from its encoding, and no truncation of it does")
  func segments() throws {
    let packs = [try pack(1, 0..<25), try pack(2, 25..<26)]
    let bytes = IndexSegment.encode(packs)
    #expect(try bytes.withUnsafeBytes { try IndexSegment.decode($0) } == packs)
    for count in stride(from: 1, to: bytes.count, by: 7) {
      #expect(throws: ByteReader.Malformed.self) {
        try Array(bytes[..<count]).withUnsafeBytes { try IndexSegment.decode($0) }
      }
    }
  }
}
