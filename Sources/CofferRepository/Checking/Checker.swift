import CofferStorage
import CofferSystem

extension Repository {
  /// Looks for damage. Packs that are found damaged are remembered in the repository, if the key is a full one; nothing else
  /// is changed.
  ///
  /// - Parameters:
  ///   - newestArchives: How many archives' recipes are followed; nil for all.
  ///   - limit: How long it may take; the report says where it stopped.
  ///   - repairs: Whether index objects are made for packs that none names. Nothing is removed.
  ///   - watch: Is told how far it is.
  /// - Throws: `StorageError` when the store does not answer, `RunCancelled`, `RepositoryError.needsFullKey` for the
  ///   levels that read content, and for repairs, `.unsupported` for repairs. Damage is reported, not thrown.
  public func check(
    _ level: CheckLevel, newestArchives: Int? = nil, limit: CheckLimit? = nil, repairs: Bool = false,
    watch: (any CheckWatch)? = nil, cancellation: Cancellation
  ) throws -> CheckReport {
    if level >= .recipes, context.keys.dataPrivate == nil {
      throw RepositoryError.needsFullKey(location: location, action: "check what was backed up")
    }
    if repairs, context.keys.role != .full {
      throw RepositoryError.needsFullKey(location: location, action: "repair")
    }
    if repairs { try context.header.refuseUnknownFeatures(location: location) }
    var checker = try Checker(
      context: context, level, newestArchives: newestArchives, limit: limit, repairs: repairs, watch: watch,
      cancellation: cancellation)
    return try checker.run()
  }
}

/// Is told how far a check is.
public protocol CheckWatch {
  /// Packs are looked at now, or archives are followed.
  ///
  /// - Parameter total: Bytes.
  func begins(_ stage: CheckStage, total: UInt64)

  func isThrough(_ bytes: UInt64)
}

public enum CheckStage: Sendable {
  case packs, archives
}

/// One check of a repository. Packs are looked at one after the other, and what is remembered of their
/// chunks is in files: memory does not grow with what they hold.
struct Checker {
  let context: RepositoryContext
  let cancellation: Cancellation
  let level: CheckLevel
  let newestArchives: Int?
  let repairs: Bool
  let watch: (any CheckWatch)?
  let objects: CheckedObjects
  /// Packs that were known to be damaged before.
  let quarantined: Set<Digest256>
  /// Of the packs whose directories open.
  let index: ChunkIndex
  let blocks: BlockChecker?
  var report = CheckReport()
  var archives: [Archive] = []
  /// The roots of archives' lists of files that no pack was found to hold yet.
  var missingRoots: Set<ChunkID> = []
  /// Packs that came since the check began and are in the index.
  var taken: Set<Digest256> = []
  var damage = PackDamage()
  /// Packs that were there when the check began, and that it has found gone since: somebody gives space back.
  var vanished: Set<Digest256> = []
  /// What is wrong with packs that were known to be damaged, and with index objects that nobody needs.
  var knownDamage: [CheckFinding] = []
  /// What is wrong with index objects: they may have named packs that no other names.
  var segmentDamage: [CheckFinding] = []
  /// Packs that no readable index object names.
  var unnamedCount = 0
  var isArchiveDamaged = false
  /// Of a check that is made in parts.
  var progress: CheckProgress
  let isInParts: Bool
  private let deadline: Double?

  init(
    context: RepositoryContext, _ level: CheckLevel, newestArchives: Int?, limit: CheckLimit?, repairs: Bool,
    watch: (any CheckWatch)?, cancellation: Cancellation
  ) throws {
    let context = context.stopping(with: cancellation)
    self.context = context
    self.level = level
    self.newestArchives = newestArchives
    self.repairs = repairs
    self.watch = watch
    self.cancellation = cancellation
    objects = try CheckedObjects(context)
    quarantined = try context.quarantine.load(context)
    index = ChunkIndex(cache: try IndexLoader(context: context).cache, owner: context.keys.id)
    blocks = level >= .content ? try BlockChecker(context) : nil
    let earlier = limit?.progress.flatMap { $0.level == level ? $0 : nil }
    progress = earlier ?? CheckProgress(level: level)
    isArchiveDamaged = progress.isArchiveDamaged
    isInParts = limit != nil
    deadline = limit.map { context.clock.steadySeconds() + $0.duration }
  }

  /// Whether no more is to be begun.
  var isOver: Bool { deadline.map { context.clock.steadySeconds() >= $0 } ?? false }

  mutating func run() throws -> CheckReport {
    guard try checkPacks() else { return stopped() }
    if isInParts { try checkDamagedAgain() }
    try checkSegmentBytes()
    if level >= .tables {
      try readArchives()
      tellEmptiness()
      try checkTables()
      releaseWholePacks()
      // An object of a round is told already if archives could not be judged for it.
      for finding in try objects.unreadable(context).map(finding) where !report.findings.contains(finding) {
        report.findings.append(finding)
      }
    }
    if level == .tables { try checkRoots() }
    if level >= .recipes, try !checkRecipes() { return stopped() }
    if level >= .tables, try !checkLogs() { return stopped() }
    return finished()
  }

  /// What was known before, and what is wrong with index objects, is judged when all archives were followed.
  private mutating func stopped() -> CheckReport {
    progress.isArchiveDamaged = isArchiveDamaged
    report.progress = progress
    return report
  }

  private mutating func finished() -> CheckReport {
    // An index object that cannot be read is missed by nobody when others name all packs that there are.
    if unnamedCount == 0 { knownDamage += segmentDamage } else { report.findings += segmentDamage }
    if level >= .recipes && newestArchives == nil && !isArchiveDamaged {
      report.remarks += knownDamage
    } else {
      report.findings += knownDamage
    }
    return report
  }

  // MARK: - Archives' records

  private mutating func readArchives() throws {
    for status in objects.archives {
      do {
        archives.append(try ArchiveRecord.read(status.name, context: context))
        report.archiveCount += 1
      } catch StorageError.missing {
        continue  // Deleted since it was listed.
      } catch let error where !RunStore.concernsObject(error) {
        throw error
      } catch {
        report.archiveCount += 1
        isArchiveDamaged = true
        found(error)
      }
    }
    try tellUnlistedEntries()
    try leaveVoidArchives()
    archives.sort { $0.id < $1.id }
    missingRoots = Set(archives.compactMap(\.items.root))
  }

  /// Folders of objects that nobody would miss. What packs hold is missed.
  private static let unmissed =
    [
      ArchiveRecord.folder, IndexSegment.folder, KeyName.folder, KeyRemoval.folder, PinStore.folder, ProofStore.folder,
      Quarantine.folder, RoundName.folder, SessionMarker.folder,
    ].map { ($0, 1) } + [(LogName.folder, 2)]

  /// What has the place of an object and is none.
  private mutating func tellUnlistedEntries() throws {
    for path in try UnlistedEntries.paths(in: Self.unmissed, context) {
      let finding = CheckFinding(
        object: path,
        problem:
          "It is no file, or an empty one: an object has lost its bytes or was replaced, or a program that was killed "
          + "has left it. Put the file back from a copy of the repository, or remove what is there")
      if path.begins(with: "\(IndexSegment.folder)/") {
        segmentDamage.append(finding)
      } else {
        report.findings.append(finding)
      }
    }
  }

  /// Void archives need nothing. The rounds are looked at after the archives were listed.
  private mutating func leaveVoidArchives() throws {
    do {
      let rounds = try Rounds.load(context)
      archives.removeAll { rounds.standing(of: $0.id, round: $0.round) == .void }
    } catch let error where !RunStore.concernsObject(error) {
      throw error
    } catch {
      found(error)
    }
  }

  /// A repository that has lost everything looks like a new one, but for those who have seen it before.
  private mutating func tellEmptiness() {
    guard objects.archives.isEmpty else { return }
    let seen = ArchiveCache(context: context).load().values
    guard let newest = seen.max(by: { ($0.end, $0.id) < ($1.end, $1.id) }) else { return }
    found(
      "repository \(context.location)",
      "It holds no archive, but this machine has seen \(seen.count) here, the last of them '\(newest.name)', and did not "
        + "delete them: archives were lost, or somebody else has deleted them")
  }

  /// Whether an archive was deleted since the check began.
  func isGone(_ archive: Archive) throws -> Bool {
    guard let name = ObjectName("\(ArchiveRecord.folder)/\(archive.id)") else { return false }
    do {
      _ = try context.store.status(of: name)
      return false
    } catch StorageError.missing {
      return true
    }
  }

  // MARK: - Findings

  mutating func foundPack(_ digest: Digest256, _ problem: String) {
    damage.packs.insert(digest)
    context.quarantine.add(digest, problem, context)
    remember(digest)
    let finding = CheckFinding(object: digest.packName?.path ?? digest.hex, problem: problem)
    if quarantined.contains(digest) { knownDamage.append(finding) } else { report.findings.append(finding) }
  }

  /// Notes for the last part of the check that a pack is to be looked at again.
  mutating func remember(_ digest: Digest256) {
    guard isInParts, let name = digest.packName?.path, !progress.damagedPacks.contains(name) else { return }
    progress.damagedPacks.append(name)
  }

  mutating func found(_ name: ObjectName, _ problem: String) {
    found(name.path, problem)
  }

  mutating func found(_ object: String, _ problem: String, _ item: DamagedItem? = nil) {
    report.findings.append(CheckFinding(object: object, problem: problem, item: item))
  }

  mutating func found(_ error: any Error) { report.findings.append(finding(error)) }

  func finding(_ error: any Error) -> CheckFinding {
    if case RepositoryError.damaged(let object, _, let detail) = error {
      return CheckFinding(object: object, problem: "Damaged: \(detail)")
    }
    return CheckFinding(object: "repository \(context.location)", problem: Diagnosis(of: error).problem)
  }
}
