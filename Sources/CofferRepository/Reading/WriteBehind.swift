import CofferSystem

/// Hands pieces of blocks to a sink on a thread of its own, in order, while the next ones are being read and verified.
final class WriteBehind {
  private struct Piece: Sendable {
    let block: PlainBlock
    let range: Range<Int>
  }

  private struct Sink: @unchecked Sendable {
    // Sound because only the thread writes to it until it was waited for.
    let sink: any ByteSink
  }

  private let pieces = BoundedQueue<Piece>(capacity: WriteBehind.capacity)
  private let failure = Monitor<(any Error)?>(nil)
  private let thread: WorkerThread

  /// Pieces that may wait to be written.
  static let capacity = 8

  init(_ sink: any ByteSink, times: StageTimes?) {
    let (pieces, failure, sink) = (pieces, failure, Sink(sink: sink))
    thread = WorkerThread(name: "writer") {
      do {
        while let piece = pieces.pop() {
          try times.measure(.write, bytes: piece.range.count) {
            try piece.block.bytes.withUnsafeBytes {
              try sink.sink.write(UnsafeRawBufferPointer(rebasing: $0[piece.range]))
            }
          }
        }
      } catch {
        failure.update { $0 = error }
        pieces.abandon()
      }
    }
  }

  deinit {
    pieces.abandon()
    thread.join()
  }

  /// - Throws: What the sink threw at an earlier piece.
  func write(_ range: Range<Int>, of block: PlainBlock) throws {
    guard pieces.push(Piece(block: block, range: range)) else { return try finish() }
  }

  /// Waits until everything is written.
  ///
  /// - Throws: What the sink threw.
  func finish() throws {
    pieces.close()
    thread.join()
    if let error = failure.update({ $0 }) { throw error }
  }
}
