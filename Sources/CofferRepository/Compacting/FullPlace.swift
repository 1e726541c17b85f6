import CofferSystem

/// A place in full data: that of a chunk which is stored in full, or the one that a chunk was coded against.
struct FullPlace {
  let block: BlockPlace
  let offset: Int
}

extension PackDirectory {
  /// Returns a chunk's place in full data.
  ///
  /// - Parameter pack: The pack that the directory is of.
  /// - Returns: nil for an anchor that is nowhere.
  func fullPlace(of chunk: Chunk, in block: Int, of pack: Digest256) -> FullPlace? {
    guard blocks[block].coding == .delta else {
      return FullPlace(block: BlockPlace(pack: pack, block: block), offset: chunk.offset)
    }
    var position = 0
    for segment in blocks[block].prefix {
      if chunk.anchor < position + segment.length {
        return FullPlace(
          block: BlockPlace(pack: segment.pack, block: segment.block),
          offset: segment.offset + chunk.anchor - position)
      }
      position += segment.length
    }
    return nil
  }
}
