/// Walks a recipe and gives the stream's chunks in order.
struct RecipeReader {
  struct Entry: Sendable, Equatable {
    let id: ChunkID
    let size: UInt64
  }

  /// A node that cannot be what the builder wrote.
  struct Malformed: Error, Equatable {
    let node: ChunkID
  }

  /// Returns a node's bytes by its id; the caller checks them against it.
  let fetchNode: (ChunkID) throws -> [UInt8]

  /// Calls `body` with every chunk of the stream in order.
  ///
  /// - Throws: `Malformed`, and what fetching and `body` throw.
  func forEachChunk(of stream: StreamReference, _ body: (Entry) throws -> Void) throws {
    guard let root = stream.root else { return }
    guard stream.depth < RecipeBuilder.depthLimit else { throw Malformed(node: root) }
    try walk(root, level: Int(stream.depth), visitNode: { _ in true }, body)
  }

  /// Calls `body` with the chunks and `visitNode` with every node, which may leave out what is below it.
  func walk(
    _ node: ChunkID, level: Int, visitNode: (ChunkID) throws -> Bool, _ body: (Entry) throws -> Void
  ) throws {
    guard try visitNode(node) else { return }
    for entry in try entries(of: node, level: level) {
      if level == 0 {
        try body(entry)
      } else {
        try walk(entry.id, level: level - 1, visitNode: visitNode, body)
      }
    }
  }

  private func entries(of node: ChunkID, level: Int) throws -> [Entry] {
    let bytes = try fetchNode(node)
    return try bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      var entries: [Entry] = []
      do {
        guard try reader.byte() == UInt8(level) else { throw Malformed(node: node) }
        while reader.remaining > 0 {
          entries.append(Entry(id: try reader.id(), size: try reader.varint()))
        }
      } catch is ByteReader.Malformed {
        throw Malformed(node: node)
      }
      guard !entries.isEmpty, entries.count <= RecipeBuilder.entryRange.upperBound else {
        throw Malformed(node: node)
      }
      return entries
    }
  }
}
