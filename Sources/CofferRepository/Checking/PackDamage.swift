import CofferSystem

/// What of the packs turned out not to be what was written.
struct PackDamage {
  /// Packs whose bytes or tables are not right, or that could not be looked into.
  var packs: Set<Digest256> = []
  var blocks: Set<BlockPlace> = []
  /// Packs of which nothing can be read: they are gone, or their directories do not open.
  var unreadable: Set<Digest256> = []
  /// Packs whose bytes, and at the deepest level blocks, were looked at.
  var examined: Set<Digest256> = []

  var isEmpty: Bool { packs.isEmpty && blocks.isEmpty && unreadable.isEmpty }

  /// Whether every byte of a pack was found to be right.
  func isWhole(_ pack: Digest256) -> Bool {
    examined.contains(pack) && !packs.contains(pack) && !unreadable.contains(pack)
      && !blocks.contains { $0.pack == pack }
  }
}
