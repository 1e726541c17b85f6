import CofferSystem

/// The bytes of a part of a log, hashed, and compressed block by block: what storing it takes without a key, so that it can be done while
/// a repository is opened.
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

  /// Gives some of a part's bytes, by several threads at the same time: fills the room with those from a place on.
  public typealias Reading = @Sendable (_ start: Int, _ room: UnsafeMutableRawBufferPointer) throws -> Void

  /// - Parameters:
  ///   - level: zstd's.
  ///   - workers: Threads that may read and compress.
  /// - Throws: What `read` throws.
  public init(_ part: LogPart, compressionLevel level: Int, workers: Int, reading read: @escaping Reading) throws {
    self = try LogPartCompressor(part, level: level, workers: workers).compress(size: part.size, reading: read)
  }

  fileprivate init(size: Int, blocks: [Block]) throws {
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

  convenience init(_ part: LogPart, level: Int, workers: Int) {
    self.init(level: level, of: part.kind == .segment ? .pages : .any, workers: workers)
  }

  /// Each block is read, hashed and compressed by one thread: it stays in that one's memory and its processor's cache.
  ///
  /// - Parameter size: The part's bytes, at least one.
  /// - Throws: What `read` throws.
  func compress(size: Int, reading read: @escaping CompressedLogPart.Reading) throws -> CompressedLogPart {
    let count = LogDirectory.blockCount(ofSize: size)
    let done = Monitor<[Int: CompressedLogPart.Block]>([:])
    let makeWork: @Sendable () throws -> Stage<Int>.Work = { [makeCompressor] in
      let compressor = try makeCompressor()
      let memory = OwnedMemory(capacity: min(size, LogDirectory.blockSize))
      return { number in
        let room = UnsafeMutableRawBufferPointer(
          rebasing: memory.bytes[..<LogDirectory.plainLength(ofBlock: number, size: size)])
        try read(number * LogDirectory.blockSize, room)
        let block = try compressor.compress(UnsafeRawBufferPointer(room))
        done.update { $0[number] = block }
      }
    }
    let workers = min(workers, Self.threads, count)
    if workers > 1, let stage = try? Stage<Int>("log", workers: workers, capacity: workers, makeWork: makeWork) {
      // What is thrown here `finish` throws, too, when all threads have ended.
      do { for number in 0..<count { try stage.give(number) } } catch {}
      try stage.finish()
    } else {
      let work = try makeWork()
      for number in 0..<count { try work(number) }
    }
    let blocks = done.update { done in (0..<count).compactMap { done[$0] } }
    precondition(blocks.count == count)
    return try CompressedLogPart(size: size, blocks: blocks)
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
