import CofferSystem

/// Finds the full data that an edit is probably a changed copy of: what stands behind the known chunk in
/// front of it. Used by one thread at a time.
final class BaseFinder {
  /// A place in full data.
  struct Place: Equatable {
    let pack: Digest256
    let block: Int
    let offset: Int
    /// Bytes of the chunk that the place belongs to.
    let length: Int
  }

  private let context: RepositoryContext
  private let index: ChunkIndex
  private let packs: SharedCache<Digest256, PackReader>

  /// - Parameter packs: Shared with those who read the data.
  /// - Returns: nil for a key that cannot read what is stored.
  init?(context: RepositoryContext, index: ChunkIndex, packs: SharedCache<Digest256, PackReader>) {
    guard context.keys.dataPrivate != nil else { return nil }
    self.context = context
    self.index = index
    self.packs = packs
  }

  /// Returns the anchor of a chunk: its own place in a full block, or the place that it was coded against.
  ///
  /// - Returns: nil for a chunk that is not stored yet, or whose pack does not open: the caller does without.
  func anchor(of id: ChunkID) -> Place? {
    guard let location = index.location(of: id) else { return nil }
    let pack = location.pack
    guard let directory = directory(of: pack), directory.blocks.indices.contains(location.block) else { return nil }
    let block = directory.blocks[location.block]
    guard let chunk = directory.chunks[block.chunks].first(where: { $0.id == id }) else { return nil }
    guard block.coding == .delta else {
      return Place(pack: pack, block: location.block, offset: chunk.offset, length: chunk.length)
    }
    var position = 0
    for segment in block.prefix {
      if chunk.anchor < position + segment.length {
        let offset = segment.offset + chunk.anchor - position
        return Place(pack: segment.pack, block: segment.block, offset: offset, length: chunk.length)
      }
      position += segment.length
    }
    return nil
  }

  /// Returns how much full data is between two places.
  ///
  /// - Returns: nil when the second place is not behind the first one in the same pack, or more than `limit` bytes.
  func gap(between first: Place, and second: Place, limit: Int) -> Int? {
    guard first.pack == second.pack, first.block <= second.block, let directory = directory(of: first.pack),
      second.block < directory.blocks.count
    else { return nil }
    var gap = second.offset - first.offset - first.length
    for block in directory.blocks[first.block..<second.block] {
      gap += block.plainLength
      guard gap <= limit else { return nil }
    }
    return gap >= 0 ? gap : nil
  }

  /// Returns the full data from `lead` bytes before a place on, across blocks of its pack, at most `length` bytes.
  func segments(around place: Place, lead: Int, length: Int) -> [PackDirectory.Segment] {
    guard let directory = directory(of: place.pack) else { return [] }
    var segments: [PackDirectory.Segment] = []
    var offset = max(place.offset - lead, 0)
    var left = length
    for number in place.block..<max(directory.blocks.count, place.block) {
      let block = directory.blocks[number]
      guard left > 0, block.coding != .delta else { break }
      let count = min(left, block.plainLength - offset)
      if count > 0 {
        segments.append(.init(pack: place.pack, block: number, offset: offset, length: count))
        left -= count
      }
      offset = 0
    }
    return segments
  }

  private func directory(of pack: Digest256) -> PackDirectory? {
    try? packs.value(of: pack) { try PackReader(pack, context: context) }.directory
  }
}
