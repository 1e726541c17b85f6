import CofferStorage
import CofferSystem
import Testing

@testable import CofferRepository

@Suite("What a stream was before")
struct PredecessorTests {
  private let hasher = ChunkHasher(key: SecretBytes(copying: [UInt8](repeating: 2, count: 32)))

  private func id(_ number: Int) -> ChunkID {
    Array("\(number)".utf8).withUnsafeBytes { hasher.id(of: $0) }
  }

  private func predecessor(_ numbers: [Int]) throws -> Predecessor {
    var nodes: [ChunkID: [UInt8]] = [:]
    var builder = try RecipeBuilder { node in
      let id = hasher.id(of: node)
      nodes[id] = Array(node)
      return id
    }
    for number in numbers { try builder.append(id(number), length: 100) }
    let stream = try builder.finish()
    let stored = nodes
    return try Predecessor(
      stream,
      recipes: RecipeReader { id in
        guard let node = stored[id] else { throw RecipeReader.Malformed(node: id) }
        return node
      })
  }

  @Test("It tells the chunks between two neighbours, in order, all along a stream that its window does not hold")
  func between() throws {
    let before = try predecessor(Array(0..<120_000))
    for first in stride(from: 0, to: 119_990, by: 997) {
      let found = try before.chunks(between: id(first), and: id(first + 4))
      #expect(found.map(Array.init) == (first + 1..<first + 4).map(id))
    }
    #expect(try before.chunks(between: id(119_998), and: id(119_999)).map(Array.init) == [])
  }

  @Test("Neighbours that are unknown, in the other order or far apart say nothing, and the next ones are found")
  func strangers() throws {
    let before = try predecessor(Array(0..<5000))
    #expect(try before.chunks(between: id(9_999_999), and: id(3)) == nil)
    #expect(try before.chunks(between: id(3), and: id(9_999_999)) == nil)
    #expect(try before.chunks(between: id(7), and: id(3)) == nil)
    #expect(try before.chunks(between: id(7), and: id(7)) == nil)
    #expect(try before.chunks(between: id(10), and: id(4000)) == nil)
    #expect(try before.chunks(between: id(10), and: id(12)).map(Array.init) == [id(11)])
    #expect(try before.chunks(between: id(4990), and: id(4992)).map(Array.init) == [id(4991)])
  }

  @Test("What comes after a long stretch that is unknown here is found as far as it looks, and no further")
  func reach() throws {
    let before = try predecessor(Array(0..<100_000))
    #expect(try before.chunks(between: id(16_000), and: id(16_002)).map(Array.init) == [id(16_001)])
    #expect(try before.chunks(between: id(90_000), and: id(90_002)) == nil)
    #expect(try before.chunks(between: id(32_000), and: id(32_002)).map(Array.init) == [id(32_001)])
  }

  @Test("It tells the nodes that listed what a node lists now, all along the stream, and none of strangers")
  func nodes() throws {
    let before = try predecessor(Array(0..<120_000))
    var all: Set<ChunkID> = []
    for first in stride(from: 0, to: 119_000, by: 150) {
      let listed = (first..<first + 150).map { $0.isMultiple(of: 7) ? id(-$0 - 1) : id($0) }
      let found = try before.nodes(listing: listed)
      #expect((1...8).contains(found.count) && Set(found).count == found.count)
      all.formUnion(found)
    }
    #expect(all.count > 500)
    #expect(try before.nodes(listing: []).isEmpty)
    #expect(try before.nodes(listing: (-50..<(-1)).map(id)).isEmpty)
    let whole = try predecessor(Array(0..<5000))
    #expect(try whole.nodes(listing: (0..<5000).map(id)).isEmpty)
    #expect(try whole.nodes(listing: [id(0)]) != whole.nodes(listing: [id(4999)]))
    #expect(try whole.nodes(listing: [id(0), id(4999)]) == whole.nodes(listing: [id(4999), id(0)]))
  }

  @Test("Stretches of a base that touch are joined, and each byte of an edit has its place")
  func base() throws {
    let pack = try #require(Digest256(hex: String(repeating: "01", count: 32)))
    func segment(_ block: Int, _ offset: Int, _ length: Int) -> PackDirectory.Segment {
      .init(pack: pack, block: block, offset: offset, length: length)
    }
    var base = EditBase()
    #expect(base.place(of: 0) == nil)
    for part in [segment(0, 0, 100), segment(1, 0, 50), segment(0, 90, 60), segment(1, 50, 5), segment(0, 200, 10)] {
      base.add(part)
    }
    base.add(segment(0, 20, 0))
    #expect(base.segments == [segment(0, 0, 150), segment(1, 0, 55), segment(0, 200, 10)])
    #expect(base.length == 215)
    base.replace(segment(0, 40, 20))
    base.replace(segment(1, 7, 3))
    #expect(base.place(of: 0) == segment(0, 40, 1))
    #expect(base.place(of: 19) == segment(0, 59, 1))
    #expect(base.place(of: 20) == segment(1, 7, 1))
    #expect(base.place(of: 5000) == segment(1, 9, 1))
  }

  @Test("A cache that weighs its values keeps those used last, and the newest however heavy it is")
  func weights() throws {
    let cache = SharedCache<Int, [UInt8]>(capacity: 100, weigh: { $0.count })
    var made: [Int] = []
    func use(_ key: Int, _ weight: Int) throws {
      _ = try cache.value(of: key) {
        made.append(key)
        return [UInt8](repeating: 0, count: weight)
      }
    }
    for key in 0..<5 { try use(key, 20) }
    try use(0, 20)
    try use(5, 20)  // 120: what was used longest ago, 1 and 2, goes.
    for key in [0, 3, 4, 5] { try use(key, 20) }
    #expect(made == [0, 1, 2, 3, 4, 5])
    try use(1, 20)
    #expect(made == [0, 1, 2, 3, 4, 5, 1])
    try use(6, 1000)
    try use(6, 1000)
    try use(3, 20)
    #expect(made == [0, 1, 2, 3, 4, 5, 1, 6, 3])
  }
}
