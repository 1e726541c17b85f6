import CofferSystem

/// Finds where a tar archive of a database server's files is cut: each member by itself, behind every so many bytes of its content.
///
/// A server changes its files by the page, and a page stays at its place. So nothing is searched for: what is cut like this has the same
/// chunks from one day to the next but for those of which a page has changed. The block before a member is in its first chunk.
struct MemberCutter {
  /// Of the member's content, with what fills up its last block.
  private var left: UInt64 = 0
  /// Whether what came was no member, as at the archive's end.
  private var hasEnded = false

  /// Two pages of PostgreSQL, and as many bytes as the hash of a chunk takes at once.
  static let piece = 16 << 10
  /// Bytes of the longest chunk.
  static let longest = TarBlock.size + piece

  /// Takes the next chunk.
  ///
  /// - Parameter rest: What follows the chunks that were taken: at least `longest` bytes, or the rest of the stream.
  /// - Returns: Its length; nil from where on the stream is not made of members: nothing is known of the rest of it.
  mutating func next(in rest: UnsafeRawBufferPointer) -> Int? {
    guard !hasEnded else { return nil }
    var length = 0
    if left == 0 {
      guard let block = TarBlock([UInt8](rest.prefix(TarBlock.size))) else {
        hasEnded = true
        return nil
      }
      length = TarBlock.size
      left = block.isFile ? block.contentSize + UInt64(TarBlock.fill(after: block.contentSize)) : 0
    }
    let taken = min(left, UInt64(Self.piece))
    length += Int(taken)
    guard length <= rest.count else {
      hasEnded = true
      return nil
    }
    left -= taken
    return length
  }
}
