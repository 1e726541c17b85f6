import CofferSystem

/// Finds the full data that an edit is probably a changed copy of: what stood between the same known chunks. Used by one
/// thread at a time.
final class BaseFinder {
  /// A place in full data.
  private struct Place {
    let pack: Digest256
    let block: Int
    let offset: Int
    /// Bytes of the chunk that the place belongs to.
    let length: Int
  }

  private let context: RepositoryContext
  private let index: ChunkIndex
  private let packs: SharedCache<Digest256, PackReader>

  /// Bytes of base on either side of what an edit replaces.
  private static let lead = 4 << 10
  /// The same of what a node of a recipe replaces.
  private static let nodeLead = 1 << 10
  /// Bytes by which the base is longer than the edit if it is not known what that replaces.
  private static let slack = 32 << 10
  /// Bytes that an edit may replace.
  private static let gapLimit = 1 << 20
  /// Stretches that they may be in.
  private static let segmentLimit = 1 << 8

  /// - Parameter packs: Shared with those who read the data.
  /// - Returns: nil for a key that cannot read what is stored.
  init?(context: RepositoryContext, index: ChunkIndex, packs: SharedCache<Digest256, PackReader>) {
    guard context.keys.dataPrivate != nil else { return nil }
    self.context = context
    self.index = index
    self.packs = packs
  }

  /// Returns what stands for the chunks that the edit replaces, each by itself, wherever it is stored.
  ///
  /// - Parameter chunks: What was between `front` and `behind`.
  /// - Returns: nil when not all of it is there.
  func base(replacing chunks: ArraySlice<ChunkID>, between front: ChunkID, and behind: ChunkID) -> EditBase? {
    guard let before = fullData(of: front, lead: 0, trail: Self.lead),
      let after = fullData(of: behind, lead: Self.lead, trail: 0)
    else { return nil }
    var base = EditBase()
    before.around.forEach { base.add($0) }
    for chunk in chunks {
      guard let data = fullData(of: chunk, lead: Self.lead, trail: Self.lead) else { return nil }
      data.around.forEach { base.add($0) }
      data.own.forEach { base.replace($0) }
      guard base.segments.count <= Self.segmentLimit else { return nil }
    }
    after.around.forEach { base.add($0) }
    if base.replaced.isEmpty, let last = before.own.last { base.replace(last.part(from: last.length - 1, length: 1)) }
    return base.replaced.isEmpty || base.length > Self.gapLimit || !isNear(base) ? nil : base
  }

  /// Returns what stands behind the known chunk in front of an edit, for streams of which no earlier state is known.
  ///
  /// - Parameters:
  ///   - length: Bytes of the edit.
  ///   - behind: The known chunk behind the edit.
  func base(ofLength length: Int, behind front: ChunkID, before behind: ChunkID?) -> EditBase? {
    guard let place = anchor(of: front) else { return nil }
    let replaced = behind.flatMap(anchor).flatMap { gap(between: place, and: $0, limit: Self.gapLimit) }
    let wanted = Self.lead + place.length + (replaced.map { $0 + Self.lead } ?? length + Self.slack)
    var base = EditBase()
    var left = min(place.offset, Self.lead) + place.length
    for segment in segments(around: place, lead: Self.lead, length: wanted) {
      base.add(segment)
      let skipped = min(left, segment.length)
      left -= skipped
      base.replace(segment.part(from: skipped, length: segment.length - skipped))
    }
    if base.replaced.isEmpty, let last = base.segments.last {
      base.replace(last.part(from: last.length - 1, length: 1))
    }
    return base.segments.isEmpty || !isNear(base) ? nil : base
  }

  /// Returns what stands for nodes of a recipe, wherever each of them is stored.
  ///
  /// - Returns: nil when none of it is there.
  func base(replacing nodes: [ChunkID]) -> EditBase? {
    var base = EditBase()
    for node in nodes {
      // What has the node's place in full data may have been shorter or longer.
      guard let data = fullData(of: node, lead: Self.nodeLead, trail: Self.nodeLead) else { continue }
      data.around.forEach { base.add($0) }
      data.own.forEach { base.replace($0) }
      guard base.segments.count <= Self.segmentLimit else { return nil }
    }
    return base.replaced.isEmpty || base.length > Self.gapLimit || !isNear(base) ? nil : base
  }

  /// Whether all that the edit would be coded against can be read without a download.
  private func isNear(_ base: EditBase) -> Bool {
    !context.surroundings.isFar || base.segments.allSatisfy { directory(of: $0.pack) != nil }
  }

  /// Returns a chunk's own bytes in full data, or those that it was coded against, and with them what is around.
  ///
  /// - Returns: nil for a chunk that is not stored yet, or whose pack does not open: the caller does without.
  private func fullData(
    of id: ChunkID, lead: Int, trail: Int
  ) -> (own: [PackDirectory.Segment], around: [PackDirectory.Segment])? {
    guard let found = entry(of: id) else { return nil }
    let (place, block, chunk) = found
    let whole: [PackDirectory.Segment]
    let start: Int
    if block.coding == .delta {
      whole = block.prefix
      start = chunk.anchor
    } else {
      whole = [.init(pack: place.pack, block: place.block, offset: 0, length: block.plainLength)]
      start = chunk.offset
    }
    func part(_ range: Range<Int>) -> [PackDirectory.Segment] {
      var position = 0
      return whole.compactMap { segment in
        defer { position += segment.length }
        let common = range.clamped(to: position..<position + segment.length)
        return common.isEmpty ? nil : segment.part(from: common.lowerBound - position, length: common.count)
      }
    }
    let end = start + chunk.length
    return (part(start..<end), part(max(start - lead, 0)..<end + trail))
  }

  private func entry(of id: ChunkID) -> (BlockPlace, PackDirectory.Block, PackDirectory.Chunk)? {
    guard let place = index.location(of: id), let directory = directory(of: place.pack),
      directory.blocks.indices.contains(place.block)
    else { return nil }
    let block = directory.blocks[place.block]
    return directory.chunks[block.chunks].first { $0.id == id }.map { (place, block, $0) }
  }

  /// Returns the anchor of a chunk: its own place in a full block, or the place that it was coded against.
  ///
  /// - Returns: nil for a chunk that is not stored yet, or whose pack does not open: the caller does without.
  private func anchor(of id: ChunkID) -> Place? {
    guard let (place, block, chunk) = entry(of: id) else { return nil }
    guard block.coding == .delta else {
      return Place(pack: place.pack, block: place.block, offset: chunk.offset, length: chunk.length)
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
  private func gap(between first: Place, and second: Place, limit: Int) -> Int? {
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
  private func segments(around place: Place, lead: Int, length: Int) -> [PackDirectory.Segment] {
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
