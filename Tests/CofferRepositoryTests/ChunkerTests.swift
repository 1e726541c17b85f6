import CofferSystem
import Testing

@testable import CofferRepository

@Suite("Chunker")
struct ChunkerTests {
  private let chunker: Chunker

  init() throws {
    chunker = try Chunker(parameters: .standard, key: SecretBytes(copying: [UInt8](repeating: 7, count: 32)))
  }

  private func cuts(_ bytes: [UInt8], sizes: [Int] = [1 << 20], with other: Chunker? = nil) throws -> [Int] {
    var lengths: [Int] = []
    var rejoined: [UInt8] = []
    let chunker = other ?? chunker
    try StreamChunker(maximum: chunker.parameters.maximum).forEachChunk(
      of: PiecewiseSource(bytes, sizes: sizes), didRead: { _ in },
      take: { rest in
        let length = chunker.nextChunkLength(in: rest)
        lengths.append(length)
        rejoined.append(contentsOf: rest[..<length])
        return length
      })
    #expect(rejoined == bytes)
    return lengths
  }

  @Test("The cut points of known bytes are known: they must never change")
  func knownAnswer() throws {
    let actual = try cuts(dumpLikeBytes(100_000))
    #expect(actual == Self.knownCuts, "\(actual)")
  }

  @Test("Chunks keep to minimum and maximum and come near the target")
  func lengths() throws {
    for bytes in [dumpLikeBytes(4_000_000), noise(4_000_000)] {
      let lengths = try cuts(bytes)
      #expect(lengths.dropLast().allSatisfy { (2048...65536).contains($0) })
      let mean = bytes.count / lengths.count
      #expect((7000...12000).contains(mean))
    }
    #expect(try cuts([UInt8](repeating: 0, count: 200_000)) == [65536, 65536, 65536, 3392])
  }

  @Test("Cut points do not depend on how the reads are sized (I6)")
  func readSizes() throws {
    let bytes = dumpLikeBytes(2_500_000, seed: 3)
    let expected = try cuts(bytes)
    for sizes in [[1], [4096], [65_536], [1, 70_000, 3], [1 << 20], [999_983], [64 << 10, 1, 1 << 20]] {
      let part = sizes == [1] ? Array(bytes[..<300_000]) : bytes
      let wanted = sizes == [1] ? try cuts(part) : expected
      #expect(try cuts(part, sizes: sizes) == wanted)
    }
  }

  @Test("After an edit the cut points fall into step again", arguments: [0, 1, 5000, 400_000, 999_000])
  func resynchronisation(position: Int) throws {
    let bytes = dumpLikeBytes(1_000_000, seed: 5)
    let before = Set(try ends(bytes))
    for edit in [Array("inserted".utf8), noise(3000, seed: 9)] {
      let edited = Array(bytes[..<position] + edit + bytes[position...])
      let shifted = Set(try ends(edited).map { $0 - edit.count })
      let lost = before.filter { $0 > position && !shifted.contains($0) }
      #expect(lost.allSatisfy { $0 < position + 200_000 })
      #expect(lost.count <= 12)
    }
  }

  private func ends(_ bytes: [UInt8]) throws -> [Int] {
    var end = 0
    return try cuts(bytes).map {
      end += $0
      return end
    }
  }

  @Test(
    "Where a chunk may be cut is known from its last bytes, and its cut is the first such place",
    // Lengths that four at a time do not come out at.
    arguments: [.standard, ChunkerParameters(target: 256, minimum: 65, maximum: 1003)].compactMap { $0 })
  func cutConditions(parameters: ChunkerParameters) throws {
    let chunker = try Chunker(
      parameters: parameters, key: SecretBytes(copying: [UInt8](repeating: 7, count: ChunkID.size * 2)))
    for bytes in [dumpLikeBytes(300_000), noise(300_000), [UInt8](repeating: 0, count: 200_000)] {
      bytes.withUnsafeBytes { bytes in
        var rest = bytes[...]
        while !rest.isEmpty {
          let chunk = UnsafeRawBufferPointer(rebasing: rest)
          let length = chunker.nextChunkLength(in: chunk)
          let first = (1...chunk.count).first { chunker.mayCut(chunk, at: $0) }
          // The end of a stream is none of the places where chunks are cut.
          #expect(first ?? chunk.count == length)
          rest = rest.dropFirst(length)
        }
      }
    }
  }

  @Test("Another key cuts elsewhere")
  func keyed() throws {
    let other = try Chunker(parameters: .standard, key: SecretBytes(copying: [UInt8](repeating: 8, count: 32)))
    let bytes = dumpLikeBytes(500_000)
    #expect(try cuts(bytes) != cuts(bytes, with: other))
  }

  private static let knownCuts = [13170, 9088, 8563, 6990, 9290, 8606, 8481, 2140, 8658, 10167, 2128, 12719]

  @Test("Parameters out of bounds are refused")
  func parameters() {
    #expect(ChunkerParameters(target: 8000, minimum: 2048, maximum: 65536) == nil)
    #expect(ChunkerParameters(target: 8192, minimum: 8192, maximum: 65536) == nil)
    #expect(ChunkerParameters(target: 8192, minimum: 2048, maximum: 1 << 21) == nil)
    #expect(ChunkerParameters(target: 4096, minimum: 1024, maximum: 32768) != nil)
  }
}
