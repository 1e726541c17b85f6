import CofferSystem

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
  /// Told of nodes that are going to be fetched, in their order.
  var expect: ([Entry]) throws -> Void = { _ in }

  /// Calls `body` with every chunk of the stream in order.
  ///
  /// What a node says must come to what its parent says of it, and all of it to what the stream's reference says: so the
  /// walk ends, also one over nodes that lead back to themselves.
  ///
  /// - Parameters:
  ///   - entersNode: Asked for each node before it is fetched; what is below one that is not entered is passed over.
  ///   - expects: Whether a node is going to be entered, as far as that is known when its parent is read.
  ///   - unreadable: Takes nodes that cannot be read, with what is below them, and the error; it may throw that.
  /// - Throws: `Malformed`, and what fetching and the closures throw.
  func forEachChunk(
    of stream: StreamReference, entersNode: (ChunkID) throws -> Bool = { _ in true },
    expects: (ChunkID) -> Bool = { _ in true }, _ body: (Entry) throws -> Void,
    unreadable: (Entry, any Error) throws -> Void = { throw $1 }
  ) throws {
    guard let root = stream.root else { return }
    guard stream.depth < RecipeBuilder.depthLimit else { throw Malformed(node: root) }
    let node = Entry(id: root, size: stream.size)
    try walk(node, level: Int(stream.depth), entersNode, expects, body, unreadable)
  }

  private func walk(
    _ node: Entry, level: Int, _ entersNode: (ChunkID) throws -> Bool, _ expects: (ChunkID) -> Bool,
    _ body: (Entry) throws -> Void, _ unreadable: (Entry, any Error) throws -> Void
  ) throws {
    guard try entersNode(node.id) else { return }
    let entries: [Entry]
    do {
      entries = try self.entries(of: node, level: level)
    } catch {
      return try unreadable(node, error)
    }
    if level > 0 { try expect(entries.filter { expects($0.id) }) }
    for entry in entries {
      if level == 0 {
        try body(entry)
      } else {
        try walk(entry, level: level - 1, entersNode, expects, body, unreadable)
      }
    }
  }

  /// Calls `body` with the chunks that hold a range of the stream's bytes, in order, and with where each begins. Nodes that
  /// hold nothing of it are not fetched.
  ///
  /// - Throws: `Malformed`, and what fetching and the closure throw.
  func forEachChunk(
    of stream: StreamReference, within range: Range<UInt64>, _ body: (Entry, UInt64) throws -> Void
  ) throws {
    guard let root = stream.root, !range.isEmpty else { return }
    guard stream.depth < RecipeBuilder.depthLimit else { throw Malformed(node: root) }
    try walk(Entry(id: root, size: stream.size), level: Int(stream.depth), from: 0, within: range, body)
  }

  private func walk(
    _ node: Entry, level: Int, from start: UInt64, within range: Range<UInt64>,
    _ body: (Entry, UInt64) throws -> Void
  ) throws {
    // What entries say comes to what their node has, and so to the stream's size at most.
    var position = start
    let placed = try entries(of: node, level: level).map { entry in
      defer { position += entry.size }
      return (entry: entry, start: position)
    }
    let wanted = placed.filter { $0.start < range.upperBound && $0.start + $0.entry.size > range.lowerBound }
    if level > 0 { try expect(wanted.map(\.entry)) }
    for (entry, start) in wanted {
      if level == 0 {
        try body(entry, start)
      } else {
        try walk(entry, level: level - 1, from: start, within: range, body)
      }
    }
  }

  func entries(of parent: Entry, level: Int) throws -> [Entry] {
    let node = parent.id
    let bytes = try fetchNode(node)
    return try bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      var entries: [Entry] = []
      var left = parent.size
      do {
        guard try reader.byte() == UInt8(level) else { throw Malformed(node: node) }
        while reader.remaining > 0 {
          let entry = Entry(id: try reader.id(), size: try reader.varint())
          guard entry.size > 0, entry.size <= left, level > 0 || entry.size <= UInt64(PackDirectory.plainLimit) else {
            throw Malformed(node: node)
          }
          left -= entry.size
          entries.append(entry)
        }
      } catch is ByteReader.Malformed {
        throw Malformed(node: node)
      }
      guard left == 0, !entries.isEmpty, entries.count <= RecipeBuilder.entryRange.upperBound else {
        throw Malformed(node: node)
      }
      return entries
    }
  }
}
