import CofferSystem
import Synchronization

/// One reading of a stream for several readers, each of which gets all of its bytes.
///
/// The slowest reader sets the pace; a reader that gives up holds nobody back.
final class StreamFanOut {
  /// One reader's view of the stream.
  final class Branch: ByteSource, @unchecked Sendable {
    // Sound because `piece` and `position` are touched by the one thread that reads at a time.
    private let pieces = BoundedQueue<[UInt8]>(capacity: 4)
    private let failure = Mutex<(any Error)?>(nil)
    private var piece: [UInt8] = []
    private var position = 0

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
      if position == piece.count {
        guard let next = pieces.pop() else {
          if let error = failure.withLock({ $0 }) { throw error }
          return 0
        }
        (piece, position) = (next, 0)
      }
      let count = min(buffer.count, piece.count - position)
      piece.withUnsafeBytes { bytes in
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[position..<position + count]))
      }
      position += count
      return count
    }

    /// Tells that this reader reads no more.
    func stop() {
      pieces.abandon()
    }

    fileprivate func give(_ piece: [UInt8]) -> Bool { pieces.push(piece) }

    fileprivate func end(with error: (any Error)? = nil) {
      failure.withLock { $0 = error }
      pieces.close()
    }
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
  func run() throws {
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
