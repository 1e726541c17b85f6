import CofferSystem

/// The bytes of a part of a log, hashed, and compressed block by block: what storing it takes without a key.
public struct CompressedLogPart: Sendable {
  struct Block: Sendable {
    /// Not sealed.
    let bytes: [UInt8]
    let isCompressed: Bool
    /// Of what it was before it was compressed, by `SegmentHasher`.
    let hash: Digest256
  }

  /// Bytes, not compressed.
  let size: Int
  /// By `SegmentHashing.current`.
  let hash: Digest256
  let blocks: [Block]

  init(size: Int, blocks: [Block]) throws {
    self.size = size
    self.blocks = blocks
    hash = try SegmentHasher.hash(ofBlocks: blocks.lazy.map(\.hash))
  }

  /// - Throws: `CompressionError`, which no bytes give that were compressed here.
  func hash(by hashing: SegmentHashing) throws -> Digest256 {
    guard hashing != .current else { return hash }
    let hasher = try SegmentHasher(hashing)
    let decompressor = try BlockDecompressor()
    var plain = [UInt8](repeating: 0, count: LogDirectory.blockSize)
    for (number, block) in blocks.enumerated() {
      guard block.isCompressed else {
        try block.bytes.withUnsafeBytes { try hasher.update($0) }
        continue
      }
      try plain.withUnsafeMutableBytes { room in
        let target = UnsafeMutableRawBufferPointer(
          rebasing: room[..<LogDirectory.plainLength(ofBlock: number, size: size)])
        try block.bytes.withUnsafeBytes { try decompressor.decompress($0, prefix: nil, into: target) }
        try hasher.update(UnsafeRawBufferPointer(target))
      }
    }
    return try hasher.finish()
  }
}

/// Compresses parts of logs, one after the other.
final class LogPartCompressor {
  private let workers: Int
  private let makeCompressor: @Sendable () throws -> LogBlockCompressor
  /// Of this thread; made when it is needed.
  private var compressor: LogBlockCompressor?

  /// Threads that work on the blocks of one part at most.
  private static let threads = 3

  init(level: Int, of content: BlockContent, workers: Int) {
    self.workers = workers
    makeCompressor = { try LogBlockCompressor(level: level, of: content) }
  }

  /// - Parameters:
  ///   - size: The part's bytes, at least one.
  ///   - write: Calls what it is given with its bytes in order, `LogDirectory.blockSize` at a time, and the rest at the end.
  /// - Throws: What `write` throws.
  func compress(
    size: Int, _ write: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws -> CompressedLogPart {
    let line = line(for: size)
    if line == nil { compressor = try compressor ?? makeCompressor() }
    var blocks: [CompressedLogPart.Block] = []
    var count = 0
    try write { block in
      precondition(block.count == LogDirectory.plainLength(ofBlock: count, size: size))
      try line?.give(block, number: count)
      if line == nil, let compressor { blocks.append(try compressor.compress(block)) }
      count += 1
    }
    if let line { blocks = try line.finish(count) }
    precondition(blocks.count == LogDirectory.blockCount(ofSize: size))
    return try CompressedLogPart(size: size, blocks: blocks)
  }

  /// - Returns: nil where threads are not worth it, or cannot be had.
  private func line(for size: Int) -> LogBlockLine? {
    // Beside them this one reads.
    let workers = min(workers, Self.threads - 1, LogDirectory.blockCount(ofSize: size))
    return workers > 1 ? try? LogBlockLine(workers: workers, makeCompressor: makeCompressor) : nil
  }
}
