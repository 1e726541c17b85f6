import CofferSystem

/// Lays a stream's new chunks into blocks: edits, which are short and stand between known chunks, into delta blocks,
/// everything else into full ones.
final class EditGatherer: @unchecked Sendable {
  // Sound because a gatherer is either in its session's list of idle ones or used by one thread.
  private let full: BlockFiller
  private let pipeline: BlockPipeline
  private let bases: BaseFinder?

  /// The known chunk in front of the edit; nil at a stream's beginning and in edits that are too long.
  private var front: ChunkID?
  private var editBytes: [UInt8] = []
  private var editChunks: [BlockChunk] = []
  private var delta: PendingBlock?
  private var prefixLength = 0

  /// Longer ones are new data rather than edits.
  private static let editLimit = 500 << 10
  /// Bytes before the anchor of the chunk in front that belong to the prefix.
  private static let lead = 4 << 10
  /// Bytes by which the prefix is longer than the edit if it is not known what that replaces.
  private static let slack = 32 << 10
  /// Bytes that an edit may replace.
  private static let gapLimit = 1 << 20
  /// Bytes of prefix that one block may lean on; within the window that the compressor is given.
  private static let prefixLimit = 4 << 20

  /// - Parameter bases: nil for keys that cannot read: all blocks are full then.
  init(full: BlockFiller, pipeline: BlockPipeline, bases: BaseFinder?) {
    self.full = full
    self.pipeline = pipeline
    self.bases = bases
  }

  /// Takes note of a chunk that is stored already.
  func pass(_ id: ChunkID) throws {
    if !editChunks.isEmpty { try endEdit(before: id) }
    front = id
  }

  /// Takes a chunk that is to be stored.
  func add(_ id: ChunkID, _ bytes: UnsafeRawBufferPointer) throws {
    if bases != nil, front != nil, editBytes.count + bytes.count <= Self.editLimit {
      editBytes.append(contentsOf: bytes)
      editChunks.append(BlockChunk(id: id, length: bytes.count))
      return
    }
    if !editChunks.isEmpty { try storeEditInFull() }
    front = nil
    try full.append(id, bytes)
  }

  /// Ends the stream: what comes next has no neighbour in front.
  func endStream() throws {
    if !editChunks.isEmpty { try endEdit(before: nil) }
    front = nil
  }

  /// Hands over the blocks that are being filled.
  func flush() throws {
    try flushDelta()
    try full.flush()
  }

  /// - Parameter behind: The known chunk behind the edit.
  private func endEdit(before behind: ChunkID?) throws {
    guard let front, let bases, let place = bases.anchor(of: front) else { return try storeEditInFull() }
    let replaced = behind.flatMap(bases.anchor).flatMap { bases.gap(between: place, and: $0, limit: Self.gapLimit) }
    let wanted = Self.lead + place.length + (replaced.map { $0 + Self.lead } ?? editBytes.count + Self.slack)
    let segments = bases.segments(around: place, lead: Self.lead, length: wanted)
    guard !segments.isEmpty else { return try storeEditInFull() }
    if let delta, !delta.hasRoom(for: editBytes.count) || prefixLength + wanted > Self.prefixLimit { try flushDelta() }
    let block = delta ?? PendingBlock(kind: .data, capacity: BlockFiller.target)
    delta = block
    let begin = append(segments, to: block)
    var anchor = begin + min(place.offset, Self.lead) + place.length
    editBytes.withUnsafeBytes { bytes in
      var offset = 0
      for chunk in editChunks {
        block.append(
          chunk.id, UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + chunk.length]),
          anchor: min(anchor, prefixLength - 1))
        offset += chunk.length
        anchor += chunk.length
      }
    }
    clearEdit()
  }

  /// Adds segments to the block's prefix; one that overlaps the last is joined with it.
  ///
  /// - Returns: Where the first segment begins in the prefix.
  private func append(_ segments: [PackDirectory.Segment], to block: PendingBlock) -> Int {
    var begin: Int?
    for segment in segments {
      guard let last = block.prefix.last, last.pack == segment.pack, last.block == segment.block,
        (last.offset...last.offset + last.length).contains(segment.offset)
      else {
        begin = begin ?? prefixLength
        block.prefix.append(segment)
        prefixLength += segment.length
        continue
      }
      let length = max(last.length, segment.offset + segment.length - last.offset)
      begin = begin ?? prefixLength - last.length + segment.offset - last.offset
      block.prefix[block.prefix.count - 1] = .init(
        pack: last.pack, block: last.block, offset: last.offset, length: length)
      prefixLength += length - last.length
    }
    return begin ?? prefixLength
  }

  private func storeEditInFull() throws {
    try editBytes.withUnsafeBytes { bytes in
      var offset = 0
      for chunk in editChunks {
        try full.append(chunk.id, UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + chunk.length]))
        offset += chunk.length
      }
    }
    clearEdit()
  }

  private func clearEdit() {
    editBytes.removeAll(keepingCapacity: true)
    editChunks.removeAll(keepingCapacity: true)
  }

  private func flushDelta() throws {
    guard let block = delta else { return }
    delta = nil
    prefixLength = 0
    try pipeline.submit(block)
  }
}
