import CofferStorage
import CofferSystem

extension Repository {
  /// Looks for damage; changes nothing.
  ///
  /// - Parameter newestArchives: How many archives' recipes are followed; nil for all.
  /// - Throws: `StorageError` when the store does not answer, `RunCancelled`, `RepositoryError.needsFullKey` for the
  ///   levels that read content. Damage is reported, not thrown.
  public func check(
    _ level: CheckLevel, newestArchives: Int? = nil, cancellation: Cancellation
  ) throws -> CheckReport {
    if level >= .recipes, context.keys.dataPrivate == nil {
      throw RepositoryError.needsFullKey(location: location, action: "check what was backed up")
    }
    var checker = try Checker(context: context, level, cancellation: cancellation)
    try checker.checkObjects()
    if level >= .tables { try checker.checkTables() }
    if level >= .recipes { try checker.checkRecipes(ofNewest: newestArchives ?? .max) }
    return checker.report
  }
}

/// One check of a repository, level by level. Packs are looked at one after the other, and what is remembered of their
/// chunks is in files: memory does not grow with what they hold.
struct Checker {
  private let context: RepositoryContext
  private let cancellation: Cancellation
  private let level: CheckLevel
  private(set) var report = CheckReport()
  /// Of the packs that were found whole.
  private let index: ChunkIndex
  private let blocks: BlockChecker?
  private var archives: [Archive] = []
  private var damagedChunks: Set<ChunkID> = []

  init(context: RepositoryContext, _ level: CheckLevel, cancellation: Cancellation) throws {
    self.context = context
    self.level = level
    self.cancellation = cancellation
    index = ChunkIndex(cache: IndexLoader(context: context).cache, owner: context.keys.id)
    blocks = level >= .content ? try BlockChecker(context) : nil
  }

  // MARK: - Level 1

  mutating func checkObjects() throws {
    for status in try context.store.list(PackFolder.name) {
      guard let digest = PackFolder.digest(of: status.name) else {
        found(status.name, "The name is not one that packs have")
        continue
      }
      try checkHash(of: status.name, is: digest) { bytes in
        let trailer = PackTrailer(
          decoding: UnsafeRawBufferPointer(rebasing: bytes.suffix(PackTrailer.size)), packSize: bytes.count)
        return trailer == nil ? "The trailer is not in place" : nil
      }
    }
    for status in try context.store.list(IndexSegment.folder) {
      guard let digest = Digest256(hex: status.name.lastPart) else {
        found(status.name, "The name is not one that index objects have")
        continue
      }
      try checkHash(of: status.name, is: digest) { _ in nil }
    }
  }

  private mutating func checkHash(
    of name: ObjectName, is digest: Digest256, further: (UnsafeRawBufferPointer) -> String?
  ) throws {
    try cancellation.check()
    report.objectCount += 1
    guard let bytes = try read(name) else { return }
    let problem = try bytes.withUnsafeBytes { bytes in
      try ContentHasher.hash(bytes) == digest ? further(bytes) : "The bytes are not the ones the name stands for"
    }
    if let problem { found(name, problem) }
  }

  /// Returns nil for an object that cannot be read, having reported it.
  private mutating func read(_ name: ObjectName) throws -> [UInt8]? {
    do {
      return try context.store.get(name, limit: ObjectLimit.index)
    } catch {
      found(name, error.diagnosis.problem)
      return nil
    }
  }

  // MARK: - Levels 2 and 4

  /// Blocks are read before the recipes are followed, so that those can name what is affected.
  mutating func checkTables() throws {
    let loader = IndexLoader(context: context)
    var unseen = Set(try loader.existingPacks().keys)
    for status in try context.store.list(IndexSegment.folder) {
      do {
        for pack in try loader.read(status.name).packs {
          let actual = try checkPack(pack.digest, isFirstTime: unseen.remove(pack.digest) != nil)
          compare(pack, with: actual, in: status.name)
        }
      } catch let error as RunCancelled {
        throw error
      } catch {
        found(error)
      }
    }
    for digest in unseen { _ = try checkPack(digest, isFirstTime: true) }
    try settleBlocks(leaving: 0)
    for status in try context.store.list(ArchiveRecord.folder) {
      report.archiveCount += 1
      do { archives.append(try ArchiveRecord.read(status.name, context: context)) } catch { found(error) }
    }
  }

  /// - Returns: What the pack's own directory says; nil when it does not open.
  private mutating func checkPack(_ digest: Digest256, isFirstTime: Bool) throws -> IndexedPack? {
    try cancellation.check()
    let reader: PackReader
    do {
      reader = try PackReader(digest, context: context)
    } catch {
      if isFirstTime { found(error) }
      return nil
    }
    let pack = IndexedPack(
      digest: digest, kind: reader.header.kind, size: reader.size, directory: reader.directory)
    guard isFirstTime else { return pack }
    if level >= .recipes { try index.add(pack) }
    for number in reader.directory.blocks.indices where blocks != nil {
      let chunks = reader.directory.chunks[reader.directory.blocks[number].chunks].map(\.id)
      blocks?.begin(BlockPlace(pack: digest, block: number), chunks: chunks)
      try settleBlocks(leaving: BlockChecker.limit(context))
    }
    return pack
  }

  private mutating func compare(_ pack: IndexedPack, with actual: IndexedPack?, in segment: ObjectName) {
    if let actual {
      if actual != pack { found(segment, "It does not agree with the directory of pack \(pack.digest)") }
    } else {
      found(segment, "It names pack \(pack.digest), which is missing or damaged")
    }
  }

  private mutating func settleBlocks(leaving count: Int) throws {
    while let blocks, blocks.count > count {
      guard let damage = try blocks.next() else { continue }
      found(damage.error)
      damagedChunks.formUnion(damage.chunks)
    }
  }

  // MARK: - Level 3

  mutating func checkRecipes(ofNewest count: Int) throws {
    let streams = ArchiveReader(try StreamReader(context: context, index: index), location: context.location)
    for archive in archives.sorted(by: { $0.id < $1.id }).suffix(count) {
      do {
        let items = try streams.items(of: archive, cancellation: cancellation)
        for item in items {
          guard case .file(let stream) = item.content else { continue }
          do {
            try follow(stream, streams)
          } catch let error as RunCancelled {
            throw error
          } catch {
            found("archive \(archive.name), \(item.path)", Self.problem(error))
          }
        }
      } catch let error as RunCancelled {
        throw error
      } catch {
        found("archive \(archive.name)", Self.problem(error))
      }
    }
  }

  private func follow(_ stream: StreamReference, _ reader: ArchiveReader) throws {
    try cancellation.check()
    var hasher = try StreamHasher()
    var size: UInt64 = 0
    try reader.forEachChunk(of: stream) { entry in
      guard index.location(of: entry.id) != nil, !damagedChunks.contains(entry.id) else {
        throw RepositoryError.missingChunk(entry.id, location: context.location)
      }
      try hasher.append(entry.id, length: Int(clamping: entry.size))
      size += entry.size
    }
    guard try hasher.finish() == stream.hash, size == stream.size else {
      throw RepositoryError.damaged(
        object: "recipe", location: context.location, detail: "the stream is not the one that was stored")
    }
  }

  // MARK: - Findings

  private mutating func found(_ name: ObjectName, _ problem: String) {
    found(name.path, problem)
  }

  private mutating func found(_ object: String, _ problem: String) {
    report.findings.append(CheckFinding(object: object, problem: problem))
  }

  private mutating func found(_ error: any Error) {
    if case RepositoryError.damaged(let object, _, let detail) = error {
      found(object, "Damaged: \(detail)")
    } else {
      found("repository \(context.location)", Self.problem(error))
    }
  }

  private static func problem(_ error: any Error) -> String {
    (error as? any DiagnosableError)?.diagnosis.problem ?? String(describing: error)
  }
}
