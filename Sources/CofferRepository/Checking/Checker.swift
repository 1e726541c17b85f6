import CofferStorage
import CofferSystem

extension Repository {
  /// Looks for damage. Packs that are found damaged are remembered in the repository, if the key is a full one; nothing else
  /// is changed.
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
    return checker.finish(knowsAllArchives: level >= .recipes && newestArchives == nil)
  }
}

/// One check of a repository, level by level. Packs are looked at one after the other, and what is remembered of their
/// chunks is in files: memory does not grow with what they hold.
struct Checker {
  private let context: RepositoryContext
  private let cancellation: Cancellation
  private let level: CheckLevel
  private var report = CheckReport()
  private let objects: CheckedObjects
  /// Packs that were known to be damaged before.
  private let quarantined: Set<Digest256>
  /// Of the packs whose directories open.
  private let index: ChunkIndex
  private let blocks: BlockChecker?
  private var archives: [Archive] = []
  private var damagedPacks: Set<Digest256> = []
  private var damagedBlocks: Set<BlockPlace> = []
  /// What is wrong with packs that were known to be damaged, and with index objects that name such or none at all.
  private var knownDamage: [CheckFinding] = []
  private var archiveFindingCount = 0

  init(context: RepositoryContext, _ level: CheckLevel, cancellation: Cancellation) throws {
    let context = context.stopping(with: cancellation)
    self.context = context
    self.level = level
    self.cancellation = cancellation
    objects = try CheckedObjects(context)
    quarantined = try context.quarantine.load(context)
    index = ChunkIndex(cache: try IndexLoader(context: context).cache, owner: context.keys.id)
    blocks = level >= .content ? try BlockChecker(context) : nil
  }

  /// Returns what was found.
  ///
  /// - Parameter knowsAllArchives: Whether every archive was followed.
  mutating func finish(knowsAllArchives: Bool) -> CheckReport {
    if knowsAllArchives && archiveFindingCount == 0 {
      report.remarks = knownDamage
    } else {
      report.findings += knownDamage
    }
    return report
  }

  // MARK: - Level 1

  mutating func checkObjects() throws {
    for status in objects.packs {
      guard let digest = PackFolder.digest(of: status.name) else {
        found(status.name, "The name is not one that packs have")
        continue
      }
      try cancellation.check()
      report.objectCount += 1
      do {
        if let problem = try PackBytes(status, context).problem(digest, cancellation) { foundPack(digest, problem) }
      } catch let error as StorageError {
        if case .truncated = error {
          foundPack(digest, error.diagnosis.problem)
        } else {
          found(status.name, error.diagnosis.problem)
          damagedPacks.insert(digest)
        }
      }
    }
    for status in objects.segments {
      guard let digest = Digest256(hex: status.name.lastPart) else {
        found(status.name, "The name is not one that index objects have")
        continue
      }
      try cancellation.check()
      report.objectCount += 1
      do {
        let bytes = try context.store.get(status.name, limit: ObjectLimit.index)
        if try bytes.withUnsafeBytes({ try ContentHasher.hash($0) }) != digest {
          found(status.name, "The bytes are not the ones the name stands for")
        }
      } catch let error as StorageError {
        found(status.name, error.diagnosis.problem)
      }
    }
  }

  // MARK: - Levels 2 and 4

  /// Blocks are read before the recipes are followed, so that those can name what is affected.
  mutating func checkTables() throws {
    let loader = try IndexLoader(context: context)
    var unseen = objects.packDigests
    for status in objects.segments {
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
    for digest in unseen.sorted() { _ = try checkPack(digest, isFirstTime: true) }
    try settleBlocks(leaving: 0)
    try index.settle()
    releaseWholePacks()
    for status in objects.archives {
      do {
        archives.append(try ArchiveRecord.read(status.name, context: context))
        report.archiveCount += 1
      } catch StorageError.missing {
        continue  // Deleted since it was listed.
      } catch let error as RunCancelled {
        throw error
      } catch {
        report.archiveCount += 1
        archiveFindingCount += 1
        found(error)
      }
    }
    try leaveVoidArchives()
    for error in try objects.unreadable(context) { found(error) }
  }

  /// Void archives need nothing. The rounds are looked at after the archives were listed.
  private mutating func leaveVoidArchives() throws {
    do {
      let rounds = try Rounds.load(context)
      archives.removeAll { rounds.standing(of: $0.id, round: $0.round) == .void }
    } catch let error as RunCancelled {
      throw error
    } catch {
      found(error)
    }
  }

  /// - Returns: What the pack's own directory says; nil when it does not open.
  private mutating func checkPack(_ digest: Digest256, isFirstTime: Bool) throws -> IndexedPack? {
    try cancellation.check()
    let reader: PackReader
    do {
      reader = try PackReader(digest, context: context)
    } catch let error as RunCancelled {
      throw error
    } catch {
      if isFirstTime {
        if case RepositoryError.damaged(_, _, let detail) = error, !damagedPacks.contains(digest) {
          foundPack(digest, "Damaged: \(detail)")
        } else if !damagedPacks.contains(digest) {
          // Not looked into, so nothing may be said for it either.
          damagedPacks.insert(digest)
          found(error)
        }
      }
      return nil
    }
    let pack = IndexedPack(
      digest: digest, kind: reader.header.kind, size: reader.size, directory: reader.directory)
    guard isFirstTime else { return pack }
    if level >= .recipes { try index.add(pack) }
    for (number, block) in reader.directory.blocks.enumerated() {
      let place = BlockPlace(pack: digest, block: number)
      if blocks == nil {
        let isWhole = block.prefix.allSatisfy {
          objects.packDigests.contains($0.pack) && !damagedPacks.contains($0.pack)
        }
        if !isWhole { damagedBlocks.insert(place) }
      }
      blocks?.begin(place)
      try settleBlocks(leaving: BlockChecker.limit(context))
    }
    return pack
  }

  private mutating func compare(_ pack: IndexedPack, with actual: IndexedPack?, in segment: ObjectName) {
    guard let actual else {
      return knownDamage.append(
        CheckFinding(
          object: segment.path, problem: "It names pack \(pack.digest), which is missing or damaged"))
    }
    var stated = pack
    stated.bases = stated.bases ?? actual.bases
    if actual != stated { found(segment, "It does not agree with the directory of pack \(pack.digest)") }
  }

  private mutating func settleBlocks(leaving count: Int) throws {
    while let blocks, blocks.count > count {
      guard let damage = try blocks.next() else { continue }
      damagedBlocks.insert(damage.place)
      if quarantined.contains(damage.place.pack),
        case RepositoryError.damaged(let object, _, let detail) = damage.error
      {
        knownDamage.append(CheckFinding(object: object, problem: "Damaged: \(detail)"))
      } else {
        found(damage.error)
      }
    }
  }

  /// What was taken for damaged and is whole, every byte of it, was put back.
  private func releaseWholePacks() {
    guard level >= .content else { return }
    let damaged = damagedPacks.union(damagedBlocks.map(\.pack))
    for pack in quarantined where objects.packDigests.contains(pack) && !damaged.contains(pack) {
      context.quarantine.remove(pack, context)
    }
  }

  // MARK: - Level 3

  mutating func checkRecipes(ofNewest count: Int) throws {
    let reader = try StreamReader(context: context, index: RenewedIndex(fixed: index))
    let streams = ArchiveReader(reader, location: context.location)
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
            archiveFindingCount += 1
            found("archive \(archive.name), \(item.path)", Self.problem(error))
          }
        }
      } catch let error as RunCancelled {
        throw error
      } catch {
        archiveFindingCount += 1
        found("archive \(archive.name)", Self.problem(error))
      }
    }
  }

  private func follow(_ stream: StreamReference, _ reader: ArchiveReader) throws {
    var hasher = try StreamHasher()
    var size: UInt64 = 0
    try reader.forEachChunk(of: stream) { entry in
      try cancellation.check()
      guard try isWhole(entry.id) else {
        throw RepositoryError.missingChunk(entry.id, location: context.location)
      }
      try hasher.append(entry.id, length: Int(clamping: entry.size))
      size = size.addingClamped(entry.size)
    }
    guard try hasher.finish() == stream.hash, size == stream.size else {
      throw RepositoryError.damaged(
        object: "recipe", location: context.location, detail: "the stream is not the one that was stored")
    }
  }

  /// Whether there is a copy of the chunk that nothing was found to be wrong with.
  private func isWhole(_ id: ChunkID) throws -> Bool {
    guard !damagedPacks.isEmpty || !damagedBlocks.isEmpty else { return index.location(of: id) != nil }
    return try index.copies(of: id).contains { place in
      !damagedBlocks.contains(place) && (blocks != nil || !damagedPacks.contains(place.pack))
    }
  }

  // MARK: - Findings

  private mutating func foundPack(_ digest: Digest256, _ problem: String) {
    damagedPacks.insert(digest)
    context.quarantine.add(digest, problem, context)
    let finding = CheckFinding(object: digest.packName?.path ?? digest.hex, problem: problem)
    if quarantined.contains(digest) { knownDamage.append(finding) } else { report.findings.append(finding) }
  }

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
    Diagnosis(of: error).problem
  }
}
