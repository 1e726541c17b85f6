import CofferSystem
import Synchronization

/// An index object that a run was made of.
package struct IndexSource: Sendable, Hashable, Comparable {
  let digest: Digest256
  /// The round of compaction that the session which wrote it saw.
  let round: Int

  package init(_ digest: Digest256, round: Int = 0) {
    self.digest = digest
    self.round = round
  }

  package static func < (left: IndexSource, right: IndexSource) -> Bool {
    (left.digest, left.round) < (right.digest, right.round)
  }
}

/// A part of the index that does not change any more: which chunk is in which block of which pack. Safe to share between
/// threads.
package final class IndexRun: Sendable {
  /// What the run knows of a pack.
  package struct Pack: Sendable, Equatable {
    let digest: Digest256
    let kind: PackKind
    let size: Int
    let plainSize: Int
    /// Who signed the pack, where that is not whose word the run is.
    let signer: KeyID?

    package init(digest: Digest256, kind: PackKind, size: Int, plainSize: Int, signer: KeyID? = nil) {
      self.digest = digest
      self.kind = kind
      self.size = size
      self.plainSize = plainSize
      self.signer = signer
    }
  }

  package let layout: IndexRunLayout
  /// Whose word the run is.
  let signer: KeyID
  let pages: IndexPages
  /// The tables before the filter: few enough bytes to be held.
  private let head: [UInt8]
  let probe: IndexProbe
  /// Numbers of the chunks that are in packs which are not to be leaned on, in order.
  private let avoided: [Range<Int>]
  /// nil until somebody asks.
  private let unlisted = Mutex<UnlistedPlaces?>(nil)

  /// Takes memory that a builder has filled, or pages of a file that one has written.
  ///
  /// - Returns: nil when it is not a whole run.
  init?(_ pages: IndexPages, size: Int) {
    guard size >= IndexRunLayout.headerSize, let start = pages.copy(0..<IndexRunLayout.headerSize) else { return nil }
    func field(_ offset: Int) -> Int {
      start.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Int.self) }
    }
    guard UInt(bitPattern: field(IndexRunLayout.Field.magic)) == UInt(IndexRunLayout.magic) else { return nil }
    let layout = IndexRunLayout(
      sourceCount: field(IndexRunLayout.Field.sources), packCount: field(IndexRunLayout.Field.packs),
      baseCount: field(IndexRunLayout.Field.bases), blockCount: field(IndexRunLayout.Field.blocks),
      chunkCount: field(IndexRunLayout.Field.chunks))
    guard let layout, layout.size <= size, IndexPageCodes.pageCount(layout.size) == IndexPageCodes.pageCount(size),
      let head = pages.copy(0..<layout.filter)
    else { return nil }
    self.layout = layout
    self.pages = pages
    self.head = head
    signer = KeyID(Array(start[IndexRunLayout.Field.signer..<IndexRunLayout.Field.signer + KeyID.size]))
    probe = IndexProbe(nonce: Array(start[IndexRunLayout.Field.nonce..<IndexRunLayout.Field.nonce + 16]))
    avoided = []
  }

  private init(_ run: IndexRun, avoided: [Range<Int>]) {
    layout = run.layout
    signer = run.signer
    pages = run.pages
    head = run.head
    probe = run.probe
    self.avoided = avoided
  }

  /// The same run, which leans on none of the packs with these numbers.
  func avoiding(_ packs: Set<Int>) -> IndexRun {
    guard !packs.isEmpty else { return self }
    return IndexRun(
      self,
      avoided: packs.sorted().compactMap { number in
        let blocks = blocks(ofPack: number)
        return blocks.isEmpty ? nil : firstChunk(ofBlock: blocks.lowerBound)..<firstChunk(ofBlock: blocks.upperBound)
      })
  }

  /// Whether a page of the run's file turned out not to be what was written.
  var isDamaged: Bool { pages.isDamaged }

  /// The index objects that it was made of.
  var sources: [IndexSource] {
    (0..<layout.sourceCount).map { number in
      let start = layout.sources + number * IndexRunLayout.sourceSize
      return IndexSource(digest(at: start), round: word(start + Digest256.size))
    }
  }

  func pack(_ number: Int) -> Pack {
    let start = layout.packs + number * IndexRunLayout.packSize
    return Pack(
      digest: digest(at: start), kind: PackKind(rawValue: UInt8(truncatingIfNeeded: word(start + 56))) ?? .data,
      size: word(start + 40), plainSize: word(start + 48),
      signer: word(start + 56) >> 8 & 1 == 1 ? KeyID(Array(head[start + 64..<start + 64 + KeyID.size])) : nil)
  }

  /// Which packs lean on which others, by their numbers.
  var bases: [(pack: Int, base: Digest256)] {
    (0..<layout.baseCount).map { number in
      let start = layout.bases + number * IndexRunLayout.baseSize
      return (word(start), digest(at: start + 8))
    }
  }

  /// The numbers of a pack's blocks, over all packs.
  func blocks(ofPack number: Int) -> Range<Int> {
    let end = number + 1 < layout.packCount ? firstBlock(ofPack: number + 1) : layout.blockCount
    return firstBlock(ofPack: number)..<end
  }

  /// The numbers of a block's chunks, over all packs.
  func chunks(ofBlock number: Int) -> Range<Int> { firstChunk(ofBlock: number)..<firstChunk(ofBlock: number + 1) }

  /// - Returns: nil when the file is damaged there.
  func id(_ number: Int) -> ChunkID? {
    pages.load(layout.ids + number * ChunkID.size, as: (UInt64, UInt64).self).map { words in
      withUnsafeBytes(of: words) { ChunkID($0) }
    }
  }

  /// Bytes of the chunk; nil when the file is damaged there.
  func length(_ number: Int) -> Int? {
    pages.load(layout.lengths + number * IndexRunLayout.lengthSize, as: UInt32.self).map(Int.init)
  }

  /// The ids of chunks, as they lie; nil when the file is damaged there.
  func idBytes(_ chunks: Range<Int>) -> [UInt8]? { part(layout.ids, chunks, ChunkID.size) }

  /// The lengths of chunks, as they lie; nil when the file is damaged there.
  func lengthBytes(_ chunks: Range<Int>) -> [UInt8]? { part(layout.lengths, chunks, IndexRunLayout.lengthSize) }

  private func part(_ table: Int, _ rows: Range<Int>, _ rowSize: Int) -> [UInt8]? {
    pages.copy(table + rows.lowerBound * rowSize..<table + rows.upperBound * rowSize)
  }

  /// The number of the chunk with this id that is to be leaned on; nil when the run has none.
  func number(of id: ChunkID) -> Int? {
    var found: Int?
    forEachCopy(of: id) { number in
      guard !isAvoided(number) else { return true }
      found = number
      return false
    }
    return found
  }

  /// The numbers of all chunks with this id, those in packs that are not to be leaned on too.
  func numbers(of id: ChunkID) -> [Int] {
    var found: [Int] = []
    forEachCopy(of: id) { number in
      found.append(number)
      return true
    }
    return found
  }

  /// The numbers of further chunks with this id, which the table does not name because it names enough others.
  func unlistedNumbers(of id: ChunkID) -> [Int] {
    guard numbers(of: id).count >= IndexProbe.copyLimit else { return [] }
    let places = unlisted.withLock { places in
      let known = places ?? UnlistedPlaces(self)
      places = known
      return known
    }
    return places.numbers(of: id, in: self)
  }

  /// Whether a chunk is in a pack that is not to be leaned on.
  func isAvoided(_ number: Int) -> Bool {
    guard !avoided.isEmpty else { return false }
    return avoided.contains { $0.contains(number) }
  }

  private func forEachCopy(of id: ChunkID, _ body: (Int) -> Bool) {
    guard layout.chunkCount > 0, mayHold(id) else { return }
    var slot = probe.slot(of: id, among: layout.slotCount)
    for _ in 0..<layout.slotCount {
      guard let entry = pages.load(layout.slots + slot * IndexRunLayout.slotSize, as: UInt64.self), entry != 0 else {
        return
      }
      let number = Int(entry & (1 << IndexProbe.numberBits - 1)) - 1
      if entry >> IndexProbe.numberBits == IndexProbe.tag(of: id), (0..<layout.chunkCount).contains(number),
        self.id(number) == id, !body(number)
      {
        return
      }
      slot = slot + 1 < layout.slotCount ? slot + 1 : 0
    }
  }

  /// Whether the id may be in the run; a look at one cache line tells most of those that are not.
  private func mayHold(_ id: ChunkID) -> Bool {
    let line = layout.filter + IndexProbe.line(of: id, among: layout.lineCount) * IndexRunLayout.lineSize
    guard let bits = pages.load(line, as: SIMD64<UInt8>.self) else { return false }
    return (0..<IndexProbe.bitsPerChunk).allSatisfy { number in
      let bit = IndexProbe.bit(number, of: id)
      return bits[bit >> 3] & (1 << UInt8(bit & 7)) != 0
    }
  }

  /// Where a chunk is.
  func location(ofNumber number: Int) -> BlockPlace {
    let (pack, block) = packAndBlock(ofChunk: number)
    return BlockPlace(pack: self.pack(pack).digest, block: block - firstBlock(ofPack: pack))
  }

  /// The pack that a chunk is in, and the numbers of all chunks in it.
  func pack(ofChunk number: Int) -> (digest: Digest256, chunks: Range<Int>) {
    let pack = packAndBlock(ofChunk: number).pack
    return (self.pack(pack).digest, chunks(ofPack: pack))
  }

  private func packAndBlock(ofChunk number: Int) -> (pack: Int, block: Int) {
    let block = Self.last(in: 0..<layout.blockCount) { firstChunk(ofBlock: $0) <= number }
    return (Self.last(in: 0..<layout.packCount) { firstBlock(ofPack: $0) <= block }, block)
  }

  /// The numbers of a pack's chunks, over all packs.
  func chunks(ofPack number: Int) -> Range<Int> {
    let blocks = blocks(ofPack: number)
    return firstChunk(ofBlock: blocks.lowerBound)..<firstChunk(ofBlock: blocks.upperBound)
  }

  /// The packs with chunks that may be leaned on.
  var leanablePacks: some Sequence<Digest256> {
    (0..<layout.packCount).lazy.filter { number in
      let chunks = self.chunks(ofPack: number)
      return !chunks.isEmpty && !self.isAvoided(chunks.lowerBound)
    }.map { self.pack($0).digest }
  }

  private func firstBlock(ofPack number: Int) -> Int { word(layout.packs + number * IndexRunLayout.packSize + 32) }

  private func firstChunk(ofBlock number: Int) -> Int { word(layout.blocks + number * 8) }

  private func word(_ offset: Int) -> Int {
    head.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Int.self) }
  }

  private func digest(at offset: Int) -> Digest256 {
    head.withUnsafeBytes { Digest256(UnsafeRawBufferPointer(rebasing: $0[offset...])) }
  }

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
