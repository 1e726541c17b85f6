import CofferSystem

/// The table of a pack: which blocks it holds and which chunks are in each.
struct PackDirectory: Sendable, Equatable {
  /// How a block's bytes became what is sealed.
  enum Coding: UInt8, Sendable {
    case stored = 0
    case zstd = 1
    /// zstd with a prefix put together from full blocks.
    case delta = 2
  }

  /// A stretch of a full block's plain bytes.
  struct Segment: Sendable, Hashable {
    let pack: Digest256
    let block: Int
    let offset: Int
    let length: Int
  }

  struct Block: Sendable, Equatable {
    /// Where the sealed block begins in the pack.
    let offset: Int
    /// Bytes of the sealed block.
    let storedLength: Int
    let plainLength: Int
    let coding: Coding
    /// Where the prefix of a delta block comes from, in order; empty otherwise.
    let prefix: [Segment]
    /// The block's chunks, as positions in `chunks`.
    let chunks: Range<Int>
  }

  /// A pack of recipes' nodes has 700,000 of them, and they are in memory while it is read.
  struct Chunk: Sendable, Equatable {
    let id: ChunkID
    private let places: (offset: UInt32, length: UInt32, anchor: UInt32)

    /// None of the numbers is above `prefixLimit`.
    fileprivate init(id: ChunkID, offset: Int, length: Int, anchor: Int) {
      self.id = id
      places = (UInt32(offset), UInt32(length), UInt32(anchor))
    }

    /// Where the chunk begins in the block's plain bytes.
    var offset: Int { Int(places.offset) }
    var length: Int { Int(places.length) }
    /// In a delta block: how far into the block's prefix the chunk's place in full data is.
    var anchor: Int { Int(places.anchor) }

    static func == (left: Chunk, right: Chunk) -> Bool { left.id == right.id && left.places == right.places }
  }

  private(set) var blocks: [Block] = []
  private(set) var chunks: [Chunk] = []

  /// Plain bytes a block may have at most; also bounds what a reader allocates.
  static let plainLimit = 4 << 20
  private static let prefixLimit = 16 << 20
  private static let segmentLimit = 1 << 14
  /// Bytes of a chunk in the encoding at least: most have two or three more.
  private static let chunkSize = ChunkID.size + 1

  /// The packs that delta blocks of this one lean on.
  var basePacks: Set<Digest256> { Set(blocks.lazy.flatMap { $0.prefix.map(\.pack) }) }

  /// Bytes of a sealed block that is read along with its neighbours at most.
  private static let shortBlock = 16 << 10
  /// Bytes that are read for such.
  private static let neighbourhoodSize = 64 << 10

  /// The part of the pack that is read for a short block. Those of neighbours are the same, or have nothing in common.
  ///
  /// - Returns: nil for a block that is read by itself, or that the pack does not have.
  func neighbourhood(of number: Int) -> Range<Int>? {
    guard blocks.indices.contains(number), blocks[number].storedLength <= Self.shortBlock, let last = blocks.last else {
      return nil
    }
    let block = blocks[number].offset..<blocks[number].offset + blocks[number].storedLength
    let start = block.lowerBound / Self.neighbourhoodSize * Self.neighbourhoodSize
    let part = start..<min(start + Self.neighbourhoodSize, last.offset + last.storedLength)
    return block.upperBound <= part.upperBound ? part : nil
  }

  mutating func append(
    storedLength: Int, plainLength: Int, coding: Coding, prefix: [Segment], chunks new: [BlockChunk]
  ) {
    let first = chunks.count
    var offset = 0
    for chunk in new {
      chunks.append(Chunk(id: chunk.id, offset: offset, length: chunk.length, anchor: chunk.anchor))
      offset += chunk.length
    }
    let position = blocks.last.map { $0.offset + $0.storedLength } ?? PackHeader.size
    blocks.append(
      Block(
        offset: position, storedLength: storedLength, plainLength: plainLength, coding: coding,
        prefix: prefix, chunks: first..<chunks.count))
  }
}

/// A chunk on its way into a block.
struct BlockChunk: Sendable, Equatable {
  let id: ChunkID
  let length: Int
  /// See `PackDirectory.Chunk.anchor`; 0 in full blocks.
  var anchor = 0
}

// MARK: - Encoding

extension PackDirectory {
  /// Bytes of the encoding before padding: the number of base packs and their hashes, the number of blocks, then
  /// per block stored length, plain length, coding, for a delta block its prefix, the number of chunks, and per
  /// chunk id, length and, in a delta block, anchor.
  func encoded() -> [UInt8] {
    var writer = ByteWriter()
    writer.reserve(chunks.count * 20 + blocks.count * 16)
    let bases = Array(basePacks).sorted()
    let positions = Dictionary(uniqueKeysWithValues: zip(bases, bases.indices))
    writer.varint(bases.count)
    for base in bases { writer.digest(base) }
    writer.varint(blocks.count)
    for block in blocks {
      writer.varint(block.storedLength)
      writer.varint(block.plainLength)
      writer.byte(block.coding.rawValue)
      if block.coding == .delta {
        writer.varint(block.prefix.count)
        for segment in block.prefix {
          writer.varint(positions[segment.pack] ?? 0)
          writer.varint(segment.block)
          writer.varint(segment.offset)
          writer.varint(segment.length)
        }
      }
      writer.varint(block.chunks.count)
      for chunk in chunks[block.chunks] {
        writer.id(chunk.id)
        writer.varint(chunk.length)
        if block.coding == .delta { writer.varint(chunk.anchor) }
      }
    }
    return writer.bytes
  }

  /// Bytes of the encoding at most, without padding, of a pack whose blocks and chunks have usual lengths and lean on nothing.
  static func usualSize(blocks: Int, chunks: Int) -> Int {
    let (lengthSize, countSize) = (3, 3)
    return 2 * countSize + blocks * (2 * lengthSize + 1 + countSize) + chunks * (ChunkID.size + lengthSize)
  }

  /// Reads an encoding; whatever follows it is padding and must be zero.
  ///
  /// - Parameter blocksEnd: Where the blocks end in the pack: they must fill the space from the header to there.
  init(decoding bytes: UnsafeRawBufferPointer, blocksEnd: Int) throws(ByteReader.Malformed) {
    var reader = ByteReader(bytes)
    var bases: [Digest256] = []
    for _ in 0..<(try reader.count(elementSize: Digest256.size)) { bases.append(try reader.digest()) }
    let blockCount = try reader.count(elementSize: 4)
    blocks.reserveCapacity(blockCount)
    chunks.reserveCapacity(reader.remaining / Self.chunkSize)
    var position = PackHeader.size
    for _ in 0..<blockCount {
      let block = try Self.block(&reader, at: position, bases: bases, into: &chunks)
      position += block.storedLength
      guard position <= blocksEnd else { throw reader.malformed }
      blocks.append(block)
    }
    guard position == blocksEnd else { throw reader.malformed }
    guard try reader.raw(reader.remaining).allSatisfy({ $0 == 0 }) else { throw reader.malformed }
  }

  private static func block(
    _ reader: inout ByteReader, at position: Int, bases: [Digest256], into chunks: inout [Chunk]
  ) throws(ByteReader.Malformed) -> Block {
    let storedLength = try reader.length(limit: plainLimit * 2)
    let plainLength = try reader.length(limit: plainLimit)
    guard let coding = Coding(rawValue: try reader.byte()) else { throw reader.malformed }
    var prefix: [Segment] = []
    var prefixLength = 0
    if coding == .delta {
      for _ in 0..<(try reader.count(elementSize: 4)) {
        let base = try reader.length(limit: bases.count)
        guard base < bases.count else { throw reader.malformed }
        let segment = Segment(
          pack: bases[base], block: try reader.length(limit: Int(Int32.max)),
          offset: try reader.length(limit: plainLimit), length: try reader.length(limit: plainLimit))
        guard segment.length > 0, prefix.count < segmentLimit else { throw reader.malformed }
        prefix.append(segment)
        prefixLength += segment.length
        guard prefixLength <= prefixLimit else { throw reader.malformed }
      }
    }
    let first = chunks.count
    let count = try reader.count(elementSize: chunkSize)
    var offset = 0
    for _ in 0..<count {
      let id = try reader.id()
      let length = try reader.length(limit: plainLength - offset)
      let anchor = coding == .delta ? try reader.length(limit: prefixLength) : 0
      chunks.append(Chunk(id: id, offset: offset, length: length, anchor: anchor))
      offset += length
    }
    guard offset == plainLength else { throw reader.malformed }
    return Block(
      offset: position, storedLength: storedLength, plainLength: plainLength, coding: coding, prefix: prefix,
      chunks: first..<chunks.count)
  }
}
