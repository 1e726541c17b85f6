import CofferStorage
import CofferSystem

/// Gives the plain bytes of blocks, opened and decompressed. Used by one thread at a time; readers that share a cache
/// read no block twice while it is there.
final class BlockReader {
  /// What the blocks are read for. They are authenticated in any case.
  enum Purpose {
    /// As bytes to compress against.
    case base
    /// For some of their chunks, which the caller verifies.
    case chunks
    /// For all of their chunks, whose ids are computed again.
    case verification
  }

  private let context: RepositoryContext
  private let cache: ReadCache
  private let purpose: Purpose
  private let supply: BlockSupply?
  private let decompressor: BlockDecompressor
  private let hashers: [PackKind: ChunkHasher]
  // Each takes an agreement of keys to make, and little memory: what a month added is in as many packs as it has days.
  private var openers = RecentCache<Digest256, BlockOpener>(capacity: 128)
  /// Room for the next prefix: most are of the same size, more or less.
  private var prefixRoom: [UInt8] = []
  /// Bytes of it that are kept at most.
  private static let prefixRoomLimit = 1 << 20

  /// - Parameters:
  ///   - cache: Of readers with the same purpose.
  ///   - supply: What was read ahead; nil where nothing is.
  init(context: RepositoryContext, cache: ReadCache, for purpose: Purpose, supply: BlockSupply? = nil) throws {
    self.context = context
    self.cache = cache
    self.purpose = purpose
    self.supply = supply
    decompressor = try BlockDecompressor()
    hashers = [.data: try context.chunkHasher(.data), .tree: try context.chunkHasher(.tree)]
  }

  /// Returns a block.
  ///
  /// - Throws: `StorageError`; `RepositoryError.damaged` naming the pack and block.
  func block(_ number: Int, of pack: Digest256) throws -> PlainBlock {
    try cache.blocks.value(of: BlockPlace(pack: pack, block: number)) {
      try read(number, of: try reader(of: pack))
    }
  }

  /// Tells of a block that cannot be read and is not needed now.
  func tell(_ error: any Error) {
    guard !(error is PackIsFar) else { return }
    context.remarks.add(
      error, consequence: "archives that need what it held may not be whole; the next backup stores that again")
  }

  private func reader(of pack: Digest256) throws -> PackReader {
    try cache.packs.value(of: pack) {
      do {
        return try PackReader(pack, context: context)
      } catch let error as RepositoryError {
        if case .damaged(_, _, let detail) = error { context.quarantine.add(pack, detail, context) }
        throw error
      }
    }
  }

  private func opener(of reader: PackReader) throws -> BlockOpener {
    if let opener = openers[reader.digest] { return opener }
    let opener = try reader.blockOpener()
    openers[reader.digest] = opener
    return opener
  }

  private func read(_ number: Int, of reader: PackReader) throws -> PlainBlock {
    let times = context.times
    let sealed: [UInt8]
    do {
      let place = BlockPlace(pack: reader.digest, block: number)
      sealed = try times.measure(.fetch) { try supply?.take(place) ?? sealedBlock(number, of: reader) }
    } catch StorageError.truncated {
      throw damaged(reader, number, "is cut short")
    }
    let opened = times.measure(.open, bytes: sealed.count) {
      try? opener(of: reader).open(sealed, number: number)
    }
    guard let coded = opened else {
      throw damaged(reader, number, "does not decrypt: bytes were changed or lost")
    }
    let entry = reader.directory.blocks[number]
    let plain = try decode(coded, entry: entry, number: number, reader: reader)
    guard purpose != .base else { return PlainBlock(reader.header.kind, bytes: plain) }
    let chunks = reader.directory.chunks[entry.chunks]
    let places = Dictionary(chunks.map { ($0.id, $0.offset..<$0.offset + $0.length) }, uniquingKeysWith: { $1 })
    let block = PlainBlock(reader.header.kind, bytes: plain, places: places)
    if purpose == .verification {
      for id in places.keys { _ = try chunk(id, of: block, at: BlockPlace(pack: reader.digest, block: number)) }
    }
    return block
  }

  /// Reads a block as it is stored, a short one along with its neighbours: to open a file for so little takes longer than to read it.
  private func sealedBlock(_ number: Int, of reader: PackReader) throws -> [UInt8] {
    guard !context.surroundings.isFar, let part = reader.directory.neighbourhood(of: number) else {
      return try reader.sealedBlock(number)
    }
    // What cannot be read of them is none of this block's business.
    let bytes = try RunStore.readable {
      try cache.parts.value(of: ReadCache.Part(pack: reader.digest, start: part.lowerBound)) {
        try reader.sealedBytes(part)
      }
    }
    guard let bytes else { return try reader.sealedBlock(number) }
    let block = reader.directory.blocks[number]
    let start = block.offset - part.lowerBound
    return Array(bytes[start..<start + block.storedLength])
  }

  /// Returns where a chunk is in its block, having computed its id again.
  ///
  /// - Throws: `RepositoryError.damaged` when it is not there, or not what its id says.
  func chunk(_ id: ChunkID, of block: PlainBlock, at place: BlockPlace) throws -> Range<Int> {
    func damaged(_ detail: String) -> RepositoryError {
      .damaged(object: place.pack.packName?.path ?? place.pack.hex, location: context.location, detail: detail)
    }
    guard let range = block.places[id] else {
      // One of the two is wrong, and whose word the index has is not known here: the pack's bytes tell.
      try context.quarantine.addIfDamaged(place.pack, context)
      throw damaged("the index says that block \(place.block) holds chunk \(id), but it does not")
    }
    let actual = context.times.measure(.verify, bytes: range.count) {
      block.bytes.withUnsafeBytes { hashers[block.kind]?.id(of: UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
    guard actual == id else {
      context.quarantine.add(place.pack, "block \(place.block) holds a chunk that is not what its id says", context)
      throw damaged("block \(place.block) holds a chunk that is not what its id says")
    }
    return range
  }

  /// The error for a block that is not what was written; nobody is to lean on its pack any more.
  private func damaged(_ reader: PackReader, _ number: Int, _ detail: String) -> any Error {
    guard !reader.isCached else {
      context.nearPacks?.forget(reader.digest)
      return PackIsFar(pack: reader.digest)
    }
    context.quarantine.add(reader.digest, "block \(number) \(detail)", context)
    return reader.damagedBlock(number, detail)
  }

  private func decode(
    _ coded: [UInt8], entry: PackDirectory.Block, number: Int, reader: PackReader
  ) throws -> [UInt8] {
    guard entry.coding != .stored else {
      guard coded.count == entry.plainLength else { throw damaged(reader, number, "has another length") }
      return context.times.measure(.decompress, bytes: coded.count) { coded }
    }
    guard entry.coding == .delta else { return try decompress(coded, prefix: nil, entry, number, reader) }
    return try withPrefix(entry.prefix) { try decompress(coded, prefix: $0, entry, number, reader) }
  }

  private func decompress(
    _ coded: [UInt8], prefix: UnsafeRawBufferPointer?, _ entry: PackDirectory.Block, _ number: Int, _ reader: PackReader
  ) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: entry.plainLength) { buffer, count in
      let room = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<entry.plainLength])
      do {
        try coded.withUnsafeBytes { coded in
          try context.times.measure(.decompress, bytes: entry.plainLength) {
            try decompressor.decompress(coded, prefix: prefix, into: room)
          }
        }
      } catch {
        throw damaged(reader, number, "does not decompress")
      }
      count = entry.plainLength
    }
  }

  /// Calls `body` with the prefix of a delta block, which is valid for the call: where it is one stretch, that stretch itself.
  private func withPrefix<Result>(
    _ segments: [PackDirectory.Segment], _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    if segments.count == 1 {
      let (block, range) = try stretch(segments[0])
      return try block.bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
    var bytes = prefixRoom
    prefixRoom = []
    defer { if bytes.capacity <= Self.prefixRoomLimit { prefixRoom = bytes } }
    bytes.removeAll(keepingCapacity: true)
    try append(segments, to: &bytes)
    return try bytes.withUnsafeBytes(body)
  }

  /// Puts the prefix of a delta block together from full blocks.
  func prefixBytes(_ segments: [PackDirectory.Segment]) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try append(segments, to: &bytes)
    return bytes
  }

  private func append(_ segments: [PackDirectory.Segment], to bytes: inout [UInt8]) throws {
    bytes.reserveCapacity(segments.reduce(0) { $0 + $1.length })
    for segment in segments {
      let (block, range) = try stretch(segment)
      bytes.append(contentsOf: block.bytes[range])
    }
  }

  /// Returns a full block and the part of it that a delta block leans on.
  private func stretch(_ segment: PackDirectory.Segment) throws -> (block: PlainBlock, range: Range<Int>) {
    let base = try reader(of: segment.pack)
    guard base.directory.blocks.indices.contains(segment.block),
      base.directory.blocks[segment.block].coding != .delta
    else { throw base.damagedBlock(segment.block, "is no base for a delta block") }
    let plain = try block(segment.block, of: segment.pack)
    guard segment.offset + segment.length <= plain.bytes.count else {
      throw base.damagedBlock(segment.block, "is shorter than a delta block needs")
    }
    return (plain, segment.offset..<segment.offset + segment.length)
  }
}
