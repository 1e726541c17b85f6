/// The first 16 bytes of a chunk's keyed hash.
public struct ChunkID: Hashable, Sendable, Comparable, CustomStringConvertible {
  public static let size = 16
  static let zero = ChunkID(word: 0, rest: 0)

  /// The first eight bytes, the first of them in the highest bits.
  let word: UInt64
  /// The other eight.
  let rest: UInt64

  private init(word: UInt64, rest: UInt64) {
    self.word = word
    self.rest = rest
  }

  /// - Precondition: `bytes` holds at least 16 bytes; the first 16 are taken.
  public init(_ bytes: UnsafeRawBufferPointer) {
    precondition(bytes.count >= Self.size)
    word = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
    rest = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
  }

  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try Swift.withUnsafeBytes(of: (word.bigEndian, rest.bigEndian), body)
  }

  public var description: String { withUnsafeBytes { Hexadecimal.encode($0) } }

  public static func < (left: Self, right: Self) -> Bool {
    (left.word, left.rest) < (right.word, right.rest)
  }

  /// Ids are uniformly distributed already; one word says enough.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(word)
  }
}
