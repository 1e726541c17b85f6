import CofferStorage
import CofferSystem

/// Puts streams back together, verifying every byte. Used by one thread at a time; blocks are read ahead on others.
final class StreamReader {
  private let context: RepositoryContext
  private let index: ChunkIndex
  private let cache = ReadCache(blockCount: 48)
  private let blocks: BlockReader
  private let nodes: BlockReader
  private var fetcher: BlockFetcher?

  /// Shorter streams are not worth other threads.
  private static let shortStream: UInt64 = 1 << 20

  init(context: RepositoryContext, index: ChunkIndex) throws {
    self.context = context
    self.index = index
    blocks = try BlockReader(context: context, cache: cache, for: .chunks)
    nodes = try BlockReader(context: context, cache: ReadCache(blockCount: 16), for: .chunks)
  }

  var recipes: RecipeReader {
    RecipeReader { [self] id in
      let place = try place(of: id)
      let block = try nodes.block(place.block, of: place.pack)
      return Array(block.bytes[try nodes.chunk(id, of: block, at: place)])
    }
  }

  /// Writes the stream to the sink, from first byte to last.
  ///
  /// - Throws: `RepositoryError`, `StorageError`, `RunCancelled`, and what the sink throws. A stream that is not
  ///   exactly what was stored never ends without an error.
  func read(_ stream: StreamReference, into sink: any ByteSink, cancellation: Cancellation) throws {
    let isLong = stream.size >= Self.shortStream
    var window = ReadWindow(isLong ? try startedFetcher() : nil, blocks)
    var output = try StreamOutput(sink, writesBehind: isLong, times: context.times)
    func write(_ stretch: ReadWindow.Stretch, _ block: PlainBlock) throws {
      try cancellation.check()
      for entry in stretch.chunks {
        let range = try blocks.chunk(entry.id, of: block, at: stretch.place)
        guard UInt64(range.count) == entry.size else {
          throw RepositoryError.missingChunk(entry.id, location: context.location)
        }
        try output.append(entry.id, range, of: block)
      }
      try output.flush()
    }
    try forEachChunk(of: stream) { entry in
      try window.append(entry, in: try place(of: entry.id), whenReady: write)
    }
    try window.drain(whenReady: write)
    guard try output.isWhole(stream) else {
      throw RepositoryError.damaged(
        object: stream.root.map { "recipe \($0)" } ?? "recipe", location: context.location,
        detail: "the stream is not the one that was stored")
    }
  }

  private func startedFetcher() throws -> BlockFetcher {
    if let fetcher { return fetcher }
    let started = try BlockFetcher(
      workers: context.surroundings.workers, inFlight: ReadWindow.blockLimit,
      makeReader: { try BlockReader(context: context, cache: cache, for: .chunks) })
    fetcher = started
    return started
  }

  /// Calls `body` with the stream's chunks in order; errors of the recipe name it.
  func forEachChunk(of stream: StreamReference, _ body: (RecipeReader.Entry) throws -> Void) throws {
    do {
      try recipes.forEachChunk(of: stream, body)
    } catch let error as RecipeReader.Malformed {
      throw RepositoryError.damaged(
        object: "recipe node \(error.node)", location: context.location, detail: "it makes no sense")
    }
  }

  private func place(of id: ChunkID) throws -> BlockPlace {
    guard let place = index.location(of: id) else {
      throw RepositoryError.missingChunk(id, location: context.location)
    }
    return place
  }
}
