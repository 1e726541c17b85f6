import CofferSystem

/// One reading of a stream for several readers, each of which gets all of its bytes.
///
/// The slowest reader sets the pace, but a reader for which the others had to wait for longer than its limit is left behind,
/// and one that gives up holds nobody back.
final class StreamFanOut {
  /// How long a reader may hold up the others.
  struct Patience: Sendable {
    /// Seconds, for each reader.
    let limits: [Double]
    let clock: Clock
    /// Whether a reader that has no room for more is waited for no longer, given whether its limit has passed.
    var isOver: @Sendable (_ reader: Int, _ limitHasPassed: Bool) -> Bool = { $1 }
    /// Told of a reader that is waited for no longer.
    let leaveBehind: @Sendable (_ reader: Int) -> Void
  }

  /// One reader's view of the stream.
  final class Branch: ByteSource, Sendable {
    private let pieces = PieceQueue(capacity: 4)

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try pieces.read(into: buffer) }

    /// Tells that this reader reads no more.
    func stop() {
      pieces.abandon()
    }

    /// Ends the stream for a reader that is left behind: what it has is not all there was.
    fileprivate func leaveBehind() {
      pieces.abandon(LeftBehind())
    }

    /// - Returns: As `push`; nil when there was no room in time.
    fileprivate func give(_ piece: [UInt8], orUntil isOver: () -> Bool) -> Bool? {
      pieces.push(piece, orUntil: isOver)
    }

    fileprivate func end(with error: (any Error)? = nil) { pieces.close(error) }
  }

  /// The reader took nothing for longer than it may.
  struct LeftBehind: Error {}

  private let source: any ByteSource
  private let patience: Patience?
  let branches: [Branch]

  private static let pieceSize = 1 << 18

  /// - Parameter patience: nil to wait for each reader as long as it takes.
  init(_ source: any ByteSource, readers: Int, patience: Patience? = nil) {
    self.source = source
    self.patience = patience
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
        for number in branches.indices where give(piece, to: number) { isWanted = true }
        guard isWanted else { break }
      }
    } catch {
      end(with: error)
      throw error
    }
    end()
  }

  /// - Returns: Whether the reader wants more.
  private func give(_ piece: [UInt8], to number: Int) -> Bool {
    guard let patience else { return branches[number].give(piece, orUntil: { false }) == true }
    var deadline = Deadline(patience.limits[number], patience.clock)
    let isTaken = branches[number].give(piece) { patience.isOver(number, deadline.hasPassed()) }
    if let isTaken { return isTaken }
    // Before the reader knows: to it this is an error like any other.
    patience.leaveBehind(number)
    branches[number].leaveBehind()
    return false
  }

  /// Ends the stream for all readers.
  func end(with error: (any Error)? = nil) {
    for branch in branches { branch.end(with: error) }
  }
}

/// How long something is waited for that is looked at now and then.
///
/// Between two looks at most a second counts: while the whole program was stopped, what it waits for was, too.
struct Deadline {
  private let clock: Clock
  private var secondsLeft: Double
  private var lastLook: Double

  private static let longestStep = 1.0

  /// - Parameter seconds: From now on.
  init(_ seconds: Double, _ clock: Clock) {
    self.clock = clock
    secondsLeft = seconds
    lastLook = clock.steadySeconds()
  }

  /// Looks at the clock.
  mutating func hasPassed() -> Bool {
    let now = clock.steadySeconds()
    secondsLeft -= min(now - lastLook, Self.longestStep)
    lastLook = now
    return secondsLeft < 0
  }
}
