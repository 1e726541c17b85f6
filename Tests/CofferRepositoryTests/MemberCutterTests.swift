import CofferSystem
import Testing

@testable import CofferRepository

@Suite("Cutting an archive of a server's files")
struct MemberCutterTests {
  private let chunker: Chunker
  private let hasher = ChunkHasher(key: SecretBytes(copying: [UInt8](repeating: 5, count: 32)))

  init() throws {
    chunker = try Chunker(parameters: .standard, key: SecretBytes(copying: [UInt8](repeating: 7, count: 32)))
  }

  /// A member as tar has them.
  private func member(_ name: String, _ content: [UInt8], kind: Character = "0", size: [UInt8]? = nil) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    func set(_ bytes: [UInt8], _ place: Int) { block.replaceSubrange(place..<place + bytes.count, with: bytes) }
    let octal = String(content.count, radix: 8)
    set(Array(name.utf8), 0)
    set(size ?? Array((String(repeating: "0", count: 11 - octal.count) + octal + " ").utf8), 124)
    set(Array(String(kind).utf8), 156)
    set(Array("ustar".utf8), 257)
    // Its own place counts as spaces.
    let sum = String(block.reduce(8 * 32) { $0 + Int($1) }, radix: 8)
    set(Array((String(repeating: "0", count: 6 - sum.count) + sum + "\0 ").utf8), 148)
    return block + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
  }

  private func chunks(
    _ bytes: [UInt8], sizes: [Int] = [1 << 20], of content: BlockContent = .pages, in index: ChunkIndex = ChunkIndex()
  ) throws -> [ChunkTaker.Chunk] {
    var taker = ChunkTaker(chunker: chunker, hasher: hasher, index: index, of: content)
    var chunks: [ChunkTaker.Chunk] = []
    try StreamChunker(maximum: chunker.parameters.maximum).forEachChunk(
      of: PiecewiseSource(bytes, sizes: sizes), didRead: { _ in },
      take: { rest in
        let chunk = taker.next(in: rest)
        chunks.append(chunk)
        return chunk.length
      })
    #expect(chunks.reduce(0) { $0 + $1.length } == bytes.count)
    return chunks
  }

  private func lengths(_ bytes: [UInt8], sizes: [Int] = [1 << 20]) throws -> [Int] {
    try chunks(bytes, sizes: sizes).map(\.length)
  }

  private static let end = [UInt8](repeating: 0, count: 1024)

  @Test("A member's chunks begin with it and end behind every two pages: these places must never change")
  func places() throws {
    let archive =
      member("label", Array("START".utf8)) + member("base/", [], kind: "5") + member("base/1", noise(3 * 8192, seed: 1))
      + member("base/2", noise(40_000, seed: 2)) + member("base/3", []) + member("link", [], kind: "2") + Self.end
    let expected = [1024, 512, 512 + 16_384, 8192, 512 + 16_384, 16_384, 7680, 512, 512, 1024]
    for sizes in [[1 << 20], [1000], [8191, 1, 70_000]] { #expect(try lengths(archive, sizes: sizes) == expected) }
  }

  @Test("A changed page is one new chunk, and a new member moves nothing")
  func changes() throws {
    let pages = noise(64 * 8192, seed: 3)
    var changed = pages
    changed[20 * 8192 + 77] ^= 1
    let index = ChunkIndex()
    let first = try chunks(member("a", noise(9000, seed: 4)) + member("b", pages) + Self.end, in: index)
    #expect(first.allSatisfy { $0.isNew })
    let second = try chunks(
      member("a", noise(9000, seed: 4)) + member("aa", noise(777, seed: 5)) + member("b", changed) + Self.end, in: index
    )
    #expect(second.filter(\.isNew).map(\.length) == [512 + 1024, 16_384])
    // The block before a member says how long it is; of its content only what it ends with is another chunk.
    let odd = Array(pages.dropLast(8192))
    let third = try chunks(member("c", odd) + member("d", noise(100, seed: 6)) + Self.end, in: index)
    #expect(third.filter(\.isNew).map(\.length) == [512 + 16_384, 8192, 512 + 512])
    let grown = try chunks(member("c", pages) + member("d", noise(100, seed: 6)) + Self.end, in: index)
    #expect(grown.filter(\.isNew).map(\.length) == [512 + 16_384])
  }

  @Test("What is stored already is found without a look at the index, and changes no cut")
  func known() throws {
    let archive = member("a", noise(300_000, seed: 6)) + member("b", noise(100_000, seed: 7)) + Self.end
    let expected = try chunks(archive)
    // Also where it was stored as another stream was cut.
    for content in [BlockContent.pages, .any] {
      let stored = try chunks(archive, of: content)
      let pack = IndexedPack(
        digest: digest(1), kind: .data, size: 1, plainSize: 1,
        entries: stored.enumerated().map { .init(id: $1.id, length: $1.length, block: $0 / 50) })
      let made = try IndexCache.inMemory().make(
        of: [pack], signer: KeyID([UInt8](repeating: 0, count: 16)), sources: [])
      let found = try chunks(archive, in: ChunkIndex(runs: [#require(made).run]))
      #expect(found.map(\.id) == expected.map(\.id) && found.map(\.length) == expected.map(\.length))
      #expect(content == .any || found.allSatisfy { !$0.isNew })
    }
  }

  @Test("What is no member, or has no end, is cut like everything else")
  func strange() throws {
    let text = dumpLikeBytes(300_000, seed: 8)
    #expect(try lengths(text) == chunks(text, of: .any).map(\.length))
    let start = member("a", noise(20_000, seed: 9))
    #expect(try lengths(start + text) == [512 + 16_384, 4096] + chunks(text, of: .any).map(\.length))
    let sizes = [
      Array("99999999999 ".utf8), [UInt8](repeating: 0xff, count: 12), [0x80] + [UInt8](repeating: 0xff, count: 11),
    ]
    for size in sizes {
      let strange = member("a", text, size: size)
      #expect(try lengths(strange) == chunks(strange, of: .any).map(\.length))
    }
    // Larger than what is there.
    let huge = [0x80] + [UInt8](repeating: 0, count: 6) + [1, 0, 0, 0, 0]
    let cut = Array(member("a", noise(50_000, seed: 10), size: huge).prefix(512 + 16_384 * 2 + 100))
    #expect(try lengths(cut) == [512 + 16_384, 16_384, 100])
    #expect(try lengths(Array(start.prefix(300))) == [300])
  }
}
