import CofferSystem

/// Cuts a stream into chunks, whatever sizes it is read in.
struct StreamChunker {
  let chunker: Chunker

  /// Reads the stream to its end and calls `body` with each chunk's bytes, which are valid during the call only.
  ///
  /// - Parameter didRead: Called with the number of bytes of every piece that was read.
  func forEachChunk(
    of source: any ByteSource, didRead: (Int) throws -> Void, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let headroom = chunker.parameters.maximum
    let reader = ReadAhead(source, headroom: headroom)
    defer { reader.stop() }
    var current = try reader.next()
    // The unread bytes of `current` are `position..<end`.
    var position = headroom
    while let piece = current {
      let end = headroom + piece.filled
      try didRead(piece.filled)
      let rest = try cut(piece, from: position, to: end, isLast: false, body)
      let following = try reader.next()
      guard let following else {
        _ = try cut(piece, from: rest, to: end, isLast: true, body)
        return
      }
      let leftover = end - rest
      position = headroom - leftover
      UnsafeMutableRawBufferPointer(rebasing: following.bytes[position..<headroom])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: piece.bytes[rest..<end]))
      reader.recycle(piece)
      current = following
    }
  }

  /// Cuts chunks while their ends are certain.
  ///
  /// - Returns: Where the uncut rest begins; less than the longest chunk of it.
  private func cut(
    _ piece: ReadAhead.Piece, from start: Int, to end: Int, isLast: Bool,
    _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> Int {
    var position = start
    let needed = isLast ? 1 : chunker.parameters.maximum
    while end - position >= needed {
      let rest = UnsafeRawBufferPointer(rebasing: piece.bytes[position..<end])
      let length = chunker.nextChunkLength(in: rest)
      try body(UnsafeRawBufferPointer(rebasing: rest[..<length]))
      position += length
    }
    return position
  }
}
