import CofferStorage
import CofferSystem
import FoundationEssentials
import Glibc

/// What a new repository is to be like.
public struct CreationOptions: Sendable {
  public var mode: EncryptionMode
  public var chunker: ChunkerParameters
  /// Stored bytes of a data pack.
  public var packTarget: Int
  /// The binary logarithm of scrypt's cost; 17 takes about a third of a second and 128 MiB.
  public var passphraseCost: Int
  /// Of the machine that the key is made on, for lists of keys; nil says nothing.
  public var hostname: String?

  public static let standardPassphraseCost = 17

  public init(
    mode: EncryptionMode = .repokey, chunker: ChunkerParameters = .standard, packTarget: Int = 32 << 20,
    passphraseCost: Int = standardPassphraseCost, hostname: String? = nil
  ) {
    self.mode = mode
    self.chunker = chunker
    self.packTarget = packTarget
    self.passphraseCost = passphraseCost
    self.hostname = hostname
  }
}

/// How a session writes.
public struct SessionOptions: Sendable {
  /// zstd's level.
  public var compressionLevel: Int
  /// Whether somebody wants that for all that is stored, whatever it is made of.
  public var isLevelChosen: Bool
  /// The host whose newest archives tell what edits replace; nil to ask none.
  public var hostname: String?
  /// The name that the archive is going to have, which no other that counts may have yet; nil not to ask.
  public var archiveName: String?
  /// How it is known which files need not be read; nil to read all.
  public var files: FilesCacheOptions?

  public init(
    compressionLevel: Int = 3, isLevelChosen: Bool = false, hostname: String? = nil, archiveName: String? = nil,
    files: FilesCacheOptions? = nil
  ) {
    self.compressionLevel = compressionLevel
    self.isLevelChosen = isLevelChosen
    self.hostname = hostname
    self.archiveName = archiveName
    self.files = files
  }
}

/// The sizes of a whole repository.
public struct RepositoryStatistics: Sendable, Equatable {
  /// Archives that count, or may.
  public var archiveCount = 0
  public var voidArchives = 0
  /// Bytes of all archives' streams as they were read.
  public var totalSize: UInt64 = 0
  /// Different chunks, nodes of recipes not counted.
  public var uniqueChunks: UInt64 = 0
  /// Plain bytes of all blocks.
  public var uniqueSize: UInt64 = 0
  /// Bytes of all objects in the store.
  public var storedSize: UInt64 = 0
  /// When the newest archive was written.
  public var lastModified: Date?
}

/// An opened repository. Safe to use from several threads.
public final class Repository: Sendable {
  package let context: RepositoryContext

  init(context: RepositoryContext) {
    self.context = context
  }

  public var header: RepositoryHeader { context.header }
  public var location: String { context.location }
  /// Whether the key in use can read and administer, or only add.
  public var role: KeyRole { context.keys.role }
  /// The id of the key in use, as its archives carry it, if it is write-only.
  public var writeOnlyKey: String? { role == .full ? nil : context.keys.id.description }

  /// Whether no program may prune here that does not know what archives need of logs; false where the repository is older than that.
  public var guardsLogNeeds: Bool { context.header.features?.contains(RepositoryHeader.logNeeds) == true }

  /// Returns all archives that can be read, oldest first, those that do not count too; of the others it is said once that they
  /// are passed over.
  ///
  /// - Throws: `StorageError` when the store does not answer.
  public func archives() throws -> [Archive] { try listArchives().readable }

  /// As `archives`, and the ids of those that cannot be read.
  ///
  /// - Parameter mustJudge: Whether the caller can do nothing where it is not known what archives count for.
  /// - Throws: `StorageError` when the store does not answer; for who must judge, `RepositoryError` where what was decided cannot be read.
  public func listArchives(mustJudge: Bool = false) throws -> (readable: [Archive], passedOver: [String]) {
    let listed = try ListedArchives(context)
    for archive in listed.archives { tellClock(of: archive) }
    return (listed.judged(by: try mustJudge ? Rounds.load(context) : judgingRounds()), listed.passedOver)
  }

  /// What was decided about archives. Decisions that cannot be read keep nobody from reading archives: it is not known what
  /// these count for, so nothing is done that depends on it.
  private func judgingRounds() throws -> Rounds? {
    do {
      return try Rounds.load(context)
    } catch let error where RunStore.concernsObject(error) {
      context.remarks.add(error, consequence: "it is not known which archives count, and all of them are left alone")
      return nil
    }
  }

  /// Seconds by which a clock may be ahead without a word.
  private static let clockTolerance: Double = 300

  private func tellClock(of archive: Archive) {
    guard let received = archive.received, archive.end.timeIntervalSince(received) > Self.clockTolerance else { return }
    let format = Date.ISO8601FormatStyle()
    context.remarks.add(
      Diagnosis(
        subject: "archive \(archive.name)",
        problem: "It says that it is of the future, from \(format.format(archive.end)): the clock of "
          + "\(archive.draft.hostname) was ahead. It counts by the time at which it was received, "
          + format.format(received)))
  }

  /// Removes the record of an archive that cannot be read, by its id.
  ///
  /// - Throws: `RepositoryError.noSuchArchive` when there is none, or it can be read; `.needsFullKey`; `.pinnedArchive`.
  public func deleteUnreadable(_ id: String) throws {
    try context.header.refuseUnknownFeatures(location: location)
    guard context.keys.role == .full else {
      throw RepositoryError.needsFullKey(location: location, action: "delete archives")
    }
    guard let name = try unreadableRecord(id) else { throw RepositoryError.noSuchArchive(id, location: location) }
    try PinStore(context).refuse(id, named: id)
    try context.store.delete(name)
    ArchiveCache(context: context).forget(id)
  }

  /// Whether there is an archive of this id whose record cannot be read: it is damaged, larger than any, or signed by a key
  /// that is not known, or was removed before.
  ///
  /// - Throws: `StorageError`: a store that does not answer says nothing about the record.
  public func isUnreadable(_ id: String) throws -> Bool { try unreadableRecord(id) != nil }

  private func unreadableRecord(_ id: String) throws -> ObjectName? {
    let records = try context.store.list(ArchiveRecord.folder)
    guard let name = records.first(where: { $0.name.parts.count == 2 && $0.name.lastPart.isSame(as: id) })?.name
    else { return nil }
    do {
      _ = try ArchiveRecord.read(name, context: context)
      return nil
    } catch RepositoryError.damaged, RepositoryError.unknownKey, RepositoryError.signedAfterRemoval,
      StorageError.tooLarge
    {
      return name
    }
  }

  public func statistics() throws -> RepositoryStatistics {
    var statistics = RepositoryStatistics()
    for archive in try archives() {
      guard archive.standing != .void else {
        statistics.voidArchives += 1
        continue
      }
      statistics.archiveCount += 1
      statistics.totalSize = statistics.totalSize.addingClamped(archive.statistics.originalSize)
      statistics.lastModified = archive.time
    }
    let loader = try IndexLoader(context: context)
    try context.store.forEachObject(in: "") { status in
      statistics.storedSize = statistics.storedSize.addingClamped(UInt64(clamping: status.size))
    }
    var seen: Set<Digest256> = []
    let names = try loader.objectNames()
    for run in try loader.runs(of: names, over: try loader.existingPacks()) {
      for number in 0..<run.layout.packCount {
        let pack = run.pack(number)
        guard pack.kind == .data, seen.insert(pack.digest).inserted else { continue }
        let blocks = run.blocks(ofPack: number)
        statistics.uniqueChunks += blocks.reduce(0) { $0 + UInt64(run.chunks(ofBlock: $1).count) }
        statistics.uniqueSize = statistics.uniqueSize.addingClamped(UInt64(clamping: pack.plainSize))
      }
    }
    return statistics
  }

  /// Opens the archives' content for reading; loads the index once for as many reads as follow.
  ///
  /// - Parameter archive: One whose data are going to be read, all of them or a part.
  /// - Throws: `RepositoryError.needsFullKey`.
  public func reader(forDataOf archive: Archive? = nil) throws -> ArchiveReader {
    guard context.keys.dataPrivate != nil else {
      throw RepositoryError.needsFullKey(location: location, action: "read what was backed up")
    }
    if let archive { context.store.expectTransfer(of: archive.statistics.originalSize / StreamReader.usualRatio) }
    let index = try RenewedIndex(IndexLoader(context: context))
    return ArchiveReader(try StreamReader(context: context, index: index))
  }

  /// Begins a backup.
  ///
  /// - Throws: `RepositoryError.archiveExists`; `.unsupported`; `StorageError`.
  public func beginSession(
    options: SessionOptions = SessionOptions(), cancellation: Cancellation
  ) throws -> BackupSession {
    try context.header.refuseUnknownFeatures(location: location)
    let context = context.stopping(with: cancellation)
    let loader = try IndexLoader(context: context)
    return try BackupSession(
      context: context, tidy: { try Repository(context: context).removeAbandoned(besides: $0) },
      loadIndex: { try loader.load(for: .deduplication($0)) }, cache: loader.cache, options: options,
      cancellation: cancellation)
  }

  /// Removes an archive's record and nothing else; its chunks go when the repository is compacted.
  ///
  /// - Throws: `RepositoryError.noSuchArchive`; `.needsFullKey`; `.pinnedArchive`.
  public func delete(_ archive: Archive) throws {
    try context.header.refuseUnknownFeatures(location: location)
    guard context.keys.role == .full else {
      throw RepositoryError.needsFullKey(location: location, action: "delete archives")
    }
    guard let name = ObjectName("\(ArchiveRecord.folder)/\(archive.id)") else {
      throw RepositoryError.noSuchArchive(archive.name, location: location)
    }
    do {
      _ = try context.store.status(of: name)
    } catch StorageError.missing {
      throw RepositoryError.noSuchArchive(archive.name, location: location)
    }
    // Last, and for each archive anew: it may have been pinned a moment ago.
    try PinStore(context).refuse(archive.id, named: archive.name)
    try context.store.delete(name)
    ArchiveCache(context: context).forget(archive.id)
  }
}

/// Reads the items and streams of archives. Used by one thread at a time.
public final class ArchiveReader {
  private let streams: StreamReader

  /// What is told of at once: fewer blocks than the supply has room for, also if each file is in another.
  public static let expectedCount = 256
  private static let expectedSize: UInt64 = 16 << 20

  init(_ streams: StreamReader) {
    self.streams = streams
  }

  /// Goes through the items of an archive, whose content is read beside it or not at all.
  public func cursor(over archive: Archive, cancellation: Cancellation) -> ItemCursor {
    ItemCursor(streams, archive, cancellation)
  }

  /// Calls `body` with the items of an archive in the order they were stored; `body` may read streams of this reader.
  ///
  /// - Throws: As `ItemCursor.next`; what `body` throws, and then no more is read.
  public func forEachItem(
    of archive: Archive, cancellation: Cancellation, _ body: (ArchiveItem) throws -> Void
  ) throws {
    var cursor = cursor(over: archive, cancellation: cancellation)
    while let item = try cursor.next() { try body(item) }
  }

  /// Returns those of an archive's items that are wanted, in the order they were stored.
  ///
  /// - Throws: As `forEachItem`.
  public func items(
    of archive: Archive, cancellation: Cancellation, where isWanted: (ArchiveItem) throws -> Bool = { _ in true }
  ) throws -> [ArchiveItem] {
    var items: [ArchiveItem] = []
    try forEachItem(of: archive, cancellation: cancellation) { if try isWanted($0) { items.append($0) } }
    return items
  }

  /// Tells of items that are going to be read in this order. Of a far store the first of them, if they are small files, are
  /// then asked for several at the same time.
  ///
  /// - Returns: How many items that are, one at least; the next is worth another call.
  /// - Throws: That the store does not answer; `RunCancelled`.
  public func expect(_ items: ArraySlice<ArchiveItem>) throws -> Int {
    var small: [StreamReference] = []
    var size: UInt64 = 0
    var count = 0
    for item in items.prefix(Self.expectedCount) {
      count += 1
      guard case .file(let stream) = item.content else { continue }
      // The reader of a long one looks ahead itself.
      guard stream.size < StreamReader.shortStream else { break }
      small.append(stream)
      size += stream.size
      guard size < Self.expectedSize else { break }
    }
    if small.count > 1 { try streams.expect(small) }
    return max(count, 1)
  }

  /// Writes a stored stream to the sink, verifying every chunk and the whole.
  ///
  /// - Throws: Before the end of the stream, if anything is not as it was stored.
  public func read(_ stream: StreamReference, into sink: any ByteSink, cancellation: Cancellation) throws {
    try streams.read(stream, into: sink, cancellation: cancellation)
  }

  /// Writes a range of a stored stream to the sink, verifying every chunk; what else the stream holds is not read.
  ///
  /// - Throws: Before the end of the range, if anything is not as it was stored.
  public func read(
    _ range: Range<UInt64>, of stream: StreamReference, into sink: any ByteSink, cancellation: Cancellation
  ) throws {
    try streams.read(range, of: stream, into: sink, cancellation: cancellation)
  }

  /// Says what two streams of the repository do not have in common. Their data is not read.
  ///
  /// - Throws: `RepositoryError`; `StorageError`.
  public func difference(from old: StreamReference, to new: StreamReference) throws -> StreamDifference {
    try streams.difference(from: old, to: new)
  }

  /// Calls `body` with a stream's chunks in order, without reading them, and `unreadable` with the stretches of its recipe
  /// that cannot be read.
  func forEachChunk(
    of stream: StreamReference, _ body: (RecipeReader.Entry) throws -> Void,
    unreadable: (RecipeReader.Entry) throws -> Void
  ) throws {
    try withoutActuallyEscaping(unreadable) { try streams.forEachChunk(of: stream, body, unreadable: $0) }
  }
}
