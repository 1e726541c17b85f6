/// Lays new chunks one after the other into blocks and hands full blocks to the pipeline. Used by one thread at a
/// time; kept between streams, so that many small streams share blocks.
package final class BlockFiller {
  private let kind: PackKind
  private let pipeline: BlockPipeline
  private var block: PendingBlock?
  /// Of the blocks that are begun from now on.
  var content = BlockContent.any
  /// What there is for blocks; none where nobody takes note of what is known.
  var patience = Patience()

  /// Plain bytes of a block at most.
  package static let target = 512 << 10

  init(kind: PackKind, pipeline: BlockPipeline) {
    self.kind = kind
    self.pipeline = pipeline
  }

  /// Adds a chunk that the repository does not have.
  func append(_ id: ChunkID, _ bytes: UnsafeRawBufferPointer) throws {
    if let block, !block.hasRoom(for: bytes.count) { try flush() }
    let current =
      block
      ?? PendingBlock(
        kind: kind, content: content, capacity: max(Self.target, bytes.count), from: pipeline.memory)
    block = current
    current.append(id, bytes)
  }

  /// Hands over the block that is being filled.
  func flush() throws {
    guard let full = block, !full.isEmpty else { return }
    block = nil
    full.isPatient = patience.take(full.plainLength)
    try pipeline.submit(full)
  }
}
