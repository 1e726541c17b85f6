import CofferSystem

/// Hashes and compresses blocks of a log, and decompresses each again. One a thread.
final class LogBlockCompressor {
  private let compressor: BlockCompressor
  private let decompressor: BlockDecompressor
  private let level: Int
  private let content: BlockContent
  /// Room for one block as it is compressed, and as that is decompressed.
  private let room = OwnedMemory(capacity: BlockCompressor.bound(LogDirectory.blockSize))
  private let again = OwnedMemory(capacity: LogDirectory.blockSize)

  /// - Parameters:
  ///   - level: zstd's.
  ///   - content: What the blocks hold.
  init(level: Int, of content: BlockContent) throws {
    self.level = level
    self.content = content
    compressor = try BlockCompressor()
    decompressor = try BlockDecompressor()
  }

  /// - Throws: `SelfCheckFailed`; `CompressionError`.
  func compress(_ plain: UnsafeRawBufferPointer) throws -> CompressedLogPart.Block {
    let hash = SegmentHasher.hash(ofBlock: plain)
    let count = try compressor.compress(plain, prefix: nil, level: level, content: content, into: room.bytes)
    guard count < plain.count else {
      return CompressedLogPart.Block(bytes: Array(plain), isCompressed: false, hash: hash)
    }
    let coded = UnsafeRawBufferPointer(rebasing: room.bytes[..<count])
    let restored = UnsafeMutableRawBufferPointer(rebasing: again.bytes[..<plain.count])
    try decompressor.decompress(coded, prefix: nil, into: restored)
    guard UnsafeRawBufferPointer(restored).isEqual(to: plain) else { throw SelfCheckFailed(stage: "compression") }
    return CompressedLogPart.Block(bytes: Array(coded), isCompressed: true, hash: hash)
  }
}
