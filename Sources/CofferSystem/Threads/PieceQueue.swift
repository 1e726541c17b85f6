import Synchronization

/// Pieces of a stream from one thread, read one behind the other by another.
public final class PieceQueue: ByteSource, Sendable {
  private let pieces: BoundedQueue<[UInt8]>
  /// The piece that is being read, and how much of it was.
  private let current = Mutex<(piece: [UInt8], position: Int)>(([], 0))

  /// - Parameter capacity: Pieces that wait at most.
  public init(capacity: Int) {
    pieces = BoundedQueue(capacity: capacity)
  }

  /// - Throws: What the queue was closed or abandoned with, when nothing is left.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try current.withLock { current in
      if current.position == current.piece.count {
        guard let next = pieces.pop() else {
          if let failure = pieces.failure { throw failure }
          return 0
        }
        current = (next, 0)
      }
      let count = min(buffer.count, current.piece.count - current.position)
      current.piece.withUnsafeBytes { bytes in
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[current.position..<current.position + count]))
      }
      current.position += count
      return count
    }
  }

  /// Adds a piece, which is not empty, once there is room.
  public func push(_ piece: [UInt8]) { pieces.push(piece) }

  /// As `BoundedQueue.push(_:orUntil:)`.
  public func push(_ piece: [UInt8], orUntil isOver: () -> Bool) -> Bool? { pieces.push(piece, orUntil: isOver) }

  /// Lets the reader take what is left, and then the failure, if there is one.
  public func close(_ failure: (any Error)? = nil) { pieces.close(failure) }

  /// Refuses more pieces, and takes away those that wait.
  public func abandon(_ failure: (any Error)? = nil) { pieces.abandon(failure) }
}
