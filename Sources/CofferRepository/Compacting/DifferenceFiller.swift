import CofferSystem

/// Lays chunks into blocks that are coded against data which was written anew.
struct DifferenceFiller {
  private let packs: NewPacks
  private var block: PendingBlock?
  private var prefixLength = 0

  init(_ packs: NewPacks) {
    self.packs = packs
  }

  /// - Throws: The first failure of storing.
  mutating func append(_ id: ChunkID, _ bytes: UnsafeRawBufferPointer, _ base: RewrittenPlaces.Base) throws {
    if let block, !hasRoom(for: bytes.count, base, in: block) { try flush() }
    let current = block ?? PendingBlock(kind: .data, capacity: max(EditGatherer.blockTarget, bytes.count))
    current.isNoBase = true
    block = current
    for segment in base.segments where !current.prefix.contains(where: { $0.holds(segment) && segment.end <= $0.end }) {
      prefixLength += current.lean(on: segment)
    }
    current.append(id, bytes, anchor: current.position(of: base.anchor) ?? 0)
  }

  private func hasRoom(for count: Int, _ base: RewrittenPlaces.Base, in block: PendingBlock) -> Bool {
    block.hasRoom(for: count)
      && prefixLength + base.segments.reduce(0) { $0 + $1.length } <= EditGatherer.prefixLimit
      && block.prefix.count + base.segments.count <= EditGatherer.segmentLimit
  }

  /// Hands over the block that is being filled.
  ///
  /// - Throws: The first failure of storing.
  mutating func flush() throws {
    guard let full = block else { return }
    block = nil
    prefixLength = 0
    try packs.submit(full)
  }
}
