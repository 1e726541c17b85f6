import CofferSystem

/// Fills the tables of an index run, pack by pack.
struct IndexRunBuilder {
  private let layout: IndexRunLayout
  private let memory: MappedMemory
  private var packCount = 0
  private var blockCount = 0
  private var chunkCount = 0

  /// - Parameters:
  ///   - layout: With exactly the numbers of packs, blocks and chunks that are going to be added.
  ///   - memory: Zeroed, of the layout's size.
  init(_ layout: IndexRunLayout, in memory: MappedMemory, signer: KeyID, sources: [Digest256]) {
    self.layout = layout
    self.memory = memory
    store(layout.packCount, at: IndexRunLayout.Field.packs)
    store(layout.blockCount, at: IndexRunLayout.Field.blocks)
    store(layout.chunkCount, at: IndexRunLayout.Field.chunks)
    store(layout.sourceCount, at: IndexRunLayout.Field.sources)
    store(signer.bytes, at: IndexRunLayout.Field.signer)
    for (number, source) in sources.enumerated() { store(source, at: layout.sources + number * Digest256.size) }
  }

  /// Begins a pack; its blocks follow.
  mutating func addPack(_ pack: IndexRun.Pack) {
    let start = layout.packs + packCount * IndexRunLayout.packSize
    store(pack.digest, at: start)
    store(blockCount, at: start + 32)
    store(pack.size, at: start + 40)
    store(pack.plainSize, at: start + 48)
    store(Int(pack.kind.rawValue), at: start + 56)
    packCount += 1
  }

  /// Adds a block's chunks to the pack that was begun last.
  ///
  /// - Parameters:
  ///   - ids: 16 bytes each.
  ///   - lengths: 4 bytes each.
  mutating func addBlock(_ ids: UnsafeRawBufferPointer, lengths: UnsafeRawBufferPointer) {
    store(chunkCount, at: layout.blocks + blockCount * 8)
    blockCount += 1
    UnsafeMutableRawBufferPointer(rebasing: memory.bytes[(layout.ids + chunkCount * ChunkID.size)...])
      .copyMemory(from: ids)
    UnsafeMutableRawBufferPointer(
      rebasing: memory.bytes[(layout.lengths + chunkCount * IndexRunLayout.lengthSize)...]
    ).copyMemory(from: lengths)
    for offset in stride(from: 0, to: ids.count, by: ChunkID.size) {
      let id = ChunkID(UnsafeRawBufferPointer(rebasing: ids[offset...]))
      addToFilter(id)
      addToSlots(id, number: chunkCount)
      chunkCount += 1
    }
  }

  /// Ends the run.
  ///
  /// - Returns: nil when it is not what the layout promised.
  func finish() throws -> IndexRun? {
    guard packCount == layout.packCount, blockCount == layout.blockCount, chunkCount == layout.chunkCount else {
      return nil
    }
    store(chunkCount, at: layout.blocks + blockCount * 8)
    // What has its first word in place is a run: the word goes last.
    store(Int(bitPattern: UInt(IndexRunLayout.magic)), at: IndexRunLayout.Field.magic)
    store(try IndexRun.checksum(UnsafeRawBufferPointer(memory.bytes), layout), at: IndexRunLayout.Field.checksum)
    return IndexRun(memory)
  }

  private func addToFilter(_ id: ChunkID) {
    let line = layout.filter + IndexProbe.line(of: id, among: layout.lineCount) * IndexRunLayout.lineSize
    for number in 0..<IndexProbe.bitsPerChunk {
      let bit = IndexProbe.bit(number, of: id)
      memory.bytes[line + bit >> 3] |= 1 << UInt8(bit & 7)
    }
  }

  /// Of an id that comes twice the first place counts.
  private func addToSlots(_ id: ChunkID, number: Int) {
    let tag = IndexProbe.tag(of: id)
    var slot = IndexProbe.slot(of: id, among: layout.slotCount)
    while true {
      let offset = layout.slots + slot * IndexRunLayout.slotSize
      let entry = memory.bytes.load(fromByteOffset: offset, as: UInt64.self)
      if entry == 0 {
        memory.bytes.storeBytes(
          of: tag << IndexProbe.numberBits | UInt64(number + 1), toByteOffset: offset, as: UInt64.self)
        return
      }
      if entry >> IndexProbe.numberBits == tag, self.id(Int(entry & (1 << IndexProbe.numberBits - 1)) - 1) == id {
        return
      }
      slot = slot + 1 < layout.slotCount ? slot + 1 : 0
    }
  }

  private func id(_ number: Int) -> ChunkID {
    ChunkID(UnsafeRawBufferPointer(rebasing: memory.bytes[(layout.ids + number * ChunkID.size)...]))
  }

  private func store(_ number: Int, at offset: Int) {
    memory.bytes.storeBytes(of: number, toByteOffset: offset, as: Int.self)
  }

  private func store(_ digest: Digest256, at offset: Int) {
    digest.withUnsafeBytes { bytes in
      UnsafeMutableRawBufferPointer(rebasing: memory.bytes[offset...]).copyMemory(from: bytes)
    }
  }

  private func store(_ bytes: [UInt8], at offset: Int) {
    UnsafeMutableRawBufferPointer(rebasing: memory.bytes[offset...]).copyBytes(from: bytes)
  }
}
