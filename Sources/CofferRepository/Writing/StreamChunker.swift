import CofferSystem

/// Lays a stream out so that each chunk is in one piece of memory, whatever sizes it is read in.
struct StreamChunker {
  /// Bytes of the longest chunk.
  let maximum: Int
  var times: Timings?

  /// Reads the stream to its end.
  ///
  /// - Parameters:
  ///   - didRead: Called with the number of bytes of every piece that was read.
  ///   - take: Called with the bytes that follow the chunks taken so far, as many as there are: at least `maximum`, or
  ///     the rest of the stream. They are valid during the call only. Returns the next chunk's length.
  func forEachChunk(
    of source: any ByteSource, didRead: (Int) throws -> Void, take: (UnsafeRawBufferPointer) throws -> Int
  ) throws {
    let headroom = maximum
    let reader = ReadAhead(source, headroom: headroom, times: times)
    defer { reader.stop() }
    var current = try reader.next()
    // The unread bytes of `current` are `position..<end`.
    var position = headroom
    while let piece = current {
      let end = headroom + piece.filled
      try didRead(piece.filled)
      let rest = try cut(piece, from: position, to: end, leaving: maximum - 1, take)
      let following = try reader.next()
      guard let following else {
        _ = try cut(piece, from: rest, to: end, leaving: 0, take)
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

  /// Cuts chunks off until at most `leaving` bytes are left.
  ///
  /// - Returns: Where the uncut rest begins.
  private func cut(
    _ piece: ReadAhead.Piece, from start: Int, to end: Int, leaving: Int,
    _ take: (UnsafeRawBufferPointer) throws -> Int
  ) throws -> Int {
    var position = start
    while end - position > leaving {
      position += try take(UnsafeRawBufferPointer(rebasing: piece.bytes[position..<end]))
    }
    return position
  }
}
