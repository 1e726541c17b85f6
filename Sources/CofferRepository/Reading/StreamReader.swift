import CofferStorage
import CofferSystem

/// Puts streams back together, verifying every byte. Used by one thread at a time.
final class StreamReader {
  private let context: RepositoryContext
  private let index: ChunkIndex
  private let blocks: BlockReader
  private let nodes: BlockReader

  init(context: RepositoryContext, index: ChunkIndex) throws {
    self.context = context
    self.index = index
    blocks = try BlockReader(context: context)
    nodes = try BlockReader(context: context, cachedBlocks: 16)
  }

  var recipes: RecipeReader {
    RecipeReader { [self] id in try bytes(of: id, from: nodes) }
  }

  /// Writes the stream to the sink, from first byte to last.
  ///
  /// - Throws: `RepositoryError`, `StorageError`, `RunCancelled`, and what the sink throws. A stream that is not
  ///   exactly what was stored never ends without an error.
  func read(_ stream: StreamReference, into sink: any ByteSink, cancellation: Cancellation) throws {
    var hasher = try StreamHasher()
    var size: UInt64 = 0
    var count: UInt64 = 0
    try forEachChunk(of: stream) { entry in
      try cancellation.check()
      let (block, place) = try self.place(of: entry.id, from: blocks)
      guard UInt64(place.count) == entry.size else {
        throw RepositoryError.missingChunk(entry.id, location: context.location)
      }
      try hasher.append(entry.id, length: place.count)
      size += entry.size
      count += 1
      try block.bytes.withUnsafeBytes { try sink.write(UnsafeRawBufferPointer(rebasing: $0[place])) }
    }
    guard try hasher.finish() == stream.hash, size == stream.size, count == stream.chunkCount else {
      throw RepositoryError.damaged(
        object: stream.root.map { "recipe \($0)" } ?? "recipe", location: context.location,
        detail: "the stream is not the one that was stored")
    }
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

  private func bytes(of id: ChunkID, from reader: BlockReader) throws -> [UInt8] {
    let (block, place) = try place(of: id, from: reader)
    return Array(block.bytes[place])
  }

  private func place(of id: ChunkID, from reader: BlockReader) throws -> (
    block: BlockReader.PlainBlock, place: Range<Int>
  ) {
    guard let location = index.location(of: id) else {
      throw RepositoryError.missingChunk(id, location: context.location)
    }
    let pack = index.pack(location.pack)
    let block = try reader.block(location.block, of: pack)
    guard let place = block.places[id] else {
      throw RepositoryError.damaged(
        object: pack.packName?.path ?? pack.hex, location: context.location,
        detail: "the index says that block \(location.block) holds chunk \(id), but it does not")
    }
    return (block, place)
  }
}
