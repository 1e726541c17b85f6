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
  }

  /// Written to by the thread, or by the caller if there is none.
  private let output: Output
  private let writer: Stage<Piece>?

  /// Pieces that may wait to be written.
  static let capacity = 8

  init(_ sink: any ByteSink, hasThread: Bool, times: Timings?) throws {
    output = Output(sink: sink, times: times)
    let output = HandedOver(output)
    writer = hasThread ? try Stage("writer", capacity: Self.capacity) { try output.value.write($0) } : nil
  }

  deinit {
    writer?.cancel()
    writer?.join()
  }

  /// - Throws: What the sink threw, at this piece or an earlier one.
  func write(_ range: Range<Int>, of block: PlainBlock) throws {
    let piece = Piece(block: block, range: range)
    if let writer { try writer.give(piece) } else { try output.write(piece) }
  }

  /// Waits until everything is written.
  ///
  /// - Throws: What the sink threw.
  func finish() throws {
    try writer?.finish()
  }
}
