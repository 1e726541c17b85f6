import CofferSystem

/// Lays a stream's new chunks into blocks: edits, which are short and stand between known chunks, into delta blocks,
/// everything else into full ones.
final class EditGatherer: @unchecked Sendable {
  // Sound because a gatherer is either in its session's list of idle ones or used by one thread.
  private let full: BlockFiller
  private let pipeline: BlockPipeline
  private let bases: BaseFinder?
  private let predecessors: PredecessorFinder?
  private let remarks: Remarks
  private var recipes: StreamReader?
  /// Where the stream that comes in is in its archive; nil when that is not known.
  private var place: ItemPath?
  /// What had the stream's place before; looked for when the stream's first edit comes.
  private var predecessor: Predecessor?

  /// The known chunk in front of the edit; nil at a stream's beginning and in edits that are too long.
  private var front: ChunkID?
  private var editBytes: [UInt8] = []
  private var editChunks: [BlockChunk] = []
  private var delta: PendingBlock?
  private var prefixLength = 0

  /// Longer ones are new data rather than edits.
  private static let editLimit = 500 << 10
  /// Plain bytes of a delta block at most, unless an edit is longer. A restore decodes whole blocks for what is still
  /// live in them after many days, so they are small; a block of its own for each edit would take more to describe.
  static let blockTarget = 32 << 10
  /// Bytes of prefix that one block may lean on; within the window that the compressor is given.
  static let prefixLimit = 4 << 20
  /// Stretches that one block may lean on: a quarter of what readers accept.
  static let segmentLimit = 1 << 12

  /// - Parameters:
  ///   - bases: nil for keys that cannot read: all blocks are full then.
  ///   - predecessors: nil where no earlier archives are to be asked.
  ///   - remarks: Told of earlier archives that cannot be read.
  init(
    full: BlockFiller, pipeline: BlockPipeline, bases: BaseFinder?, predecessors: PredecessorFinder?, remarks: Remarks
  ) {
    self.full = full
    self.pipeline = pipeline
    self.bases = bases
    self.predecessors = predecessors
    self.remarks = remarks
  }

  /// Begins a stream.
  ///
  /// - Parameters:
  ///   - place: Where it is in its archive; nil when that is not known.
  ///   - content: What it is made of.
  func beginStream(at place: ItemPath?, of content: BlockContent) {
    self.place = place
    full.content = content
    predecessor = nil
  }

  /// Takes note of a chunk that is stored already.
  func pass(_ id: ChunkID, length: Int) throws {
    full.patience.pass(length)
    if !editChunks.isEmpty { try endEdit(before: id) }
    front = id
  }

  /// Takes a chunk that is to be stored.
  func add(_ id: ChunkID, _ bytes: UnsafeRawBufferPointer) throws {
    if bases != nil, front != nil, editBytes.count + bytes.count <= Self.editLimit {
      editBytes.append(contentsOf: bytes)
      editChunks.append(BlockChunk(id: id, length: bytes.count))
      return
    }
    if !editChunks.isEmpty { try storeEditInFull() }
    front = nil
    try full.append(id, bytes)
  }

  /// Ends the stream: what comes next has no neighbour in front.
  func endStream() throws {
    if !editChunks.isEmpty { try endEdit(before: nil) }
    front = nil
    place = nil
    predecessor = nil
  }

  /// Hands over the blocks that are being filled.
  func flush() throws {
    try flushDelta()
    try full.flush()
  }

  /// - Parameter behind: The known chunk behind the edit.
  private func endEdit(before behind: ChunkID?) throws {
    guard let front, let bases, let base = try base(behind: front, before: behind, bases) else {
      return try storeEditInFull()
    }
    if let delta, !hasRoom(for: base, in: delta) { try flushDelta() }
    let block = delta ?? PendingBlock(kind: .data, capacity: max(Self.blockTarget, editBytes.count))
    delta = block
    for segment in base.segments { prefixLength += block.lean(on: segment) }
    editBytes.withUnsafeBytes { bytes in
      var offset = 0
      for chunk in editChunks {
        block.append(
          chunk.id, UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + chunk.length]),
          anchor: base.place(of: offset).flatMap(block.position) ?? 0)
        offset += chunk.length
      }
    }
    clearEdit()
  }

  private func hasRoom(for base: EditBase, in block: PendingBlock) -> Bool {
    block.hasRoom(for: editBytes.count) && prefixLength + base.length <= Self.prefixLimit
      && block.prefix.count + base.segments.count <= Self.segmentLimit
  }

  private func base(behind front: ChunkID, before behind: ChunkID?, _ bases: BaseFinder) throws -> EditBase? {
    if let behind, let replaced = try replaced(between: front, and: behind),
      let base = bases.base(replacing: replaced, between: front, and: behind)
    {
      return base
    }
    return bases.base(ofLength: editBytes.count, behind: front, before: behind)
  }

  /// Returns what a new node of the stream's recipe says again, more or less.
  ///
  /// - Parameter node: Its bytes.
  func base(ofNode node: UnsafeRawBufferPointer) throws -> EditBase? {
    guard let bases else { return nil }
    let chunks = try RecipeBuilder.chunks(in: node)
    return try askPredecessor { try $0.nodes(listing: chunks) }.flatMap(bases.base(replacing:))
  }

  /// Returns the chunks that stood where the edit does.
  private func replaced(between front: ChunkID, and behind: ChunkID) throws -> ArraySlice<ChunkID>? {
    try askPredecessor { try $0.chunks(between: front, and: behind) } ?? nil
  }

  /// Asks what had the stream's place. An earlier archive that cannot be read is done without.
  private func askPredecessor<Answer>(_ question: (Predecessor) throws -> Answer) throws -> Answer? {
    do {
      if predecessor == nil, let place, let predecessors {
        self.place = nil
        let reader = try recipes ?? predecessors.reader()
        recipes = reader
        predecessor = try predecessors.stream(at: place, reader).map { try Predecessor($0, recipes: reader.recipes) }
      }
      return try predecessor.map(question)
    } catch let error as RunCancelled {
      throw error
    } catch is PackIsFar {
      predecessor = nil
      return nil
    } catch {
      predecessor = nil
      remarks.add(error, consequence: "changes since the last archive may take more space than they need")
      return nil
    }
  }

  private func storeEditInFull() throws {
    try editBytes.withUnsafeBytes { bytes in
      var offset = 0
      for chunk in editChunks {
        try full.append(chunk.id, UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + chunk.length]))
        offset += chunk.length
      }
    }
    clearEdit()
  }

  private func clearEdit() {
    editBytes.removeAll(keepingCapacity: true)
    editChunks.removeAll(keepingCapacity: true)
  }

  private func flushDelta() throws {
    guard let block = delta else { return }
    delta = nil
    prefixLength = 0
    // A long run is mostly new rows, which are stored in full then.
    if block.plainLength > Self.blockTarget { block.isPatient = full.patience.take(block.plainLength) }
    try pipeline.submit(block)
  }
}
