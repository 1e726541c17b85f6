import CofferSystem

/// A 32-byte hash.
public struct Digest256: Hashable, Sendable, Comparable, CustomStringConvertible {
  public static let size = 32
  // The bytes in order, eight to a word, the first byte in the highest bits.
  private let words: (UInt64, UInt64, UInt64, UInt64)

  /// - Precondition: `bytes` holds at least 32 bytes; the first 32 are taken.
  public init(_ bytes: UnsafeRawBufferPointer) {
    precondition(bytes.count >= Self.size)
    func word(_ index: Int) -> UInt64 {
      UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
    }
    words = (word(0), word(1), word(2), word(3))
  }

  /// - Returns: nil unless `hex` is 64 lower-case digits.
  public init?(hex: String) {
    guard let bytes = Hexadecimal.decode(hex), bytes.count == Self.size else { return nil }
    self = bytes.withUnsafeBytes { Self($0) }
  }

  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    let bytes = (words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian)
    return try Swift.withUnsafeBytes(of: bytes, body)
  }

  public var hex: String { withUnsafeBytes { Hexadecimal.encode($0) } }

  public var description: String { hex }

  public static func == (left: Self, right: Self) -> Bool { left.words == right.words }

  public static func < (left: Self, right: Self) -> Bool { left.words < right.words }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(words.0)
  }
}
