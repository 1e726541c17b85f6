import CofferSystem

/// Compresses segments one after the other, in memory that it uses again. One a thread.
public final class SegmentCompressor {
  private let compressor: LogPartCompressor
  private let room = OwnedMemory(capacity: LogDirectory.blockSize)

  /// - Parameter level: zstd's.
  public init(compressionLevel level: Int) {
    compressor = LogPartCompressor(level: level, of: .pages, workers: 1)
  }

  /// - Throws: What `read` throws; `CompressionError`, `SelfCheckFailed`.
  public func compress(_ part: LogPart, reading read: CompressingLogPart.Reading) throws -> CompressedLogPart {
    try compressor.compress(size: part.size) { give in
      for start in stride(from: 0, to: part.size, by: LogDirectory.blockSize) {
        let block = UnsafeMutableRawBufferPointer(
          rebasing: room.bytes[..<min(LogDirectory.blockSize, part.size - start)])
        try read(start, block)
        try give(UnsafeRawBufferPointer(block))
      }
    }
  }
}
