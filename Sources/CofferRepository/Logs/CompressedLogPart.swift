import CofferSystem

/// The bytes of a part of a log, hashed, and compressed block by block: what storing it takes without a key, so that it can be done while
/// a repository is opened.
public struct CompressedLogPart: Sendable {
  struct Block: Sendable {
    /// Not sealed.
    let bytes: [UInt8]
    let isCompressed: Bool
  }

  /// Bytes, not compressed.
  let size: Int
  let hash: Digest256
  let blocks: [Block]

  /// - Parameters:
  ///   - level: zstd's.
  ///   - workers: Threads that may compress.
  ///   - write: Calls what it is given with the part's bytes in order, `LogPart.blockSize` at a time, and the rest at the end: as many
  ///     as the part says.
  /// - Throws: What `write` throws.
  public init(
    _ part: LogPart, compressionLevel level: Int, workers: Int,
    _ write: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    self = try LogPartCompressor(level: level, of: part.kind == .segment ? .pages : .any, workers: workers)
      .compress(size: part.size, write)
  }

  fileprivate init(size: Int, hash: Digest256, blocks: [Block]) {
    self.size = size
    self.hash = hash
    self.blocks = blocks
  }
}

/// Compresses parts of logs, one after the other.
final class LogPartCompressor {
  private let workers: Int
  private let makeCompressor: @Sendable () throws -> LogBlockCompressor
  /// Of this thread; made when it is needed.
  private var compressor: LogBlockCompressor?

  /// Threads that compress the blocks of one part at most: beside them one reads and hashes.
  private static let threads = 2

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
    let hasher = try ContentHasher()
    let line = line(for: size)
    if line == nil { compressor = try compressor ?? makeCompressor() }
    var blocks: [CompressedLogPart.Block] = []
    var count = 0
    try write { block in
      precondition(block.count == LogDirectory.plainLength(ofBlock: count, size: size))
      try line?.give(block, number: count)
      try hasher.update(block)
      if line == nil, let compressor { blocks.append(try compressor.compress(block)) }
      count += 1
    }
    if let line { blocks = try line.finish(count) }
    precondition(blocks.count == LogDirectory.blockCount(ofSize: size))
    return CompressedLogPart(size: size, hash: try hasher.finish(), blocks: blocks)
  }

  /// - Returns: nil where threads are not worth it, or cannot be had.
  private func line(for size: Int) -> LogBlockLine? {
    let workers = min(workers, Self.threads, LogDirectory.blockCount(ofSize: size))
    return workers > 1 ? try? LogBlockLine(workers: workers, makeCompressor: makeCompressor) : nil
  }
}
