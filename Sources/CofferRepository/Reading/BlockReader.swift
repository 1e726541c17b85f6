import CofferStorage

/// Gives the plain bytes of blocks, opened, decompressed and verified. Used by one thread at a time; readers that share
/// a cache read no block twice while it is there.
final class BlockReader {
  private let context: RepositoryContext
  private let cache: ReadCache
  private let verifiesChunks: Bool
  private let decompressor: BlockDecompressor
  private let hashers: [PackKind: ChunkHasher]
  private var openers = RecentCache<Digest256, BlockOpener>(capacity: 16)

  /// - Parameter verifiesChunks: Whether chunk ids are computed again. Without that, blocks are authenticated all the
  ///   same: enough for bytes that only serve as a base to compress against.
  init(context: RepositoryContext, cache: ReadCache, verifiesChunks: Bool = true) throws {
    self.context = context
    self.cache = cache
    self.verifiesChunks = verifiesChunks
    decompressor = try BlockDecompressor()
    hashers = [.data: try context.chunkHasher(.data), .tree: try context.chunkHasher(.tree)]
  }

  /// Returns a block whose chunks all have the ids that the directory gives them.
  ///
  /// - Throws: `StorageError`; `RepositoryError.damaged` naming the pack and block.
  func block(_ number: Int, of pack: Digest256) throws -> PlainBlock {
    try cache.blocks.value(of: BlockPlace(pack: pack, block: number)) {
      try read(number, of: try reader(of: pack))
    }
  }

  private func reader(of pack: Digest256) throws -> PackReader {
    try cache.packs.value(of: pack) { try PackReader(pack, context: context) }
  }

  private func opener(of reader: PackReader) throws -> BlockOpener {
    if let opener = openers[reader.digest] { return opener }
    let opener = try reader.blockOpener()
    openers[reader.digest] = opener
    return opener
  }

  private func read(_ number: Int, of reader: PackReader) throws -> PlainBlock {
    let sealed = try reader.sealedBlock(number)
    guard let coded = try? opener(of: reader).open(sealed, number: number) else {
      throw reader.damagedBlock(number, "does not decrypt: bytes were changed or lost")
    }
    let entry = reader.directory.blocks[number]
    let plain = try decode(coded, entry: entry, number: number, reader: reader)
    guard verifiesChunks, let hasher = hashers[reader.header.kind] else { return PlainBlock(bytes: plain, places: [:]) }
    var places: [ChunkID: Range<Int>] = [:]
    places.reserveCapacity(entry.chunks.count)
    try plain.withUnsafeBytes { plain in
      for chunk in reader.directory.chunks[entry.chunks] {
        let place = chunk.offset..<chunk.offset + chunk.length
        guard hasher.id(of: UnsafeRawBufferPointer(rebasing: plain[place])) == chunk.id else {
          throw reader.damagedBlock(number, "holds a chunk that is not what its id says")
        }
        places[chunk.id] = place
      }
    }
    return PlainBlock(bytes: plain, places: places)
  }

  private func decode(
    _ coded: [UInt8], entry: PackDirectory.Block, number: Int, reader: PackReader
  ) throws -> [UInt8] {
    guard entry.coding != .stored else {
      guard coded.count == entry.plainLength else { throw reader.damagedBlock(number, "has another length") }
      return coded
    }
    let prefix = try prefixBytes(entry.prefix)
    return try [UInt8](unsafeUninitializedCapacity: entry.plainLength) { buffer, count in
      let room = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<entry.plainLength])
      do {
        try coded.withUnsafeBytes { coded in
          try prefix.withUnsafeBytes { prefix in
            try decompressor.decompress(coded, prefix: entry.coding == .delta ? prefix : nil, into: room)
          }
        }
      } catch {
        throw reader.damagedBlock(number, "does not decompress")
      }
      count = entry.plainLength
    }
  }

  /// Puts the prefix of a delta block together from full blocks.
  func prefixBytes(_ segments: [PackDirectory.Segment]) throws -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(segments.reduce(0) { $0 + $1.length })
    for segment in segments {
      let base = try reader(of: segment.pack)
      guard base.directory.blocks.indices.contains(segment.block),
        base.directory.blocks[segment.block].coding != .delta
      else { throw base.damagedBlock(segment.block, "is no base for a delta block") }
      let plain = try block(segment.block, of: segment.pack).bytes
      guard segment.offset + segment.length <= plain.count else {
        throw base.damagedBlock(segment.block, "is shorter than a delta block needs")
      }
      bytes.append(contentsOf: plain[segment.offset..<segment.offset + segment.length])
    }
    return bytes
  }
}
