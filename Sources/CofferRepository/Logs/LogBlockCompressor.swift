/// Hashes and compresses blocks of a log, and decompresses each again. One a thread.
final class LogBlockCompressor {
  private let compressor: BlockCompressor
  private let decompressor: BlockDecompressor
  private let level: Int
  private let content: BlockContent
  /// Room for one block as it is compressed, and as that is decompressed.
  private var room = [UInt8](repeating: 0, count: BlockCompressor.bound(LogDirectory.blockSize))
  private var again = [UInt8](repeating: 0, count: LogDirectory.blockSize)

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
    let count = try room.withUnsafeMutableBytes {
      try compressor.compress(plain, prefix: nil, level: level, content: content, into: $0)
    }
    guard count < plain.count else {
      return CompressedLogPart.Block(bytes: Array(plain), isCompressed: false, hash: hash)
    }
    let isSame = try room.withUnsafeBytes { coded in
      try again.withUnsafeMutableBytes { again in
        let restored = UnsafeMutableRawBufferPointer(rebasing: again[..<plain.count])
        try decompressor.decompress(UnsafeRawBufferPointer(rebasing: coded[..<count]), prefix: nil, into: restored)
        return UnsafeRawBufferPointer(restored).isEqual(to: plain)
      }
    }
    guard isSame else { throw SelfCheckFailed(stage: "compression") }
    return CompressedLogPart.Block(bytes: Array(room[..<count]), isCompressed: true, hash: hash)
  }
}
