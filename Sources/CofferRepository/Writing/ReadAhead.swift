import CofferSystem

/// A stream's bytes in large pieces, read on a thread of its own while earlier pieces are being worked on.
///
/// Each piece has room in front of its bytes, so that what the chunker left of the piece before can be put
/// there and a chunk is always contiguous.
package final class ReadAhead {
  /// A buffer with `headroom` free bytes before `filled` read ones.
  struct Piece: Sendable {
    private let memory: OwnedMemory
    fileprivate(set) var filled = 0

    init(capacity: Int) {
      memory = OwnedMemory(capacity: capacity)
    }

    var bytes: UnsafeMutableRawBufferPointer { memory.bytes }
  }

  private struct Source {
    let source: any ByteSource
    let times: Timings?

    func read(into room: UnsafeMutableRawBufferPointer) throws -> Int {
      guard let times else { return try source.read(into: room) }
      return try times.reading { try source.read(into: room) }
    }
  }

  private let headroom: Int
  /// Read by the caller's thread until the first piece is full, and by the reader's after.
  private let source: Source
  private let full = BoundedQueue<Piece>(capacity: ReadAhead.pieceCount - 1)
  /// Fills empty pieces.
  private var reader: Stage<Piece>?
  private var hasStarted = false
  private var hasEnded = false

  /// Bytes read into one piece.
  package static let pieceSize = 1 << 20
  /// So many that neither side waits for the other where the two share processors with what writes the stream.
  private static let pieceCount = 6

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
      var first = Piece(capacity: headroom + Self.pieceSize)
      let isLast = try Self.fill(&first, from: source, headroom: headroom)
      if isLast { hasEnded = true } else { try startReader() }
      return first.filled > 0 ? first : nil
    }
    if let piece = full.pop() { return piece }
    hasEnded = true
    try reader?.finish()
    return nil
  }

  /// Gives a piece back to be filled again. A reader that has failed needs none: `next` tells.
  func recycle(_ piece: Piece) {
    try? reader?.give(piece)
  }

  /// Lets the reading thread end. It is not waited for: it may be blocked until the caller, told of the failure that
  /// leads here, ends the source.
  func stop() {
    full.abandon()
    reader?.cancel()
  }

  private func startReader() throws {
    let (source, headroom, full) = (HandedOver(source), headroom, full)
    let reader = try Stage<Piece>(
      "reader", workers: 1, capacity: Self.pieceCount,
      makeWork: {
        var isDone = false
        return { piece in
          guard !isDone else { return }
          var piece = piece
          do {
            isDone = try Self.fill(&piece, from: source.value, headroom: headroom)
            if piece.filled > 0, !full.push(piece) { isDone = true }
          } catch {
            full.close()
            throw error
          }
          if isDone { full.close() }
        }
      })
    self.reader = reader
    for _ in 1..<Self.pieceCount { try reader.give(Piece(capacity: headroom + Self.pieceSize)) }
  }

  /// - Returns: Whether the stream ended.
  private static func fill(_ piece: inout Piece, from source: Source, headroom: Int) throws -> Bool {
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
