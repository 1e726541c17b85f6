import CofferSystem

/// Lays new nodes of recipes into blocks: those that take the place of others into blocks that are coded against these, all others
/// into full ones. Used by one thread at a time; kept between streams, so that many small streams share blocks.
///
/// A node lists a hundred chunks and more, so wherever one chunk in ten is new, nearly every node is, and says mostly what
/// another has said.
final class NodeFiller {
  private let full: BlockFiller
  private let pipeline: BlockPipeline
  private var delta: PendingBlock?
  private var prefixLength = 0

  /// Plain bytes of a block at most that is coded against others, unless a node is longer.
  private static let target = 128 << 10
  /// Plain bytes from which such a block is worth what has to be said of it.
  private static let worthIt = 8 << 10

  init(_ pipeline: BlockPipeline) {
    self.pipeline = pipeline
    full = BlockFiller(kind: .tree, pipeline: pipeline)
  }

  /// Adds a node that the repository does not have.
  ///
  /// - Parameter base: What has its place in full data; nil where nothing is known to have it.
  func append(_ id: ChunkID, _ bytes: UnsafeRawBufferPointer, _ base: EditBase?) throws {
    guard let base else { return try full.append(id, bytes) }
    if let delta, !hasRoom(for: bytes.count, base, in: delta) { try flushDelta() }
    let block = delta ?? PendingBlock(kind: .tree, capacity: max(Self.target, bytes.count))
    delta = block
    for segment in base.segments { prefixLength += block.lean(on: segment) }
    block.append(id, bytes, anchor: base.place(of: 0).flatMap(block.position) ?? 0)
  }

  private func hasRoom(for count: Int, _ base: EditBase, in block: PendingBlock) -> Bool {
    block.hasRoom(for: count) && prefixLength + base.length <= EditGatherer.prefixLimit
      && block.prefix.count + base.segments.count <= EditGatherer.segmentLimit
  }

  /// Hands over the blocks that are being filled.
  func flush() throws {
    try flushDelta()
    try full.flush()
  }

  private func flushDelta() throws {
    guard let block = delta else { return }
    delta = nil
    prefixLength = 0
    guard block.plainLength < Self.worthIt else { return try pipeline.submit(block) }
    var offset = 0
    for chunk in block.chunks {
      try full.append(chunk.id, UnsafeRawBufferPointer(rebasing: block.plain[offset..<offset + chunk.length]))
      offset += chunk.length
    }
  }
}
