import CofferSystem

/// The part of a stream that is being read ahead: its chunks in order, and the blocks that hold them, asked for but not
/// yet waited for.
struct ReadWindow {
  /// Chunks that follow each other in the stream and are in the same block.
  struct Stretch {
    let place: BlockPlace
    fileprivate let ticket: BlockFetcher.Ticket?
    fileprivate(set) var chunks: [RecipeReader.Entry]
  }

  /// Blocks of up to 512 KiB that are on their way at the same time.
  static let blockLimit = 64
  private static let chunkLimit = 1 << 14

  private let fetcher: BlockFetcher?
  private let reader: BlockReader
  /// nil for those that were handed out.
  private var stretches: [Stretch?] = []
  private var done = 0
  private var uses: [BlockPlace: (ticket: BlockFetcher.Ticket?, count: Int)] = [:]
  private var chunkCount = 0

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
      let ticket = uses[place]?.ticket ?? fetcher?.fetch(place)
      uses[place, default: (ticket, 0)].count += 1
      stretches.append(Stretch(place: place, ticket: ticket, chunks: [chunk]))
    }
    if chunkCount >= Self.chunkLimit { try handOut(body) }
  }

  /// Hands out all that is left.
  mutating func drain(whenReady body: (Stretch, Result<PlainBlock, any Error>) throws -> Void) throws {
    while done < stretches.count { try handOut(body) }
  }

  private mutating func handOut(_ body: (Stretch, Result<PlainBlock, any Error>) throws -> Void) throws {
    guard let stretch = stretches[done] else { return }
    stretches[done] = nil
    done += 1
    if done >= Self.chunkLimit {
      stretches.removeFirst(done)
      done = 0
    }
    let block = Result {
      try stretch.ticket?.block() ?? reader.block(stretch.place.block, of: stretch.place.pack)
    }
    try body(stretch, block)
    chunkCount -= stretch.chunks.count
    uses[stretch.place]?.count -= 1
    if uses[stretch.place]?.count == 0 { uses[stretch.place] = nil }
  }
}
