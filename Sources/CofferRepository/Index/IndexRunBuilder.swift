import CofferSystem

/// Fills the tables of an index run, pack by pack.
package struct IndexRunBuilder {
  private let layout: IndexRunLayout
  private let memory: MappedMemory
  private let probe: IndexProbe
  private var packCount = 0
  private var baseCount = 0
  private var blockCount = 0
  private var chunkCount = 0

  /// - Parameters:
  ///   - layout: With exactly the numbers of packs, bases, blocks and chunks that are going to be added.
  ///   - memory: Zeroed, of the layout's size at least.
  ///   - nonce: 16 random bytes.
  package init(_ layout: IndexRunLayout, in memory: MappedMemory, signer: KeyID, sources: [IndexSource], nonce: [UInt8])
  {
    self.layout = layout
    self.memory = memory
    probe = IndexProbe(nonce: nonce)
    store(layout.packCount, at: IndexRunLayout.Field.packs)
    store(layout.baseCount, at: IndexRunLayout.Field.bases)
    store(layout.blockCount, at: IndexRunLayout.Field.blocks)
    store(layout.chunkCount, at: IndexRunLayout.Field.chunks)
    store(layout.sourceCount, at: IndexRunLayout.Field.sources)
    store(signer.bytes, at: IndexRunLayout.Field.signer)
    store(nonce, at: IndexRunLayout.Field.nonce)
    for (number, source) in sources.enumerated() {
      let start = layout.sources + number * IndexRunLayout.sourceSize
      store(source.digest, at: start)
      store(source.round, at: start + Digest256.size)
    }
  }

  /// Begins a pack; its blocks follow.
  ///
  /// - Parameter bases: The packs that it leans on.
  package mutating func addPack(_ pack: IndexRun.Pack, bases: [Digest256]) {
    let start = layout.packs + packCount * IndexRunLayout.packSize
    store(pack.digest, at: start)
    store(blockCount, at: start + 32)
    store(pack.size, at: start + 40)
    store(pack.plainSize, at: start + 48)
    store(Int(pack.kind.rawValue) | (pack.signer == nil ? 0 : 1 << 8), at: start + 56)
    if let signer = pack.signer { store(signer.bytes, at: start + 64) }
    for base in bases {
      let start = layout.bases + baseCount * IndexRunLayout.baseSize
      store(packCount, at: start)
      store(base, at: start + 8)
      baseCount += 1
    }
    packCount += 1
  }

  /// Adds a block's chunks to the pack that was begun last.
  ///
  /// - Parameters:
  ///   - ids: 16 bytes each.
  ///   - lengths: 4 bytes each.
  package mutating func addBlock(_ ids: UnsafeRawBufferPointer, lengths: UnsafeRawBufferPointer) {
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
  /// - Parameter codes: Writes the codes of the pages behind them, for a run that is going to be a file.
  /// - Returns: nil when it is not what the layout promised.
  package func finish(_ codes: IndexPageCodes? = nil) throws -> IndexRun? {
    guard packCount == layout.packCount, baseCount == layout.baseCount, blockCount == layout.blockCount,
      chunkCount == layout.chunkCount
    else { return nil }
    store(chunkCount, at: layout.blocks + blockCount * 8)
    // What has its first word in place is a run: the word goes last.
    store(Int(bitPattern: UInt(IndexRunLayout.magic)), at: IndexRunLayout.Field.magic)
    if let codes { write(codes) }
    return IndexRun(.memory(memory), size: layout.size)
  }

  private func write(_ codes: IndexPageCodes) {
    let room = UnsafeMutableRawBufferPointer.allocate(
      byteCount: IndexPageCodes.prefixSize + IndexPageCodes.pageSize, alignment: 64)
    defer { room.deallocate() }
    room.initializeMemory(as: UInt8.self, repeating: 0)
    let plain = UnsafeMutableRawBufferPointer(rebasing: room[IndexPageCodes.prefixSize...])
    let start = IndexPageFile.codesOffset(layout.size)
    for page in 0..<IndexPageCodes.pageCount(layout.size) {
      let offset = page * IndexPageCodes.pageSize
      let end = min(offset + IndexPageCodes.pageSize, layout.size)
      plain.initializeMemory(as: UInt8.self, repeating: 0)
      plain.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory.bytes[offset..<end]))
      codes.code(ofPage: page, in: room).withUnsafeBytes { code in
        UnsafeMutableRawBufferPointer(rebasing: memory.bytes[(start + page * ChunkID.size)...]).copyMemory(from: code)
      }
    }
  }

  private func addToFilter(_ id: ChunkID) {
    let line = layout.filter + IndexProbe.line(of: id, among: layout.lineCount) * IndexRunLayout.lineSize
    for number in 0..<IndexProbe.bitsPerChunk {
      let bit = IndexProbe.bit(number, of: id)
      memory.bytes[line + bit >> 3] |= 1 << UInt8(bit & 7)
    }
  }

  /// Of an id that comes several times the first place counts; the next ones are for when that is damaged.
  private func addToSlots(_ id: ChunkID, number: Int) {
    let tag = IndexProbe.tag(of: id)
    var slot = probe.slot(of: id, among: layout.slotCount)
    var copies = 0
    while true {
      let offset = layout.slots + slot * IndexRunLayout.slotSize
      let entry = memory.bytes.load(fromByteOffset: offset, as: UInt64.self)
      if entry == 0 {
        memory.bytes.storeBytes(
          of: tag << IndexProbe.numberBits | UInt64(number + 1), toByteOffset: offset, as: UInt64.self)
        return
      }
      if entry >> IndexProbe.numberBits == tag, self.id(Int(entry & (1 << IndexProbe.numberBits - 1)) - 1) == id {
        copies += 1
        if copies == IndexProbe.copyLimit { return }
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
