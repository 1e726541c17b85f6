import CofferSystem

/// Writes down which chunks a stream is made of, as a tree of nodes.
///
/// A node is the node's level (1 byte) and its entries: an id and the plain bytes below it (varint). It ends after
/// an entry whose id's low seven bits are zero, about every 128 entries, so that unchanged stretches of a
/// stream share their nodes; above the leaves come parents, cut the same way, until one root remains.
struct RecipeBuilder {
  /// Stores a node's bytes and returns the id they are found by.
  private let storeNode: (UnsafeRawBufferPointer) throws -> ChunkID
  private var levels: [Level] = []
  private(set) var chunkCount: UInt64 = 0
  private(set) var size: UInt64 = 0
  private var hasher: StreamHasher

  static let cutMask: UInt64 = 127
  /// Entries no node but the last of its level has fewer of, and none has more of.
  static let entryRange = 16...1024
  /// Levels a reader accepts; 128^8 chunks are beyond any stream.
  static let depthLimit = 8

  private struct Level {
    var bytes = ByteWriter()
    var count = 0
    var size: UInt64 = 0
    var last = ChunkID.zero
  }

  init(storeNode: @escaping (UnsafeRawBufferPointer) throws -> ChunkID) throws {
    self.storeNode = storeNode
    hasher = try StreamHasher()
  }

  /// Adds the stream's next chunk.
  mutating func append(_ id: ChunkID, length: Int) throws {
    chunkCount += 1
    size += UInt64(length)
    try hasher.append(id, length: length)
    try append(id, size: UInt64(length), level: 0)
  }

  /// Writes the nodes that are still open and returns the whole.
  mutating func finish() throws -> StreamReference {
    let hash = try hasher.finish()
    guard chunkCount > 0 else {
      return StreamReference(root: nil, depth: 0, size: 0, chunkCount: 0, hash: hash)
    }
    var level = 0
    while true {
      let isTop = level == levels.count - 1
      if isTop && level > 0 && levels[level].count == 1 {
        return reference(root: levels[level].last, depth: level - 1, hash: hash)
      }
      if levels[level].count > 0 { try close(level) }
      level += 1
    }
  }

  private func reference(root: ChunkID, depth: Int, hash: Digest256) -> StreamReference {
    StreamReference(root: root, depth: UInt8(depth), size: size, chunkCount: chunkCount, hash: hash)
  }

  private mutating func append(_ id: ChunkID, size: UInt64, level: Int) throws {
    if level == levels.count { levels.append(Level()) }
    if levels[level].count == 0 { levels[level].bytes.byte(UInt8(level)) }
    levels[level].bytes.id(id)
    levels[level].bytes.varint(size)
    levels[level].count += 1
    levels[level].size += size
    levels[level].last = id
    let count = levels[level].count
    let isCut = id.word & Self.cutMask == 0 && count >= Self.entryRange.lowerBound
    if isCut || count == Self.entryRange.upperBound { try close(level) }
  }

  /// The chunks that a node lists which was just made, in order; none for one that lists other nodes.
  static func chunks(in node: UnsafeRawBufferPointer) throws -> [ChunkID] {
    var reader = ByteReader(node)
    guard try reader.byte() == 0 else { return [] }
    var chunks: [ChunkID] = []
    while reader.remaining > 0 {
      chunks.append(try reader.id())
      _ = try reader.varint()
    }
    return chunks
  }

  private mutating func close(_ level: Int) throws {
    let id = try levels[level].bytes.bytes.withUnsafeBytes { try storeNode($0) }
    let size = levels[level].size
    levels[level].bytes.removeAll()
    levels[level].count = 0
    levels[level].size = 0
    try append(id, size: size, level: level + 1)
  }
}

/// The hash of a whole stream: BLAKE2b over the ids and lengths of its chunks in order.
///
/// Ids are keyed hashes of the content, so this binds every byte and its place at a fraction of the cost of
/// hashing the stream a second time.
struct StreamHasher {
  private var hasher: ContentHasher

  init() throws {
    hasher = try ContentHasher()
  }

  mutating func append(_ id: ChunkID, length: Int) throws {
    var entry = (id, UInt32(length).littleEndian)
    try withUnsafeBytes(of: &entry) {
      try hasher.update(UnsafeRawBufferPointer(rebasing: $0[..<(ChunkID.size + 4)]))
    }
  }

  mutating func finish() throws -> Digest256 {
    try hasher.finish()
  }
}
