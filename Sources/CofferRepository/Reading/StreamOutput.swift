import CofferSystem

/// Writes a stream's chunks to a sink, neighbours in one piece, and keeps account of what the stream has been.
struct StreamOutput {
  private let writer: WriteBehind
  private var hasher: StreamHasher
  private var size: UInt64 = 0
  private var count: UInt64 = 0
  private var pending: (block: PlainBlock, range: Range<Int>)?

  /// - Parameter writesBehind: Whether the sink is written to on another thread.
  init(_ sink: any ByteSink, writesBehind: Bool, times: Timings?) throws {
    writer = try WriteBehind(sink, hasThread: writesBehind, times: times)
    hasher = try StreamHasher()
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
    try writer.write(range, of: block)
  }

  /// Waits until everything is written, and says whether it was the stream, and all of it.
  mutating func isWhole(_ stream: StreamReference) throws -> Bool {
    try flush()
    try writer.finish()
    return try hasher.finish() == stream.hash && size == stream.size && count == stream.chunkCount
  }
}
