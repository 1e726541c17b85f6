import CofferStorage
import CofferSystem

// What is in each pack: its bytes, and at the deepest level its blocks.
extension Checker {
  /// - Returns: Whether all packs were looked at before the time was over.
  mutating func checkPacks() throws -> Bool {
    let start = ObjectName(progress.lastPack)
    progress.packTotal = objects.packs.count
    var isBegun = false
    let left = objects.packs.filter { status in start.map { status.name > $0 } ?? true }
    watch?.begins(.packs, total: left.reduce(0) { $0.addingClamped(UInt64(clamping: $1.size)) })
    for status in left {
      if isBegun, isOver {
        try settleBlocks(leaving: 0)
        return false
      }
      isBegun = true
      try checkBytes(status)
      watch?.isThrough(UInt64(clamping: status.size))
      progress.lastPack = status.name.path
      progress.packCount += 1
    }
    try settleBlocks(leaving: 0)
    return true
  }

  /// What earlier parts of the check have found damaged, or was known to be: so that the archives can be judged.
  mutating func checkDamagedAgain() throws {
    let doubtful = quarantined.union(
      progress.damagedPacks.compactMap { ObjectName($0) }.compactMap { PackFolder.digest(of: $0) })
    for status in objects.packs {
      guard let digest = PackFolder.digest(of: status.name), doubtful.contains(digest),
        !damage.examined.contains(digest)
      else { continue }
      try checkBytes(status)
    }
    try settleBlocks(leaving: 0)
  }

  private mutating func checkBytes(_ status: ObjectStatus) throws {
    try cancellation.check()
    guard let digest = PackFolder.digest(of: status.name) else {
      return found(status.name, "The name is not one that packs have")
    }
    report.objectCount += 1
    damage.examined.insert(digest)
    do {
      if let problem = try PackBytes(status, context).problem(digest) { foundPack(digest, problem) }
    } catch StorageError.missing {
      // It was there when the check began: somebody gives space back.
      vanished.insert(digest)
      damage.unreadable.insert(digest)
      return
    } catch let error where !RunStore.concernsObject(error) {
      throw error
    } catch let error as StorageError {
      if case .truncated = error {
        foundPack(digest, error.diagnosis.problem)
      } else {
        found(status.name, error.diagnosis.problem)
        damage.packs.insert(digest)
        remember(digest)
      }
    }
    if blocks != nil { try checkBlocks(of: digest) }
  }

  private mutating func checkBlocks(of digest: Digest256) throws {
    // What is wrong with a directory is told when the tables are compared.
    guard let reader = try RunStore.readable({ try PackReader(digest, context: context) }) else {
      damage.unreadable.insert(digest)
      return
    }
    blocks?.expect(reader)
    for number in reader.directory.blocks.indices {
      blocks?.begin(BlockPlace(pack: digest, block: number))
      try settleBlocks(leaving: BlockChecker.limit(context))
    }
  }

  private mutating func settleBlocks(leaving count: Int) throws {
    while let blocks, blocks.count > count {
      guard let broken = try blocks.next() else { continue }
      damage.blocks.insert(broken.place)
      remember(broken.place.pack)
      switch broken.error {
      case StorageError.missing(let name, _):
        if let pack = PackFolder.digest(of: name), objects.packDigests.contains(pack) {
          vanished.insert(pack)
        } else {
          knownDamage.append(finding(broken.error))
        }
      case RepositoryError.damaged(let object, _, _) where isTold(object, broken.place.pack):
        knownDamage.append(finding(broken.error))
      default: report.findings.append(finding(broken.error))
      }
    }
  }

  /// Whether a block is damaged for a reason that is known, or is told by itself: what it leans on.
  private func isTold(_ object: String, _ pack: Digest256) -> Bool {
    quarantined.contains(pack) || !(pack.packName?.path.isSame(as: object) ?? false)
  }
}
