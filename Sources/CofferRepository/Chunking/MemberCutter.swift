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
  static let longest = blockSize + piece

  private static let blockSize = 512
  // As ustar has them (POSIX.1-1988).
  private static let (sizePlace, kindPlace, magicPlace) = (124..<136, 156, 257)
  private static let magic = Array("ustar".utf8)

  /// Takes the next chunk.
  ///
  /// - Parameter rest: What follows the chunks that were taken: at least `longest` bytes, or the rest of the stream.
  /// - Returns: Its length; nil from where on the stream is not made of members: nothing is known of the rest of it.
  mutating func next(in rest: UnsafeRawBufferPointer) -> Int? {
    guard !hasEnded else { return nil }
    var length = 0
    if left == 0 {
      guard let size = Self.contentSize(rest) else {
        hasEnded = true
        return nil
      }
      length = Self.blockSize
      left = size
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

  /// - Returns: nil for what is no block before a member.
  private static func contentSize(_ block: UnsafeRawBufferPointer) -> UInt64? {
    guard block.count >= blockSize,
      UnsafeRawBufferPointer(rebasing: block[magicPlace..<magicPlace + magic.count]).elementsEqual(magic),
      let size = number(UnsafeRawBufferPointer(rebasing: block[sizePlace])), size <= 1 << 56
    else { return nil }
    let isFile = block[kindPlace] == UInt8(ascii: "0") || block[kindPlace] == 0
    let mask = UInt64(blockSize - 1)
    return isFile ? (size + mask) & ~mask : 0
  }

  /// Octal digits, or a binary number as GNU tar writes it.
  private static func number(_ field: UnsafeRawBufferPointer) -> UInt64? {
    if field.first == 0x80 { return field.dropFirst().reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
    var value: UInt64 = 0
    for byte in field where byte != 0 && byte != UInt8(ascii: " ") {
      guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(byte) else { return nil }
      // Twelve digits at most.
      value = value << 3 | UInt64(byte - UInt8(ascii: "0"))
    }
    return value
  }
}
