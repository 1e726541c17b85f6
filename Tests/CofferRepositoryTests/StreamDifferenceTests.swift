import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("What two streams do not have in common")
struct StreamDifferenceTests {
  /// Nodes by their ids, and which of them were asked for.
  private final class Nodes {
    var stored: [ChunkID: [UInt8]] = [:]
    var fetched: [ChunkID] = []
    let hasher = ChunkHasher(key: SecretBytes(copying: [UInt8](repeating: 2, count: 32)))

    /// - Parameter chunks: Numbers of different chunks; their lengths are made of them.
    func build(_ chunks: [Int]) throws -> StreamReference {
      var builder = try RecipeBuilder { node in
        let id = self.hasher.id(of: node)
        self.stored[id] = Array(node)
        return id
      }
      for number in chunks {
        try builder.append(Array("\(number)".utf8).withUnsafeBytes { hasher.id(of: $0) }, length: Self.length(number))
      }
      return try builder.finish()
    }

    static func length(_ chunk: Int) -> Int { chunk % 1000 + 1 }

    static func bytes(_ chunks: Set<Int>) -> UInt64 { UInt64(chunks.reduce(0) { $0 + length($1) }) }

    func difference(_ old: StreamReference, _ new: StreamReference) throws -> StreamDifference {
      fetched = []
      let reader = RecipeReader { id in
        self.fetched.append(id)
        guard let node = self.stored[id] else { throw RecipeReader.Malformed(node: id) }
        return node
      }
      return try reader.difference(from: old, to: new)
    }
  }

  @Test("Edits, growth, removal and what has nothing in common, at every size")
  func known() throws {
    let nodes = Nodes()
    for count in [0, 1, 17, 500, 40_000] {
      let old = Array(0..<count)
      var edited = old
      for place in stride(from: 0, to: count, by: 997) { edited[place] = 1_000_000 + place }
      let others = [
        old, [], edited, Array(old.dropLast(count / 2)), old + (2_000_000..<2_000_100), Array(5_000_000..<5_000_050),
      ]
      for new in others {
        let difference = try nodes.difference(try nodes.build(old), try nodes.build(new))
        let expected = StreamDifference(
          added: Nodes.bytes(Set(new).subtracting(old)), removed: Nodes.bytes(Set(old).subtracting(new)))
        #expect(difference == expected, "\(count) chunks")
      }
    }
  }

  @Test("A chunk that is repeated counts once")
  func repeated() throws {
    let nodes = Nodes()
    let difference = try nodes.difference(
      try nodes.build([1, 2, 3]), try nodes.build([1] + [Int](repeating: 7, count: 3000)))
    #expect(difference == StreamDifference(added: Nodes.bytes([7]), removed: Nodes.bytes([2, 3])))
  }

  @Test("Only nodes that differ are fetched, and none when the streams are the same")
  func frugal() throws {
    let nodes = Nodes()
    let old = Array(0..<100_000)
    var new = old
    new[50_000] = 1_000_000
    let (before, after) = (try nodes.build(old), try nodes.build(new))
    _ = try nodes.difference(before, before)
    #expect(nodes.fetched.isEmpty)
    #expect(try nodes.difference(before, after).added == UInt64(Nodes.length(1_000_000)))
    #expect(nodes.fetched.count <= 4 * (Int(before.depth) + 1), "\(nodes.fetched.count) of \(nodes.stored.count)")
  }

  @Test("Nodes that lead back to themselves, or are missing, end it with an error")
  func hostile() throws {
    let nodes = Nodes()
    let honest = try nodes.build(Array(0..<10_000))
    var missing = honest
    missing.root = Array("nothing".utf8).withUnsafeBytes { nodes.hasher.id(of: $0) }
    missing.size += 1
    #expect(throws: RecipeReader.Malformed.self) { try nodes.difference(honest, missing) }
    var deep = honest
    deep.depth = 200
    deep.size += 1
    #expect(throws: RecipeReader.Malformed.self) { try nodes.difference(deep, honest) }
    #expect(throws: RecipeReader.Malformed.self) { try nodes.difference(honest, deep) }
    // A node that says to be its own child.
    let id = Array("circle".utf8).withUnsafeBytes { nodes.hasher.id(of: $0) }
    var bytes = ByteWriter()
    bytes.byte(1)
    bytes.id(id)
    bytes.varint(10)
    nodes.stored[id] = bytes.bytes
    let circle = StreamReference(root: id, depth: 1, size: 10, chunkCount: 1, hash: honest.hash)
    #expect(throws: RecipeReader.Malformed.self) { try nodes.difference(honest, circle) }
  }
}
