import Testing

@testable import CofferRepository

@Suite("Recipes")
struct RecipeTests {
  private final class Nodes {
    var stored: [ChunkID: [UInt8]] = [:]
    let hasher = ChunkHasher(key: SecretBytes(copying: [UInt8](repeating: 2, count: 32)))

    func id(_ number: Int) -> ChunkID {
      Array("\(number)".utf8).withUnsafeBytes { hasher.id(of: $0) }
    }

    func build(_ numbers: [Int]) throws -> StreamReference {
      var builder = try RecipeBuilder { node in
        let id = self.hasher.id(of: node)
        self.stored[id] = Array(node)
        return id
      }
      for number in numbers { try builder.append(id(number), length: number % 1000 + 1) }
      return try builder.finish()
    }

    var reader: RecipeReader {
      RecipeReader { id in
        guard let node = self.stored[id] else { throw RecipeReader.Malformed(node: id) }
        return node
      }
    }

    func read(_ stream: StreamReference) throws -> [RecipeReader.Entry] {
      var entries: [RecipeReader.Entry] = []
      try reader.forEachChunk(of: stream) { entries.append($0) }
      return entries
    }

    /// Reads with a cursor what `read` reads with a walk.
    func readOneByOne(_ stream: StreamReference) throws -> [RecipeReader.Entry] {
      var cursor = try RecipeCursor(reader, over: stream)
      var entries: [RecipeReader.Entry] = []
      while let entry = try cursor.next() { entries.append(entry) }
      #expect(try cursor.next() == nil)
      return entries
    }
  }

  @Test("Streams of any number of chunks come back in order", arguments: [0, 1, 2, 15, 16, 17, 500, 40_000])
  func roundTrip(count: Int) throws {
    let nodes = Nodes()
    let stream = try nodes.build(Array(0..<count))
    #expect(stream.chunkCount == UInt64(count))
    let expected = (0..<count).map { RecipeReader.Entry(id: nodes.id($0), size: UInt64($0 % 1000 + 1)) }
    #expect(try nodes.read(stream) == expected)
    #expect(try nodes.readOneByOne(stream) == expected)
    #expect(stream.size == expected.reduce(0) { $0 + $1.size })
    if count >= 40_000 { #expect(stream.depth >= 1) }
  }

  @Test("A change in the middle makes a few new nodes only")
  func sharing() throws {
    let nodes = Nodes()
    _ = try nodes.build(Array(0..<20_000))
    let before = nodes.stored.count
    _ = try nodes.build(Array(0..<10_000) + [99_999] + Array(10_000..<20_000))
    #expect(before > 100)
    #expect(nodes.stored.count - before <= 8)
  }

  @Test("Of a changed stream only the nodes are told of beforehand that are going to be entered")
  func expectedNodes() throws {
    let nodes = Nodes()
    let old = try nodes.build(Array(0..<20_000))
    let new = try nodes.build(Array(0..<10_000) + [99_999] + Array(10_000..<20_000))
    var walked: Set<ChunkID> = []
    var expected: [ChunkID] = []
    var reader = nodes.reader
    reader.expect = { expected += $0.map(\.id) }
    for stream in [old, new] {
      expected = []
      var entered: [ChunkID] = []
      try reader.forEachChunk(
        of: stream,
        entersNode: { id in
          guard walked.insert(id).inserted else { return false }
          entered.append(id)
          return true
        }, expects: { !walked.contains($0) }, { _ in })
      let root = try #require(stream.root)
      #expect(entered.count > 1)
      #expect(Set(expected) == Set(entered).subtracting([root]))
    }
    #expect(expected.count <= 8)
  }

  @Test("A stream's hash depends on every chunk, its length and its place")
  func hash() throws {
    let nodes = Nodes()
    let hashes = try [[1, 2, 3], [1, 3, 2], [1, 2], [1, 2, 3, 3], []].map { try nodes.build($0).hash }
    #expect(Set(hashes).count == 5)
    #expect(try nodes.build([1, 2, 3]).hash == hashes[0])
  }

  @Test("A recipe with a missing or foreign node is an error, never a shorter stream")
  func damage() throws {
    let nodes = Nodes()
    let stream = try nodes.build(Array(0..<5000))
    let all = nodes.stored
    for id in all.keys {
      nodes.stored = all
      nodes.stored[id] = nil
      #expect(throws: RecipeReader.Malformed.self) { try nodes.read(stream) }
      #expect(throws: RecipeReader.Malformed.self) { try nodes.readOneByOne(stream) }
      nodes.stored[id] = Array(all[id]!.dropLast())
      #expect(throws: RecipeReader.Malformed.self) { try nodes.read(stream) }
      #expect(throws: RecipeReader.Malformed.self) { try nodes.readOneByOne(stream) }
    }
    var deep = stream
    deep.depth = 200
    nodes.stored = all
    #expect(throws: RecipeReader.Malformed.self) { try nodes.read(deep) }
    #expect(throws: RecipeReader.Malformed.self) { try nodes.readOneByOne(deep) }
  }
}
