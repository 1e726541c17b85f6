import CofferSystem

/// A part of the index that does not change any more: which chunk is in which block of which pack. Safe to share between
/// threads.
final class IndexRun: Sendable {
  /// What the run knows of a pack.
  struct Pack: Sendable, Equatable {
    let digest: Digest256
    let kind: PackKind
    let size: Int
    let plainSize: Int
  }

  let layout: IndexRunLayout
  /// Whose word the run is.
  let signer: KeyID
  private let memory: MappedMemory

  /// Takes memory that a builder has filled, or a file that one has written.
  ///
  /// - Returns: nil when it is not a whole run.
  init?(_ memory: MappedMemory) {
    let bytes = UnsafeRawBufferPointer(memory.bytes)
    guard bytes.count >= IndexRunLayout.headerSize,
      bytes.loadUnaligned(fromByteOffset: IndexRunLayout.Field.magic, as: UInt64.self) == IndexRunLayout.magic
    else { return nil }
    func field(_ offset: Int) -> Int { bytes.loadUnaligned(fromByteOffset: offset, as: Int.self) }
    let layout = IndexRunLayout(
      sourceCount: field(IndexRunLayout.Field.sources), packCount: field(IndexRunLayout.Field.packs),
      blockCount: field(IndexRunLayout.Field.blocks), chunkCount: field(IndexRunLayout.Field.chunks))
    guard let layout, layout.size == bytes.count else { return nil }
    self.layout = layout
    self.memory = memory
    signer = KeyID(Array(bytes[IndexRunLayout.Field.signer..<IndexRunLayout.Field.signer + KeyID.size]))
    let stored = Digest256(UnsafeRawBufferPointer(rebasing: bytes[IndexRunLayout.Field.checksum...]))
    guard let actual = try? Self.checksum(bytes, layout), actual == stored else { return nil }
  }

  /// Ids, lengths and slots are left out: there are gigabytes of them for a terabyte of data, and where one of them
  /// were not what it was, a chunk would be stored once more, or be looked for in a block that does not hold it.
  static func checksum(_ bytes: UnsafeRawBufferPointer, _ layout: IndexRunLayout) throws -> Digest256 {
    var parts = Array(bytes[..<IndexRunLayout.Field.checksum])
    for part in [layout.sources..<layout.packs, layout.packs..<layout.blocks, layout.blocks..<layout.filter] {
      try ContentHasher.hash(UnsafeRawBufferPointer(rebasing: bytes[part])).withUnsafeBytes { parts += $0 }
    }
    return try parts.withUnsafeBytes { try ContentHasher.hash($0) }
  }

  private var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(memory.bytes) }

  /// The index objects that it was made of.
  var sources: [Digest256] {
    (0..<layout.sourceCount).map { number in
      Digest256(UnsafeRawBufferPointer(rebasing: bytes[(layout.sources + number * Digest256.size)...]))
    }
  }

  func pack(_ number: Int) -> Pack {
    let start = layout.packs + number * IndexRunLayout.packSize
    return Pack(
      digest: Digest256(UnsafeRawBufferPointer(rebasing: bytes[start...])),
      kind: PackKind(rawValue: UInt8(truncatingIfNeeded: word(start + 56))) ?? .data, size: word(start + 40),
      plainSize: word(start + 48))
  }

  /// The numbers of a pack's blocks, over all packs.
  func blocks(ofPack number: Int) -> Range<Int> {
    let end = number + 1 < layout.packCount ? firstBlock(ofPack: number + 1) : layout.blockCount
    return firstBlock(ofPack: number)..<end
  }

  /// The numbers of a block's chunks, over all packs.
  func chunks(ofBlock number: Int) -> Range<Int> { firstChunk(ofBlock: number)..<firstChunk(ofBlock: number + 1) }

  func id(_ number: Int) -> ChunkID {
    ChunkID(UnsafeRawBufferPointer(rebasing: bytes[(layout.ids + number * ChunkID.size)...]))
  }

  /// Bytes of the chunk.
  func length(_ number: Int) -> Int {
    Int(bytes.load(fromByteOffset: layout.lengths + number * IndexRunLayout.lengthSize, as: UInt32.self))
  }

  /// The ids of chunks, as they lie.
  func idBytes(_ chunks: Range<Int>) -> UnsafeRawBufferPointer { part(layout.ids, chunks, ChunkID.size) }

  /// The lengths of chunks, as they lie.
  func lengthBytes(_ chunks: Range<Int>) -> UnsafeRawBufferPointer {
    part(layout.lengths, chunks, IndexRunLayout.lengthSize)
  }

  private func part(_ table: Int, _ rows: Range<Int>, _ rowSize: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[table + rows.lowerBound * rowSize..<table + rows.upperBound * rowSize])
  }

  /// The number of the chunk with this id; nil when the run does not have it.
  func number(of id: ChunkID) -> Int? {
    guard layout.chunkCount > 0, mayHold(id) else { return nil }
    var slot = IndexProbe.slot(of: id, among: layout.slotCount)
    while true {
      let entry = UInt64(bitPattern: Int64(word(layout.slots + slot * IndexRunLayout.slotSize)))
      guard entry != 0 else { return nil }
      let number = Int(entry & (1 << IndexProbe.numberBits - 1)) - 1
      if entry >> IndexProbe.numberBits == IndexProbe.tag(of: id), number < layout.chunkCount, self.id(number) == id {
        return number
      }
      slot = slot + 1 < layout.slotCount ? slot + 1 : 0
    }
  }

  /// Whether the id may be in the run; a look at one cache line tells most of those that are not.
  private func mayHold(_ id: ChunkID) -> Bool {
    let line = layout.filter + IndexProbe.line(of: id, among: layout.lineCount) * IndexRunLayout.lineSize
    return (0..<IndexProbe.bitsPerChunk).allSatisfy { number in
      let bit = IndexProbe.bit(number, of: id)
      return bytes[line + bit >> 3] & (1 << UInt8(bit & 7)) != 0
    }
  }

  /// Where a chunk is.
  func location(ofNumber number: Int) -> BlockPlace {
    let block = Self.last(in: 0..<layout.blockCount) { firstChunk(ofBlock: $0) <= number }
    let pack = Self.last(in: 0..<layout.packCount) { firstBlock(ofPack: $0) <= block }
    return BlockPlace(pack: self.pack(pack).digest, block: block - firstBlock(ofPack: pack))
  }

  private func firstBlock(ofPack number: Int) -> Int { word(layout.packs + number * IndexRunLayout.packSize + 32) }

  private func firstChunk(ofBlock number: Int) -> Int { word(layout.blocks + number * 8) }

  private func word(_ offset: Int) -> Int { bytes.load(fromByteOffset: offset, as: Int.self) }

  /// The last number for which the condition holds, which it does up to there and not beyond.
  private static func last(in range: Range<Int>, where condition: (Int) -> Bool) -> Int {
    var (low, high) = (range.lowerBound, range.upperBound)
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if condition(middle) { low = middle } else { high = middle }
    }
    return low
  }
}
