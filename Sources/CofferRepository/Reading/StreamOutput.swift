import CofferSystem

/// Writes a stream's chunks to a sink, neighbours in one piece, and keeps account of what the stream has been.
struct StreamOutput {
  private let sink: any ByteSink
  private var hasher: StreamHasher
  private var size: UInt64 = 0
  private var count: UInt64 = 0
  private var pending: (block: PlainBlock, range: Range<Int>)?

  init(_ sink: any ByteSink, hasher: StreamHasher) {
    self.sink = sink
    self.hasher = hasher
  }

  mutating func append(_ id: ChunkID, _ range: Range<Int>, of block: PlainBlock) throws {
    try hasher.append(id, length: range.count)
    size += UInt64(range.count)
    count += 1
    if let before = pending, before.block === block, before.range.upperBound == range.lowerBound {
      pending = (block, before.range.lowerBound..<range.upperBound)
    } else {
      try flush()
      pending = (block, range)
    }
  }

  mutating func flush() throws {
    guard let (block, range) = pending else { return }
    pending = nil
    try block.bytes.withUnsafeBytes { try sink.write(UnsafeRawBufferPointer(rebasing: $0[range])) }
  }

  /// Whether what was written is the stream, and all of it.
  mutating func isWhole(_ stream: StreamReference) throws -> Bool {
    try flush()
    return try hasher.finish() == stream.hash && size == stream.size && count == stream.chunkCount
  }
}
