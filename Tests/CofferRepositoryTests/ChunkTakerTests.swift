import CofferSystem
import Testing

@testable import CofferRepository

@Suite("Taking chunks off a stream")
struct ChunkTakerTests {
  private let chunker: Chunker
  private let hasher = ChunkHasher(key: SecretBytes(copying: [UInt8](repeating: 5, count: 32)))

  init() throws {
    chunker = try Chunker(parameters: .standard, key: SecretBytes(copying: [UInt8](repeating: 7, count: 32)))
  }

  /// The chunks of a stream, as one finds them who knows what is in the index.
  private func chunks(of bytes: [UInt8], in index: ChunkIndex) throws -> [ChunkTaker.Chunk] {
    var taker = ChunkTaker(chunker: chunker, hasher: hasher, index: index)
    var chunks: [ChunkTaker.Chunk] = []
    try StreamChunker(maximum: chunker.parameters.maximum).forEachChunk(
      of: PiecewiseSource(bytes, sizes: [1 << 20]), didRead: { _ in },
      take: { rest in
        let chunk = taker.next(in: rest)
        chunks.append(chunk)
        return chunk.length
      })
    return chunks
  }

  /// An index of what other streams left, each in a run of its own.
  private func index(of streams: [[UInt8]]) throws -> ChunkIndex {
    let cache = IndexCache.inMemory()
    var runs: [IndexRun] = []
    for (number, stream) in streams.enumerated() {
      let fresh = try chunks(of: stream, in: ChunkIndex(runs: runs)).filter(\.isNew)
      let pack = IndexedPack(
        digest: digest(UInt8(number)), kind: .data, size: 1, plainSize: 1,
        entries: fresh.enumerated().map { .init(id: $1.id, length: $1.length, block: $0 / 50) })
      let made = try cache.make(of: [pack], signer: KeyID([UInt8](repeating: 0, count: 16)), sources: [])
      runs.append(try #require(made).run)
    }
    return ChunkIndex(runs: runs)
  }

  /// A stream with some of its bytes changed, lost, or new ones between them.
  private func edited(_ bytes: [UInt8], seed: UInt64) -> [UInt8] {
    var edited = bytes
    for (number, place) in noise(12, seed: seed).enumerated() {
      let position = edited.count * Int(place) / 256
      switch number % 4 {
      case 0: edited[position] ^= 1
      case 1: edited.removeSubrange(position..<min(position + 3000, edited.count))
      case 2: edited.insert(contentsOf: noise(5000, seed: UInt64(number)), at: position)
      default: edited.insert(contentsOf: edited[..<9000], at: position)
      }
    }
    return edited
  }

  @Test("What is stored already changes no cut and no id (I6)", arguments: [1, 2, 3] as [UInt64])
  func independence(seed: UInt64) throws {
    let first = dumpLikeBytes(2_000_000, seed: seed)
    let second = edited(first, seed: seed + 10)
    let third = edited(second, seed: seed + 20)
    for known in [[first], [first, second], [Array(first[..<1_000_003]), second], [third]] {
      let index = try index(of: known)
      for stream in [first, second, third, Array(third.dropFirst(5000)), Array(first.prefix(700_001))] {
        let expected = try chunks(of: stream, in: ChunkIndex())
        let actual = try chunks(of: stream, in: index)
        #expect(actual.map(\.length) == expected.map(\.length))
        #expect(actual.map(\.id) == expected.map(\.id))
      }
    }
  }

  @Test("A chunk is new once, and never when it is stored")
  func news() throws {
    let stream = dumpLikeBytes(500_000, seed: 4)
    let index = try index(of: [stream])
    #expect(try chunks(of: stream, in: index).allSatisfy { !$0.isNew })
    let other = dumpLikeBytes(500_000, seed: 5)
    let found = try chunks(of: other + other, in: index)
    #expect(Set(found.filter(\.isNew).map(\.id)).count == found.filter(\.isNew).count)
    #expect(Set(found.map(\.id)) == Set(found.filter(\.isNew).map(\.id)))
  }

  @Test("The end of a stream, which is no cut, is not taken for one in the middle of another")
  func streamEnds() throws {
    let stream = dumpLikeBytes(400_000, seed: 6)
    // Ends in the middle of a chunk, which is stored although nothing but the end of the stream cut it.
    let short = Array(stream[..<203_000])
    let expected = try chunks(of: stream, in: ChunkIndex())
    #expect(try chunks(of: stream, in: try index(of: [short])).map(\.length) == expected.map(\.length))
  }
}
