import CofferStorage
import CofferSystem
import Glibc
import Synchronization

/// A running backup: streams and items go in, and `commit` makes an archive of them at the very end.
///
/// Several threads may store streams at the same time. Nothing is visible to others until `commit` returns, and
/// what was stored before a failure is found again by the next run.
public final class BackupSession: Sendable {
  private let context: RepositoryContext
  /// The same for what edits are coded against.
  private let baseContext: RepositoryContext
  private let index: ChunkIndex
  private let marker: SessionMarker
  /// The round of compaction that the session has seen.
  private let round: Int
  /// What was read of rounds.
  private let roundMemory = RoundMemory()
  /// The archives that were there when the session began.
  private let listed: ListedArchives
  private let sameName = Mutex<[Archive]>([])
  private let counters = SessionCounters()
  private let storer: PackStorer
  private let pipeline: BlockPipeline
  private let chunker: Chunker
  private let packs: SharedCache<Digest256, PackReader>
  private let predecessors: PredecessorFinder?
  private let hasher: ChunkHasher
  private let nodeHasher: ChunkHasher
  private let nodes: Mutex<NodeFiller>
  private let idleGatherers = Mutex<[EditGatherer]>([])
  private let items = ItemListWriter()
  /// nil when every file is to be read, or nothing is kept on this machine.
  private let files: FilesCache?
  private let cancellation: Cancellation

  /// Opens a session: announces it, then looks at the rounds of compaction, and then says which it has seen and looks at what
  /// the repository holds: in that order, so that a compaction that starts meanwhile sees it, and nothing is leant on that one
  /// has condemned.
  ///
  /// - Parameter tidy: Takes away what dead sessions have left, beside the first marker. Is given the id of this session, which may
  ///   be there by then.
  init(
    context: RepositoryContext, tidy: (_ session: String) throws -> Void,
    loadIndex: @escaping @Sendable (Rounds) throws -> ChunkIndex, cache: IndexCache,
    options: SessionOptions,
    cancellation: Cancellation
  ) throws {
    self.context = context
    self.cancellation = cancellation
    let near = NearPacks(context)
    let baseContext = context.reading(near)
    self.baseContext = baseContext
    let marker = try SessionMarker(context: context, cancellation: cancellation)
    self.marker = marker
    var started: PackStorer?
    do {
      // The archives are judged by the rounds, and so are listed before them.
      let before = options.archiveName != nil || options.hostname != nil ? [ArchiveRecord.folder] : []
      let (_, found) = try context.sideBySide.both(
        { try tidy(marker.id) }, { try marker.announce(listing: [before, [RoundName.folder]]) })
      listed = before.isEmpty ? .none : try ListedArchives(context, found[0])
      let rounds = try Rounds.load(context, roundMemory, found[before.count])
      round = rounds.newest
      let archives = listed.judged(by: rounds)
      // An undecided one may be that of a run that failed as overtaken, and is made again by this one.
      if let name = options.archiveName,
        archives.contains(where: { $0.name.isSame(as: name) && $0.standing == .counts })
      {
        throw RepositoryError.archiveExists(name, location: context.location)
      }
      // The first backup of a host has most of its bytes to send.
      if let hostname = options.hostname, !archives.contains(where: { $0.draft.hostname.isSame(as: hostname) }) {
        context.store.expectTransfer(of: .max)
      }
      // Before it has told its round it is waited for in any case, so the index need not wait for that.
      (_, index) = try context.sideBySide.both({ try marker.tell(rounds.newest) }, { try loadIndex(rounds) })
      chunker = try context.chunker()
      hasher = try context.chunkHasher(.data)
      let growth = PackGrowth(target: context.header.packTarget, isFar: context.surroundings.isFar)
      let storer = try PackStorer(
        context: context, rounds: rounds, index: index, cache: cache, near: near, growth: growth, counters: counters)
      started = storer
      let assembler = try PackAssembler(context: context, growth: growth) { try storer.store($0) }
      let workers = context.surroundings.workers
      let canRead = context.keys.dataPrivate != nil
      let (level, isLevelChosen) = (options.compressionLevel, options.isLevelChosen)
      predecessors = options.hostname.map { [index] in
        PredecessorFinder(
          context: baseContext, index: index, archives: archives, hostname: $0, cancellation: cancellation)
      }
      let cache = ReadCache(blockCount: workers * 12)
      packs = cache.packs
      pipeline = try BlockPipeline(
        // Where a network is waited for, the memory is packs'.
        workers: workers, inFlight: workers * 2 + (context.surroundings.isFar ? 2 : 6),
        makeCoder: {
          let bases =
            canRead ? try BlockReader(context: baseContext, cache: cache, for: .base) : nil
          return try BlockCoder(level: level, isLevelChosen: isLevelChosen, bases: bases, times: context.times)
        }, assemble: { try assembler.assemble($0) })
      self.storer = storer
      nodeHasher = try context.chunkHasher(.tree)
      nodes = Mutex(NodeFiller(pipeline))
      files = try options.files.flatMap { [index] in try FilesCache(context, $0, over: index) }
    } catch {
      started?.abandon()
      marker.remove()
      throw error
    }
  }

  /// How far the session is; a cheap snapshot for any thread.
  public var progress: SessionProgress { counters.progress }

  /// Bytes of packs that may be put at the same time. `progress` counts a pack only when all of it is durable, so with packs
  /// that share a line so many may have to be sent before it shows anything.
  public var bytesUnderWay: Int { storer.bytesUnderWay }

  /// Why nothing more can be stored, known before anything more is given; nil while nothing has failed.
  public var failure: (any Error)? { storer.failure ?? pipeline.failure }

  /// Stores a stream to its end, blocking the calling thread.
  ///
  /// - Parameters:
  ///   - place: Where it will be in the archive. What earlier archives have there is what edits are taken to be
  ///     changed copies of; nil when that is not known.
  ///   - content: What it is made of.
  /// - Throws: What the source throws, as it is; `RepositoryError` and `StorageError` for the repository's own
  ///   failures; `RunCancelled`.
  public func store(
    _ source: any ByteSource, at place: ItemPath? = nil, of content: BlockContent = .any
  ) throws -> StreamReference {
    try store(source, at: place, of: content, nil)
  }

  /// - Parameter isCounted: Whether the stream's bytes are some of the archive's.
  private func store(
    _ source: any ByteSource, at place: ItemPath?, of content: BlockContent = .any, _ trace: StreamTrace?,
    isCounted: Bool = true
  ) throws -> StreamReference {
    let gatherer = idleGatherers.withLock { $0.popLast() } ?? makeGatherer()
    // Also after a failure: chunks that were claimed have to be stored, since later streams count on them.
    defer { idleGatherers.withLock { $0.append(gatherer) } }
    gatherer.beginStream(at: place, of: content)
    do {
      return try store(source, of: content, through: gatherer, trace, isCounted: isCounted)
    } catch {
      try gatherer.endStream()
      throw error
    }
  }

  // MARK: - Files that need not be read

  /// Stores a file as `store` does, and notes down where in the repository it is.
  ///
  /// - Returns: The stream, and what `remember` wants to know; nil when nothing is remembered.
  /// - Throws: As `store`.
  package func storeFile(
    _ source: any ByteSource, at place: ItemPath
  ) throws -> (stream: StreamReference, packs: StreamPacks?) {
    let trace = files.map { _ in StreamTrace(index) }
    return (try store(source, at: place, trace), trace?.packs)
  }

  /// Returns what the repository has of a file that is as it was when an earlier run read it; nil for one that is to be read.
  package func unchangedFile(_ facts: FileFacts, at place: ItemPath) -> UnchangedFile? {
    files?.file(facts, at: place)
  }

  /// Takes a file as unchanged, whose item is going to be added.
  package func keep(_ file: UnchangedFile) {
    files?.keep(file)
    counters.addUnread(file.stream.size)
  }

  /// Remembers a file that was stored for the next run.
  package func remember(_ file: ReadFile, at place: ItemPath, _ stream: StreamReference, in packs: StreamPacks) {
    files?.remember(file, at: place, stream, in: packs)
  }

  // MARK: - The end

  /// Adds an item to the archive; waits while the list of them is stored more slowly than it grows.
  ///
  /// - Parameter isOver: Whether it is waited for no longer, looked at while it has to be waited for.
  /// - Returns: false when that came first: then there will be no archive.
  @discardableResult
  public func add(_ item: ArchiveItem, orUntil isOver: () -> Bool = { false }) -> Bool {
    items.add(item, orUntil: isOver, store: store(list:))
  }

  @Sendable
  private func store(list: any ByteSource) throws -> StreamReference {
    try store(list, at: nil, nil, isCounted: false)
  }

  /// Makes everything durable, then writes the archive's record: the only commit point. Then looks whether it counts.
  ///
  /// - Throws: `RepositoryError.overtaken` when the record stands and does not count, or not for sure; `.sessionExpired`;
  ///   what storing throws.
  public func commit(_ draft: ArchiveDraft) throws -> Archive {
    do {
      let (list, count) = try items.finish(store: store(list:))
      for gatherer in idleGatherers.withLock({ $0 }) { try gatherer.flush() }
      try nodes.withLock { try $0.flush() }
      try pipeline.finish()
      try storer.finishPacks()
      files?.finish(wasWhole: true)
      _ = try context.sideBySide.both({ try storer.finishIndex() }, { [marker] in try marker.confirm() })
      try cancellation.check()
      var statistics = ArchiveStatistics()
      statistics.itemCount = count
      statistics.originalSize = counters.progress.read.addingClamped(counters.progress.unread)
      statistics.newSize = counters.progress.new
      statistics.storedSize = counters.progress.stored
      var (archive, found) = try ArchiveRecord.commit(
        draft, items: list, statistics: statistics, round: round,
        thenListing: [RoundName.folder, ArchiveRecord.folder], context: context)
      try confirm(&archive, rounds: try found[0].get(), archives: try? found[1].get())
      try context.checkKeyStands()
      marker.remove()
      EarlierBackups(context.surroundings, location: context.location).keep()
      return archive
    } catch {
      abandon()
      throw error
    }
  }

  /// Makes sure that no round of compaction that was closed meanwhile has passed the archive by: it may have been decided
  /// by then that what the session leant on goes.
  ///
  /// - Parameters:
  ///   - statuses: What there is of rounds, listed since the record was put.
  ///   - archives: Likewise; nil where they could not be listed.
  private func confirm(_ archive: inout Archive, rounds statuses: [ObjectStatus], archives: [ObjectStatus]?) throws {
    // The record stands: also a run that is to stop says what has become of it. That the others cannot be listed any more takes
    // nothing from it, and what they count for, of which warnings are made, may be decided by a round that is closed just now.
    let (rounds, listed) = try context.sideBySide.both(
      { try Rounds.load(context.unstoppable, roundMemory, statuses) },
      { [context, archive, earlier = self.listed] in
        try? archives.map { try ListedArchives(context, $0, after: earlier, and: archive) }
      })
    let standing = rounds.standing(of: archive.id, round: archive.round)
    guard standing == .counts else {
      throw RepositoryError.overtaken(archive.name, location: context.location, isDecided: standing == .void)
    }
    archive.received = listed?.received(archive.id)
    let twins = (listed ?? .none).judged(by: rounds).filter { [archive] other in
      other.name.isSame(as: archive.name) && other.id != archive.id && other.standing != .void
    }
    sameName.withLock { $0 = twins }
  }

  /// Other archives of the name that were there behind the commit: of runs that took it after this one had looked for it, and
  /// undecided ones. All of them stay.
  public var twins: [Archive] { sameName.withLock { $0 } }

  /// Ends the session without an archive. What is durable already is reused by the next run.
  public func abandon() {
    items.abandon()
    pipeline.abandon()
    items.join()
    storer.abandon()
    files?.finish(wasWhole: false)
    marker.remove()
  }

  private func makeGatherer() -> EditGatherer {
    EditGatherer(
      full: BlockFiller(kind: .data, pipeline: pipeline), pipeline: pipeline,
      bases: BaseFinder(context: baseContext, index: index, packs: packs), predecessors: predecessors,
      remarks: context.remarks)
  }

  private func store(
    _ source: any ByteSource, of content: BlockContent, through gatherer: EditGatherer, _ trace: StreamTrace?,
    isCounted: Bool
  ) throws -> StreamReference {
    var recipe = try RecipeBuilder { [self] node in try store(node: node, gatherer, trace) }
    var taker = ChunkTaker(chunker: chunker, hasher: hasher, index: index, of: content, times: context.times)
    try StreamChunker(maximum: chunker.parameters.maximum, times: context.times).forEachChunk(
      of: source,
      didRead: { count in
        if isCounted { counters.addRead(count) }
        try cancellation.check()
        marker.refresh()
      },
      take: { rest in
        let chunk = taker.next(in: rest)
        if chunk.isNew {
          try gatherer.add(chunk.id, UnsafeRawBufferPointer(rebasing: rest[..<chunk.length]))
          counters.addNew(chunk.length)
        } else {
          try gatherer.pass(chunk.id, length: chunk.length)
        }
        trace?.add(chunk.id, chunk.place)
        try recipe.append(chunk.id, length: chunk.length)
        return chunk.length
      })
    let stream = try recipe.finish()
    try gatherer.endStream()
    return stream
  }

  /// Stores a node of a recipe, unless it is there.
  private func store(
    node: UnsafeRawBufferPointer, _ gatherer: EditGatherer, _ trace: StreamTrace?
  ) throws -> ChunkID {
    let id = nodeHasher.id(of: node)
    let claim = index.claim(id)
    if case .stored(let place) = claim { trace?.add(id, place) } else { trace?.add(id, nil) }
    guard case .new = claim else { return id }
    let base = try gatherer.base(ofNode: node)
    let bytes = Array(node)
    try nodes.withLock { nodes in try bytes.withUnsafeBytes { try nodes.append(id, $0, base) } }
    return id
  }
}
