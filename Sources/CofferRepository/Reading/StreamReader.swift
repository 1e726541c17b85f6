import CofferStorage
import CofferSystem

/// Puts streams back together, verifying every byte. Used by one thread at a time; blocks are read ahead on others.
final class StreamReader {
  let context: RepositoryContext
  private var index: RenewedIndex
  private let cache = ReadCache(blockCount: ReadCache.restoreCount)
  private let blocks: BlockReader
  private let nodes: BlockReader
  private let nodeCache: ReadCache
  /// Of a far store.
  private let supply: BlockSupply?
  private var fetcher: BlockFetcher?
  /// Chunks of which many places were tried, and none holds them.
  private var lost: Set<ChunkID> = []
  private static let lostLimit = 1 << 16

  /// Shorter streams are not worth other threads.
  static let shortStream: UInt64 = 1 << 20

  /// Dumps compress to about a third.
  static let usualRatio: UInt64 = 3

  init(context: RepositoryContext, index: RenewedIndex) throws {
    self.context = context
    self.index = index
    // What comes from this machine's cache is not worth it.
    supply = context.surroundings.isFar && context.nearPacks == nil ? try BlockSupply(context) : nil
    blocks = try BlockReader(context: context, cache: cache, for: .chunks, supply: supply)
    nodeCache = ReadCache(blockCount: 16)
    nodes = try BlockReader(context: context, cache: nodeCache, for: .chunks, supply: supply)
  }

  var recipes: RecipeReader {
    var reader = RecipeReader { [self] id in
      let place = try place(of: id)
      let block = Result { try nodes.block(place.block, of: place.pack) }
      let found = try chunk(id, from: block, at: place, nodes)
      return Array(found.block.bytes[found.range])
    }
    if let supply {
      reader.expect = { [self] entries in
        // What is in no pack is told of when it is needed.
        try supply.want(entries.compactMap { index.current.location(of: $0.id) }, context, nodeCache)
      }
    }
    return reader
  }

  /// Asks a far store for what streams need that are going to be read in this order, several things at the same time. It only
  /// saves time: what cannot be read is told of by whoever reads it.
  ///
  /// - Parameter streams: Short ones.
  /// - Throws: That the store does not answer; `RunCancelled`.
  func expect(_ streams: [StreamReference]) throws {
    guard let supply else { return }
    let roots = streams.compactMap { stream in stream.root.map { RecipeReader.Entry(id: $0, size: stream.size) } }
    try recipes.expect(roots)
    var places: [BlockPlace] = []
    var seen: Set<BlockPlace> = []
    for stream in streams {
      let chunks = try RunStore.readable {
        var chunks: [ChunkID] = []
        try recipes.forEachChunk(of: stream) { chunks.append($0.id) }
        return chunks
      }
      for place in (chunks ?? []).compactMap({ index.current.location(of: $0) }) where seen.insert(place).inserted {
        places.append(place)
      }
    }
    try supply.want(places, context, cache)
  }

  /// Writes the stream to the sink, from first byte to last.
  ///
  /// - Throws: `RepositoryError`, `StorageError`, `RunCancelled`, and what the sink throws. A stream that is not
  ///   exactly what was stored never ends without an error.
  func read(_ stream: StreamReference, into sink: any ByteSink, cancellation: Cancellation) throws {
    let isLong = stream.size >= Self.shortStream
    var window = ReadWindow(isLong ? try startedFetcher() : nil, blocks)
    var output = try StreamOutput(sink, writesBehind: isLong, times: context.times)
    func write(_ stretch: ReadWindow.Stretch, _ block: Result<PlainBlock, any Error>) throws {
      try cancellation.check()
      for entry in stretch.chunks {
        let found = try chunk(entry.id, from: block, at: stretch.place, blocks)
        guard UInt64(found.range.count) == entry.size else {
          throw RepositoryError.missingChunk(entry.id, location: context.location)
        }
        try output.append(entry.id, found.range, of: found.block)
      }
      try output.flush()
    }
    func read(_ entry: RecipeReader.Entry, in place: BlockPlace) throws {
      try window.append(entry, in: place, whenReady: write)
    }
    var ahead = isLong ? supply.map { BlocksAhead(context, cache, $0) } : nil
    try forEachChunk(of: stream) { entry in
      try cancellation.check()
      let place = try place(of: entry.id)
      if ahead != nil { try ahead?.append(entry, in: place, read) } else { try read(entry, in: place) }
    }
    try ahead?.drain(read)
    try window.drain(whenReady: write)
    guard try output.isWhole(stream) else {
      throw RepositoryError.damaged(
        object: stream.root.map { "recipe \($0)" } ?? "recipe", location: context.location,
        detail: "the stream is not the one that was stored")
    }
  }

  /// Writes a range of the stream to the sink; only what holds it is read.
  ///
  /// Every chunk is what its id says, and the ids are those that the stream's recipe has below its root; the hash of the
  /// whole is not computed.
  ///
  /// - Throws: As `read`.
  func read(
    _ range: Range<UInt64>, of stream: StreamReference, into sink: any ByteSink, cancellation: Cancellation
  ) throws {
    let isLong = range.upperBound - range.lowerBound >= Self.shortStream
    var window = ReadWindow(isLong ? try startedFetcher() : nil, blocks)
    var position: UInt64?
    func write(_ stretch: ReadWindow.Stretch, _ block: Result<PlainBlock, any Error>) throws {
      try cancellation.check()
      for entry in stretch.chunks {
        let found = try chunk(entry.id, from: block, at: stretch.place, blocks)
        guard UInt64(found.range.count) == entry.size, let start = position else {
          throw RepositoryError.missingChunk(entry.id, location: context.location)
        }
        position = start + entry.size
        let wanted = range.clamped(to: start..<start + entry.size)
        let lower = found.range.lowerBound + Int(wanted.lowerBound - start)
        try found.block.bytes.withUnsafeBytes {
          try sink.write(UnsafeRawBufferPointer(rebasing: $0[lower..<lower + wanted.count]))
        }
      }
    }
    func read(_ entry: RecipeReader.Entry, in place: BlockPlace) throws {
      try window.append(entry, in: place, whenReady: write)
    }
    var ahead = isLong ? supply.map { BlocksAhead(context, cache, $0, isSparing: true) } : nil
    try namingNode {
      try recipes.forEachChunk(of: stream, within: range) { entry, start in
        try cancellation.check()
        position = position ?? start
        let place = try place(of: entry.id)
        if ahead != nil { try ahead?.append(entry, in: place, read) } else { try read(entry, in: place) }
      }
    }
    try ahead?.drain(read)
    try window.drain(whenReady: write)
    guard range.isEmpty || position.map({ $0 >= range.upperBound }) == true else {
      throw RepositoryError.damaged(
        object: stream.root.map { "recipe \($0)" } ?? "recipe", location: context.location,
        detail: "the stream ends before what is wanted of it")
    }
  }

  /// A chunk that cannot be read.
  struct Loss: Error {
    let cause: any Error
  }

  /// Writes a stream that is known not to be whole as far as it goes, chunk by chunk on this thread: all that stands before what
  /// is lost is written.
  ///
  /// - Throws: `Loss` for the first chunk that cannot be read; otherwise as `read`.
  func readUpToLoss(_ stream: StreamReference, into sink: any ByteSink, cancellation: Cancellation) throws {
    try forEachChunk(of: stream) { entry in
      try cancellation.check()
      let found: (block: PlainBlock, range: Range<Int>)
      do {
        let place = try place(of: entry.id)
        found = try chunk(entry.id, from: Result { try blocks.block(place.block, of: place.pack) }, at: place, blocks)
      } catch {
        throw Loss(cause: error)
      }
      // What a list says falsely of its chunks' sizes is not read for it.
      guard UInt64(found.range.count) == entry.size else {
        throw RepositoryError.missingChunk(entry.id, location: context.location)
      }
      try found.block.bytes.withUnsafeBytes { try sink.write(UnsafeRawBufferPointer(rebasing: $0[found.range])) }
    }
  }

  private func startedFetcher() throws -> BlockFetcher {
    if let fetcher { return fetcher }
    let started = try BlockFetcher(
      workers: context.surroundings.workers, inFlight: ReadWindow.blockLimit,
      makeReader: { [context, cache, supply] in
        try BlockReader(context: context, cache: cache, for: .chunks, supply: supply)
      })
    fetcher = started
    return started
  }

  /// Calls `body` with the stream's chunks in order; errors of the recipe name it.
  ///
  /// - Parameters:
  ///   - entersNode: Asked for each node of the recipe before it is fetched.
  ///   - expects: As `RecipeReader.forEachChunk`: a far store is asked for no other nodes ahead.
  ///   - unreadable: Takes stretches of the recipe that cannot be read; nil to end with the first of them.
  func forEachChunk(
    of stream: StreamReference, entersNode: (ChunkID) throws -> Bool = { _ in true },
    expects: (ChunkID) -> Bool = { _ in true }, _ body: (RecipeReader.Entry) throws -> Void,
    unreadable: ((RecipeReader.Entry) throws -> Void)? = nil
  ) throws {
    try namingNode {
      try recipes.forEachChunk(of: stream, entersNode: entersNode, expects: expects, body) { node, error in
        guard let unreadable, RunStore.concernsObject(error) else { throw error }
        try unreadable(node)
      }
    }
  }

  /// Says what two streams do not have in common, without reading their data.
  func difference(from old: StreamReference, to new: StreamReference) throws -> StreamDifference {
    try namingNode { try recipes.difference(from: old, to: new) }
  }

  private func namingNode<Result>(_ walk: () throws -> Result) throws -> Result {
    do {
      return try walk()
    } catch let error as RecipeReader.Malformed {
      throw RepositoryError.damaged(
        object: "recipe node \(error.node)", location: context.location, detail: "it makes no sense")
    }
  }

  private func place(of id: ChunkID) throws -> BlockPlace {
    repeat {
      if let place = try index.current.location(of: id) ?? index.current.copies(of: id).first { return place }
    } while try index.renewForUnknown() || index.renewByPacks()
    throw RepositoryError.missingChunk(id, location: context.location)
  }

  /// Returns where a chunk is in its block, or in another that holds a copy of it: a bad copy stops nothing as long as there
  /// is a good one, nor does one that a compaction has moved.
  ///
  /// - Throws: What was wrong with the first copy when there is no good one.
  private func chunk(
    _ id: ChunkID, from block: Result<PlainBlock, any Error>, at place: BlockPlace, _ reader: BlockReader
  ) throws -> (block: PlainBlock, range: Range<Int>) {
    do {
      let block = try block.get()
      return (block, try reader.chunk(id, of: block, at: place))
    } catch let error as RunCancelled {
      throw error
    } catch {
      var errors = [error]
      if let found = try copy(of: id, besides: [place], reader, &errors) {
        if !(error is PackIsFar) {
          context.remarks.add(error, consequence: "what was needed of it was read from another place")
        }
        return found
      }
      while let gone = try errors.first(where: { try index.renew(after: $0) }) {
        errors = [gone]
        if let found = try copy(of: id, besides: [], reader, &errors) { return found }
      }
      if try index.renewByPacks(), let found = try copy(of: id, besides: [], reader, &errors) {
        context.remarks.add(error, consequence: "what was needed of it was found by asking packs what they hold")
        return found
      }
      if let found = try furtherCopy(of: id, reader) {
        context.remarks.add(error, consequence: "what was needed of it was found behind many false copies")
        return found
      }
      throw error
    }
  }

  /// Looks for a good copy in the places that the index names first.
  ///
  /// - Parameter errors: Gets what was wrong with the bad ones.
  private func copy(
    of id: ChunkID, besides tried: Set<BlockPlace>, _ reader: BlockReader, _ errors: inout [any Error]
  ) throws -> (block: PlainBlock, range: Range<Int>)? {
    try copy(of: id, among: try index.current.copies(of: id).filter { !tried.contains($0) }, reader, &errors)
  }

  /// Looks for a good copy in all other places that the index names: each place once, however often the chunk is asked for.
  private func furtherCopy(
    of id: ChunkID, _ reader: BlockReader
  ) throws -> (block: PlainBlock, range: Range<Int>)? {
    guard !lost.contains(id) else { return nil }
    var tried = Set(try index.current.copies(of: id))
    let places = index.current.furtherCopies(of: id).filter { tried.insert($0).inserted }
    var errors: [any Error] = []
    if let found = try copy(of: id, among: places, reader, &errors) { return found }
    if lost.count < Self.lostLimit, !places.isEmpty { lost.insert(id) }
    return nil
  }

  private func copy(
    of id: ChunkID, among places: [BlockPlace], _ reader: BlockReader, _ errors: inout [any Error]
  ) throws -> (block: PlainBlock, range: Range<Int>)? {
    for place in places {
      do {
        let block = try reader.block(place.block, of: place.pack)
        return (block, try reader.chunk(id, of: block, at: place))
      } catch let error where !RunStore.concernsObject(error) {
        throw error
      } catch {
        errors.append(error)
      }
    }
    return nil
  }
}
