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
    fullPlace(ofOffset: chunk.offset, anchor: chunk.anchor, in: block, of: pack)
  }

  fileprivate func fullPlace(ofOffset offset: Int, anchor: Int, in block: Int, of pack: Digest256) -> FullPlace? {
    guard blocks[block].coding == .delta else {
      return FullPlace(block: BlockPlace(pack: pack, block: block), offset: offset)
    }
    var position = 0
    for segment in blocks[block].prefix {
      if anchor < position + segment.length {
        return FullPlace(
          block: BlockPlace(pack: segment.pack, block: segment.block),
          offset: segment.offset + anchor - position)
      }
      position += segment.length
    }
    return nil
  }
}

extension PackNeeds {
  /// Returns a chunk's place in full data.
  ///
  /// - Returns: As `PackDirectory.fullPlace`; nil for a chunk of which only index objects tell.
  func fullPlace(of chunk: Chunk) -> FullPlace? {
    guard let block = chunk.block else { return nil }
    return reader?.directory.fullPlace(ofOffset: chunk.offset, anchor: chunk.anchor, in: block, of: pack)
  }
}
