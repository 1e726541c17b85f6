import CofferStorage
import CofferSystem
import Synchronization

/// Puts what a compaction writes anew into packs: codes blocks on worker threads, seals them, and stores the packs.
final class NewPacks {
  private let pipeline: BlockPipeline
  private let fillers: [PackKind: BlockFiller]
  private let stored: StoredPacks

  /// - Parameters:
  ///   - cache: Of blocks that were read for some of their chunks.
  ///   - supply: What was read ahead; nil where nothing is.
  /// - Throws: `SystemError` when a thread cannot be had.
  init(_ context: RepositoryContext, level: Int, _ cache: ReadCache, _ supply: BlockSupply?) throws {
    let stored = StoredPacks(context)
    self.stored = stored
    let assembler = try PackAssembler(context: context) { try stored.put($0) }
    let workers = context.surroundings.workers
    let pipeline = try BlockPipeline(
      workers: workers, inFlight: workers * 2 + 2,
      makeCoder: {
        try BlockCoder(
          level: level, isPatient: true,
          bases: try BlockReader(context: context, cache: cache, for: .chunks, supply: supply), times: context.times)
      }, assemble: { try assembler.assemble($0) })
    self.pipeline = pipeline
    fillers = Dictionary(
      uniqueKeysWithValues: PackKind.allCases.map { ($0, BlockFiller(kind: $0, pipeline: pipeline)) })
  }

  /// Adds a chunk to the blocks that are stored in full.
  ///
  /// - Throws: The first failure of storing.
  func append(_ kind: PackKind, _ id: ChunkID, _ bytes: UnsafeRawBufferPointer) throws {
    try fillers[kind]?.append(id, bytes)
  }

  /// Adds a block that is filled.
  ///
  /// - Throws: The first failure of storing.
  func submit(_ block: PendingBlock) throws { try pipeline.submit(block) }

  /// Stores what is left.
  ///
  /// - Returns: The packs in the order in which they were filled, all of them stored.
  /// - Throws: The first failure of storing.
  func finish() throws -> [IndexedPack] {
    for kind in PackKind.allCases { try fillers[kind]?.flush() }
    try pipeline.finish()
    return stored.packs
  }

  func abandon() { pipeline.abandon() }
}

/// Puts packs, and remembers what is in them for the index object that follows.
private final class StoredPacks: Sendable {
  private let context: RepositoryContext
  private let stored = Mutex<[IndexedPack]>([])

  init(_ context: RepositoryContext) {
    self.context = context
  }

  var packs: [IndexedPack] { stored.withLock { $0 } }

  func put(_ pack: FinishedPack) throws {
    guard let name = pack.indexed.digest.packName else { return }
    try context.times.measure(.store, bytes: pack.indexed.size) { try context.store.put(name, pack.content) }
    stored.withLock { $0.append(pack.indexed) }
  }
}
