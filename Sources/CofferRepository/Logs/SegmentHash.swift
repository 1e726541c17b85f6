import CofferSystem

/// How the hash that a log's object has of a segment is made, by the version of the object. All segments of one object have the same.
enum SegmentHashing: UInt8, Sendable, CaseIterable {
  /// BLAKE2b of all bytes, as earlier programs put it.
  case whole = 1
  /// BLAKE2b of what keyed BLAKE3 makes of each block: so blocks are hashed side by side, in a quarter of the time.
  case blocks = 2

  /// What objects get that are put now.
  static let current = SegmentHashing.blocks
}

/// Hashes a segment's bytes as they come. Used by one thread at a time.
final class SegmentHasher {
  private let hashing: SegmentHashing
  /// Of all bytes, or of the blocks' hashes.
  private let all: ContentHasher
  /// The beginning of a block that came without its end.
  private var begun: [UInt8] = []

  init(_ hashing: SegmentHashing) throws {
    self.hashing = hashing
    all = try ContentHasher()
  }

  /// - Parameter bytes: The next ones, as many as there are; whole blocks are not copied.
  func update(_ bytes: UnsafeRawBufferPointer) throws {
    guard hashing == .blocks else { return try all.update(bytes) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let part = rest.prefix(LogDirectory.blockSize - begun.count)
      rest = rest.dropFirst(part.count)
      if begun.isEmpty, part.count == LogDirectory.blockSize {
        try add(Self.hash(ofBlock: UnsafeRawBufferPointer(rebasing: part)))
      } else {
        begun += part
        if begun.count == LogDirectory.blockSize { try endBlock() }
      }
    }
  }

  /// Returns the hash and starts over.
  func finish() throws -> Digest256 {
    if !begun.isEmpty { try endBlock() }
    return try all.finish()
  }

  private func endBlock() throws {
    try add(begun.withUnsafeBytes { Self.hash(ofBlock: $0) })
    begun.removeAll(keepingCapacity: true)
  }

  private func add(_ block: Digest256) throws { try block.withUnsafeBytes { try all.update($0) } }

  // MARK: - Block by block

  /// - Parameter block: `LogDirectory.blockSize` bytes, but of a segment's last block.
  static func hash(ofBlock block: UnsafeRawBufferPointer) -> Digest256 { blockHasher.digest(of: block) }

  /// The hash of a segment, by those of its blocks in order.
  static func hash(ofBlocks blocks: some Sequence<Digest256>) throws -> Digest256 {
    let hasher = try SegmentHasher(.blocks)
    for block in blocks { try hasher.add(block) }
    return try hasher.finish()
  }

  /// No secret: it only keeps these hashes apart from all others that are made by BLAKE3.
  private static let blockHasher = ChunkHasher(
    key: SecretBytes(copying: Array("coffer block of a log's segment.".utf8)))
}
