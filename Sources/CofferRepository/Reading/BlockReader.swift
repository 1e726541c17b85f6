import CofferStorage

/// Gives the plain bytes of blocks, opened, decompressed and verified. Used by one thread at a time.
///
/// Keeps the blocks and packs it used last: chunks that follow each other in a stream are mostly neighbours.
final class BlockReader {
  private let context: RepositoryContext
  private let verifiesChunks: Bool
  private let decompressor: BlockDecompressor
  private let hasher: [PackKind: KeyedHasher]
  private var packs: RecentCache<Digest256, OpenPack>
  private var blocks: RecentCache<BlockKey, PlainBlock>

  private struct BlockKey: Hashable {
    let pack: Digest256
    let number: Int
  }

  /// A pack and, once a block of it was asked for, its key.
  private final class OpenPack {
    let reader: PackReader
    private(set) lazy var opener = Result { try reader.blockOpener() }

    init(_ reader: PackReader) {
      self.reader = reader
    }
  }

  /// The plain bytes of a block and where its chunks are in it.
  final class PlainBlock {
    let bytes: [UInt8]
    let places: [ChunkID: Range<Int>]

    init(bytes: [UInt8], places: [ChunkID: Range<Int>]) {
      self.bytes = bytes
      self.places = places
    }
  }

  /// - Parameters:
  ///   - cachedBlocks: How many plain blocks of up to 512 KiB are kept.
  ///   - verifiesChunks: Whether chunk ids are computed again. Without that, blocks are authenticated all the same:
  ///     enough for bytes that only serve as a base to compress against.
  init(context: RepositoryContext, cachedBlocks: Int = 48, verifiesChunks: Bool = true) throws {
    self.context = context
    self.verifiesChunks = verifiesChunks
    decompressor = try BlockDecompressor()
    hasher = [
      .data: try KeyedHasher(key: try context.dataIDKey()),
      .tree: try KeyedHasher(key: try context.nodeIDKey()),
    ]
    packs = RecentCache(capacity: 64)
    blocks = RecentCache(capacity: cachedBlocks)
  }

  /// Returns a block whose chunks all have the ids that the directory gives them.
  ///
  /// - Throws: `StorageError`; `RepositoryError.damaged` naming the pack and block.
  func block(_ number: Int, of pack: Digest256) throws -> PlainBlock {
    let key = BlockKey(pack: pack, number: number)
    if let block = blocks[key] { return block }
    let open = try openPack(pack)
    let block = try read(number, of: open)
    blocks[key] = block
    return block
  }

  func directory(of pack: Digest256) throws -> PackDirectory {
    try openPack(pack).reader.directory
  }

  private func openPack(_ digest: Digest256) throws -> OpenPack {
    if let pack = packs[digest] { return pack }
    let pack = OpenPack(try PackReader(digest, context: context))
    packs[digest] = pack
    return pack
  }

  private func read(_ number: Int, of pack: OpenPack) throws -> PlainBlock {
    let reader = pack.reader
    let sealed = try reader.sealedBlock(number)
    let opener = try pack.opener.get()
    guard let coded = try? opener.open(sealed, number: number) else {
      throw reader.damagedBlock(number, "does not decrypt: bytes were changed or lost")
    }
    let entry = reader.directory.blocks[number]
    let plain = try decode(coded, entry: entry, number: number, reader: reader)
    guard verifiesChunks else { return PlainBlock(bytes: plain, places: [:]) }
    var places: [ChunkID: Range<Int>] = [:]
    places.reserveCapacity(entry.chunks.count)
    guard let hasher = hasher[reader.header.kind] else { return PlainBlock(bytes: plain, places: [:]) }
    try plain.withUnsafeBytes { plain in
      for chunk in reader.directory.chunks[entry.chunks] {
        let place = chunk.offset..<chunk.offset + chunk.length
        guard try hasher.chunkID(of: UnsafeRawBufferPointer(rebasing: plain[place])) == chunk.id else {
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
      let base = try openPack(segment.pack).reader
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
