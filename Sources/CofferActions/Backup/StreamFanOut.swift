import CofferSystem
import Synchronization

/// One reading of a stream for several readers, each of which gets all of its bytes.
///
/// The slowest reader sets the pace; a reader that gives up holds nobody back.
final class StreamFanOut {
  /// One reader's view of the stream.
  final class Branch: ByteSource, Sendable {
    private let pieces = BoundedQueue<[UInt8]>(capacity: 4)
    /// The piece that is being read, and how much of it was.
    private let current = Mutex<(piece: [UInt8], position: Int)>(([], 0))

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
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

    /// Tells that this reader reads no more.
    func stop() {
      pieces.abandon()
    }

    fileprivate func give(_ piece: [UInt8]) -> Bool { pieces.push(piece) }

    fileprivate func end(with error: (any Error)? = nil) { pieces.close(error) }
  }

  private let source: any ByteSource
  let branches: [Branch]

  private static let pieceSize = 1 << 18

  init(_ source: any ByteSource, readers: Int) {
    self.source = source
    branches = (0..<readers).map { _ in Branch() }
  }

  /// Reads the source on the calling thread until it ends or nobody reads any more.
  ///
  /// - Throws: What the source throws; the readers get the same error.
  func distribute() throws {
    do {
      while true {
        let piece = try [UInt8](unsafeUninitializedCapacity: Self.pieceSize) { buffer, count in
          count = try source.read(into: UnsafeMutableRawBufferPointer(buffer))
        }
        var isWanted = false
        guard !piece.isEmpty else { break }
        for branch in branches where branch.give(piece) { isWanted = true }
        guard isWanted else { break }
      }
    } catch {
      end(with: error)
      throw error
    }
    end()
  }

  /// Ends the stream for all readers.
  func end(with error: (any Error)? = nil) {
    for branch in branches { branch.end(with: error) }
  }
}
