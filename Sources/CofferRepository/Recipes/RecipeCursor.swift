import CofferSystem

/// Gives a stream's chunks in order, one each time it is asked: for those who may not want all of them.
struct RecipeCursor {
  private let reader: RecipeReader
  private let depth: Int
  /// What is left of each node on the way to the next chunk, the root's own entry first.
  private var path: [ArraySlice<RecipeReader.Entry>] = []
  /// The node that the chunk which was given last is listed in.
  private(set) var node = ChunkID.zero

  /// - Throws: `RecipeReader.Malformed`.
  init(_ reader: RecipeReader, over stream: StreamReference) throws {
    self.reader = reader
    depth = Int(stream.depth)
    guard let root = stream.root else { return }
    guard stream.depth < RecipeBuilder.depthLimit else { throw RecipeReader.Malformed(node: root) }
    path = [[RecipeReader.Entry(id: root, size: stream.size)]]
  }

  /// - Returns: nil behind the last chunk.
  /// - Throws: `RecipeReader.Malformed`, and what fetching a node throws.
  mutating func next() throws -> RecipeReader.Entry? {
    while let rest = path.last {
      guard let entry = rest.first else {
        path.removeLast()
        continue
      }
      path[path.count - 1].removeFirst()
      let level = depth + 1 - path.count
      guard level >= 0 else { return entry }
      path.append(try reader.entries(of: entry, level: level)[...])
      if level == 0 { node = entry.id }
    }
    return nil
  }
}
