import CofferSystem

/// The part of a stream that is being read ahead: its chunks in order, and the blocks that hold them, asked for but not
/// yet waited for.
struct ReadWindow {
  /// Chunks that follow each other in the stream and are in the same block.
  struct Stretch {
    let place: BlockPlace
    fileprivate(set) var chunks: [RecipeReader.Entry]
  }

  /// A block that stretches in the window are in.
  private struct Use {
    /// nil as long as it is not asked for, and once it is there: a ticket keeps all blocks that were asked for with it.
    var ticket: BlockFetcher.Ticket?
    var block: Result<PlainBlock, any Error>?
    var count = 0
  }

  /// Blocks of up to 512 KiB that are on their way at the same time.
  static let blockLimit = 64
  private static let chunkLimit = 1 << 14
  /// Blocks that are asked for together at most, and bytes of the stream that are in them: one block, as a rule, where all is
  /// stored in full.
  private static let batchCount = 16
  private static let batchSize: UInt64 = 256 << 10

  private let fetcher: BlockFetcher?
  private let reader: BlockReader
  /// nil for those that were handed out.
  private var stretches: [Stretch?] = []
  private var done = 0
  private var uses: [BlockPlace: Use] = [:]
  private var chunkCount = 0
  /// Blocks that are to be asked for, and bytes of the stream since the first of them.
  private var unasked: [BlockPlace] = []
  private var unaskedSize: UInt64 = 0

  /// - Parameters:
  ///   - fetcher: Reads ahead; nil to read each block when it is its turn.
  ///   - reader: Reads without a fetcher.
  init(_ fetcher: BlockFetcher?, _ reader: BlockReader) {
    self.fetcher = fetcher
    self.reader = reader
  }

  /// Adds the stream's next chunk; hands out what was added first if the window is full.
  mutating func append(
    _ chunk: RecipeReader.Entry, in place: BlockPlace,
    whenReady body: (Stretch, Result<PlainBlock, any Error>) throws -> Void
  ) throws {
    chunkCount += 1
    if let last = stretches.last, last?.place == place {
      stretches[stretches.count - 1]?.chunks.append(chunk)
    } else {
      while uses[place] == nil && uses.count >= Self.blockLimit { try handOut(body) }
      if uses[place] == nil { unasked.append(place) }
      uses[place, default: Use()].count += 1
      stretches.append(Stretch(place: place, chunks: [chunk]))
    }
    unaskedSize += chunk.size
    if unaskedSize >= Self.batchSize || unasked.count >= Self.batchCount { ask() }
    if chunkCount >= Self.chunkLimit { try handOut(body) }
  }

  /// Hands out all that is left.
  mutating func drain(whenReady body: (Stretch, Result<PlainBlock, any Error>) throws -> Void) throws {
    ask()
    while done < stretches.count { try handOut(body) }
  }

  private mutating func ask() {
    defer {
      unasked.removeAll(keepingCapacity: true)
      unaskedSize = 0
    }
    for ticket in fetcher?.fetch(unasked) ?? [] { uses[ticket.place]?.ticket = ticket }
  }

  private mutating func handOut(_ body: (Stretch, Result<PlainBlock, any Error>) throws -> Void) throws {
    guard let stretch = stretches[done] else { return }
    let block = block(at: stretch.place)
    stretches[done] = nil
    done += 1
    if done >= Self.chunkLimit {
      stretches.removeFirst(done)
      done = 0
    }
    try body(stretch, block)
    chunkCount -= stretch.chunks.count
    uses[stretch.place]?.count -= 1
    if uses[stretch.place]?.count == 0 { uses[stretch.place] = nil }
  }

  private mutating func block(at place: BlockPlace) -> Result<PlainBlock, any Error> {
    if let block = uses[place]?.block { return block }
    if uses[place]?.ticket == nil { ask() }
    guard let ticket = uses[place]?.ticket else { return Result { try reader.block(place.block, of: place.pack) } }
    let block = Result { try ticket.block() }
    uses[place]?.ticket = nil
    uses[place]?.block = block
    return block
  }
}
