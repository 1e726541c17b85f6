import CofferSystem

/// A stream's bytes in large pieces, read on a thread of its own while earlier pieces are being worked on.
///
/// Each piece has room in front of its bytes, so that what the chunker left of the piece before can be put
/// there and a chunk is always contiguous.
package final class ReadAhead {
  /// A buffer with `headroom` free bytes before `filled` read ones.
  final class Piece: @unchecked Sendable {
    // Sound because a piece belongs to one thread at a time: it changes hands only through the queues.
    let bytes: UnsafeMutableRawBufferPointer
    fileprivate(set) var filled = 0

    init(capacity: Int) {
      bytes = .allocate(byteCount: capacity, alignment: 64)
    }

    deinit {
      bytes.deallocate()
    }
  }

  private struct Source: @unchecked Sendable {
    // Sound because only one thread reads: the caller's until the first piece is full, the reader's after.
    let source: any ByteSource
    let times: Timings?

    func read(into room: UnsafeMutableRawBufferPointer) throws -> Int {
      guard let times else { return try source.read(into: room) }
      return try times.reading { try source.read(into: room) }
    }
  }

  private let headroom: Int
  private let source: Source
  private let full = BoundedQueue<Piece>(capacity: 2)
  private let free = BoundedQueue<Piece>(capacity: 4)
  private let failure = Monitor<(any Error)?>(nil)
  private var thread: WorkerThread?
  private var hasStarted = false
  private var hasEnded = false

  /// Bytes read into one piece.
  package static let pieceSize = 1 << 20
  private static let pieceCount = 3

  init(_ source: any ByteSource, headroom: Int, times: Timings? = nil) {
    self.source = Source(source: source, times: times)
    self.headroom = headroom
  }

  /// Returns the next piece, filled to the brim unless it is the last; nil at the end of the stream.
  ///
  /// The first piece is read on the calling thread: short streams need no other.
  func next() throws -> Piece? {
    guard !hasEnded else { return nil }
    if !hasStarted {
      hasStarted = true
      let first = Piece(capacity: headroom + Self.pieceSize)
      let isLast = try Self.fill(first, from: source, headroom: headroom)
      if isLast { hasEnded = true } else { try startThread() }
      return first.filled > 0 ? first : nil
    }
    if let piece = full.pop() { return piece }
    hasEnded = true
    thread?.join()
    if let error = failure.update({ $0 }) { throw error }
    return nil
  }

  /// Gives a piece back to be filled again.
  func recycle(_ piece: Piece) {
    if thread != nil { free.push(piece) }
  }

  /// Lets the reading thread end. It is not waited for: it may be blocked until the caller, told of the failure that
  /// leads here, ends the source.
  func stop() {
    full.abandon()
    free.abandon()
  }

  private func startThread() throws(SystemError) {
    for _ in 1..<Self.pieceCount { free.push(Piece(capacity: headroom + Self.pieceSize)) }
    let (source, headroom, full, free, failure) = (source, headroom, full, free, failure)
    thread = try WorkerThread(name: "reader") {
      defer { full.close() }
      do {
        while let piece = free.pop() {
          let isLast = try Self.fill(piece, from: source, headroom: headroom)
          if piece.filled > 0 && !full.push(piece) { return }
          if isLast { return }
        }
      } catch {
        failure.update { $0 = error }
      }
    }
  }

  /// - Returns: Whether the stream ended.
  private static func fill(_ piece: Piece, from source: Source, headroom: Int) throws -> Bool {
    piece.filled = 0
    while piece.filled < pieceSize {
      let room = UnsafeMutableRawBufferPointer(
        rebasing: piece.bytes[(headroom + piece.filled)..<(headroom + pieceSize)])
      let count = try source.read(into: room)
      if count == 0 { return true }
      piece.filled += count
    }
    return false
  }
}
