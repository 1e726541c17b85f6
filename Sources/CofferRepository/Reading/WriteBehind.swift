import CofferSystem

/// Hands pieces of blocks to a sink, in order: on a thread of its own, while the next ones are being read and verified, or
/// at once for streams that are not worth one.
final class WriteBehind {
  private struct Piece: Sendable {
    let block: PlainBlock
    let range: Range<Int>
  }

  private struct Output: @unchecked Sendable {
    // Sound because only the thread writes to the sink until it was waited for, or the caller if there is no thread.
    let sink: any ByteSink
    let times: Timings?

    func write(_ piece: Piece) throws {
      try times.measure(.write, bytes: piece.range.count) {
        try piece.block.bytes.withUnsafeBytes { try sink.write(UnsafeRawBufferPointer(rebasing: $0[piece.range])) }
      }
    }
  }

  private let output: Output
  private let pieces = BoundedQueue<Piece>(capacity: WriteBehind.capacity)
  private let failure = Monitor<(any Error)?>(nil)
  private let thread: WorkerThread?

  /// Pieces that may wait to be written.
  static let capacity = 8

  init(_ sink: any ByteSink, hasThread: Bool, times: Timings?) throws {
    let (output, pieces, failure) = (Output(sink: sink, times: times), pieces, failure)
    self.output = output
    guard hasThread else {
      thread = nil
      return
    }
    thread = try WorkerThread(name: "writer") {
      do {
        while let piece = pieces.pop() { try output.write(piece) }
      } catch {
        failure.update { $0 = error }
        pieces.abandon()
      }
    }
  }

  deinit {
    pieces.abandon()
    thread?.join()
  }

  /// - Throws: What the sink threw, at this piece or an earlier one.
  func write(_ range: Range<Int>, of block: PlainBlock) throws {
    let piece = Piece(block: block, range: range)
    guard thread != nil else { return try output.write(piece) }
    guard pieces.push(piece) else { return try finish() }
  }

  /// Waits until everything is written.
  ///
  /// - Throws: What the sink threw.
  func finish() throws {
    pieces.close()
    thread?.join()
    if let error = failure.update({ $0 }) { throw error }
  }
}
