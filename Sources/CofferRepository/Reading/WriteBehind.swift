import CofferSystem

/// Hands pieces of blocks to a sink, in order: on a thread of its own, while the next ones are being read and verified, or
/// at once for streams that are not worth one.
final class WriteBehind {
  private struct Piece: Sendable {
    let block: PlainBlock
    let range: Range<Int>
  }

  private struct Output {
    let sink: any ByteSink
    let times: Timings?

    func write(_ piece: Piece) throws {
      try times.measure(.write, bytes: piece.range.count) {
        try piece.block.bytes.withUnsafeBytes { try sink.write(UnsafeRawBufferPointer(rebasing: $0[piece.range])) }
      }
    }

    /// Writes all pieces with one call.
    func write(_ pieces: [Piece]) throws {
      guard pieces.count > 1 else { return try pieces.forEach(write) }
      try times.measure(.write, bytes: pieces.reduce(0) { $0 + $1.range.count }) {
        var bytes: [UnsafeRawBufferPointer] = []
        try Self.gather(pieces[...], into: &bytes) { try sink.write(pieces: $0) }
      }
    }

    /// Calls `body` with the bytes of all pieces, none of which is copied: one call lies within the other.
    private static func gather(
      _ pieces: ArraySlice<Piece>, into all: inout [UnsafeRawBufferPointer],
      _ body: ([UnsafeRawBufferPointer]) throws -> Void
    ) throws {
      guard let first = pieces.first else { return try body(all) }
      try first.block.bytes.withUnsafeBytes {
        all.append(UnsafeRawBufferPointer(rebasing: $0[first.range]))
        try gather(pieces.dropFirst(), into: &all, body)
      }
    }
  }

  /// Written to by the thread, or by the caller if there is none.
  private let output: Output
  private let writer: Stage<[Piece]>?
  /// To be handed over together: what days of edits have put together is in pieces of a chunk or two.
  private var gathered: [Piece] = []
  private var gatheredSize = 0
  /// The blocks that these keep in memory, and their bytes.
  private var kept: Set<ObjectIdentifier> = []
  private var keptSize = 0

  /// Times that pieces may wait to be written.
  static let capacity = 8
  /// Bytes that are handed over together, more or less, and pieces at most.
  private static let gatheredLimit = 256 << 10
  private static let pieceLimit = 64
  /// Bytes of their blocks: two that are stored in full, of each of which little may be wanted.
  private static let keptLimit = 2 * BlockFiller.target

  init(_ sink: any ByteSink, hasThread: Bool, times: Timings?) throws {
    output = Output(sink: sink, times: times)
    let output = HandedOver(output)
    writer =
      hasThread ? try Stage("writer", capacity: Self.capacity) { try output.value.write($0) } : nil
  }

  deinit {
    writer?.cancel()
    writer?.join()
  }

  /// - Throws: What the sink threw, at this piece or an earlier one.
  func write(_ range: Range<Int>, of block: PlainBlock) throws {
    let piece = Piece(block: block, range: range)
    guard let writer else { return try output.write(piece) }
    if kept.insert(ObjectIdentifier(block)).inserted { keptSize += block.bytes.count }
    gathered.append(piece)
    gatheredSize += range.count
    if gatheredSize >= Self.gatheredLimit || keptSize >= Self.keptLimit || gathered.count >= Self.pieceLimit {
      try handOver(to: writer)
    }
  }

  private func handOver(to writer: Stage<[Piece]>) throws {
    let pieces = gathered
    gathered = []
    kept.removeAll(keepingCapacity: true)
    (gatheredSize, keptSize) = (0, 0)
    try writer.give(pieces)
  }

  /// Waits until everything is written.
  ///
  /// - Throws: What the sink threw.
  func finish() throws {
    guard let writer else { return }
    if !gathered.isEmpty { try handOver(to: writer) }
    try writer.finish()
  }
}
