import CofferStorage
import CofferSystem

/// Marks what archives need: the chunks of their item lists and streams, and all nodes of the recipes.
///
/// What cannot be read is told, for a chunk that is not marked may be deleted; all that is reached without it is marked.
struct ArchiveMarking {
  private let context: RepositoryContext
  /// Reads item lists, while what they name is walked by the other on the thread that takes the items.
  private let lists: StreamReader
  private let streams: StreamReader
  private let marks: LiveMarks
  private let cancellation: Cancellation

  init(_ context: RepositoryContext, _ catalogue: PackCatalogue, _ marks: LiveMarks, _ cancellation: Cancellation)
    throws
  {
    self.context = context
    self.marks = marks
    self.cancellation = cancellation
    let index = RenewedIndex(fixed: ChunkIndex(runs: catalogue.runs))
    lists = try StreamReader(context: context, index: index)
    streams = try StreamReader(context: context, index: index)
  }

  /// Marks all that an archive needs, or of one that is not whole, all that it reaches.
  ///
  /// The nodes that were walked for one archive are not walked for the next: whatever is to be told of the archives that matter
  /// most has to be asked of them first.
  ///
  /// - Returns: What is missing, or makes no sense; nil for an archive that is whole.
  /// - Throws: `StorageError` and `RunCancelled`, which say nothing of the archive; `IndexCache.Damaged`.
  func mark(_ archive: Archive) throws -> String? {
    var flaw: String?
    func note(_ error: any Error) throws {
      let detail = try Self.detail(of: error)
      flaw = flaw ?? detail
    }
    func noting(_ body: () throws -> Void) throws {
      do {
        try body()
      } catch {
        try note(error)
      }
    }
    func walk(_ stream: StreamReference) throws {
      try noting {
        try streams.recipes.forEachChunk(
          of: stream, entersNode: { try marks.enter($0) }, expects: { !marks.isWalked($0) },
          { entry in
            try cancellation.check()
            try marks.need(entry.id)
          },
          unreadable: { node, error in
            try note(error)
            marks.leave(node.id)
          })
      }
    }
    try walk(archive.items)
    try noting {
      try forEachItem(of: archive) { item in
        if case .file(let stream) = item.content { try walk(stream) }
      }
    }
    // What is missing is told with the archive that needs it.
    try marks.settle()
    if let id = marks.takeMissing() { flaw = flaw ?? "Chunk \(id) is in no pack" }
    return flaw
  }

  /// - Throws: An error that says nothing of what was read.
  private static func detail(of error: any Error) throws -> String {
    switch error {
    case let error as RepositoryError: error.diagnosis.problem
    case let error as RecipeReader.Malformed: "Recipe node \(error.node) makes no sense"
    case StorageError.missing(let name, _): "Object \(name.path) is gone"
    case StorageError.truncated(let name, _), StorageError.tooLarge(let name, _, _):
      "Object \(name.path) has not the size that it should"
    default: throw error
    }
  }

  /// Reads the item list piece by piece: it may be as long as somebody likes.
  private func forEachItem(of archive: Archive, _ body: @escaping (ArchiveItem) throws -> Void) throws {
    let sink = ItemSink(limit: ItemCursor.itemLimit, body)
    do {
      try lists.read(archive.items, into: sink, cancellation: cancellation)
      try sink.finish()
    } catch {
      // Where the list ends early, the thread that takes the items may have failed for a reason of its own.
      if let failure = sink.failure { throw failure }
      if error is ByteReader.Malformed { throw context.damaged(archive, "it makes no sense") }
      _ = try Self.detail(of: error)
      try takeUpToLoss(of: archive, body)
      throw error
    }
  }

  /// Takes the items of a list that cannot be read to its end: those that were read ahead, or waited to be taken, when the rest
  /// turned out to be lost were not taken then.
  private func takeUpToLoss(of archive: Archive, _ body: @escaping (ArchiveItem) throws -> Void) throws {
    let sink = ItemSink(limit: ItemCursor.itemLimit, body)
    do {
      do {
        try lists.readUpToLoss(archive.items, into: sink, cancellation: cancellation)
      } catch let loss as StreamReader.Loss {
        _ = try Self.detail(of: loss.cause)
      } catch let error where !(error is ByteReader.Malformed) {
        // What is wrong with the list was told by the first look at it.
        _ = try Self.detail(of: error)
      }
      try sink.takeItems()
    } catch is ByteReader.Malformed {
      // All before it was taken.
    }
  }
}

extension RepositoryContext {
  func damaged(_ archive: Archive, _ detail: String) -> RepositoryError {
    .damaged(object: "item list of archive \(archive.name)", location: location, detail: detail)
  }
}

/// Takes the bytes of an item list, and gives each item as soon as it is there.
private final class ItemSink: ByteSink {
  private var decoder: ItemListDecoder
  private let body: (ArchiveItem) throws -> Void
  /// What kept it from going on with an item.
  private(set) var failure: (any Error)?

  init(limit: Int, _ body: @escaping (ArchiveItem) throws -> Void) {
    decoder = ItemListDecoder(limit: limit)
    self.body = body
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws { try decoder.take(bytes, give) }

  /// Gives the items that are whole.
  func takeItems() throws { try decoder.takeItems(give) }

  func finish() throws { try decoder.finish(give) }

  private func give(_ item: ArchiveItem) throws {
    do {
      try body(item)
    } catch {
      failure = error
      throw error
    }
  }
}
