import CofferStorage
import CofferSystem

// Whether index objects, directories and records open, and agree.
extension Checker {
  mutating func checkSegmentBytes() throws {
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
          segmentDamage.append(
            CheckFinding(object: status.name.path, problem: "The bytes are not the ones the name stands for"))
        }
      } catch StorageError.missing {
        continue  // Replaced since it was listed.
      } catch let error as StorageError where RunStore.concernsObject(error) {
        segmentDamage.append(CheckFinding(object: status.name.path, problem: error.diagnosis.problem))
      }
    }
  }

  mutating func checkTables() throws {
    let loader = try IndexLoader(context: context)
    var unseen = objects.packDigests
    for status in objects.segments {
      do {
        let segment = try loader.read(status.name)
        for pack in segment.packs {
          let actual = try directory(of: pack.digest)
          let agrees = compare(pack, with: actual, in: segment)
          if unseen.remove(pack.digest) != nil { try take(actual, isDoubtful: !agrees) }
        }
      } catch StorageError.missing {
        continue
      } catch let error where !RunStore.concernsObject(error) {
        throw error
      } catch {
        segmentDamage.append(finding(error))
      }
    }
    try checkUnnamed(unseen.sorted())
    try index.knowEveryCopy()
  }

  private mutating func checkUnnamed(_ packs: [Digest256]) throws {
    var rebuilder = try repairs ? IndexRebuilder(context: context) : nil
    for digest in packs {
      guard let actual = try directory(of: digest) else { continue }
      try take(actual, isDoubtful: false)
      // Nobody leans on a damaged one.
      guard !damage.packs.contains(digest), !quarantined.contains(digest) else { continue }
      // A directory's word is a full key's, or else every chunk of it must have been compared with its id.
      let isProven = actual.signer.role == .full || (level >= .content && damage.isWhole(digest))
      if isProven, try rebuilder?.add(actual.pack, of: actual.signer) == true { continue }
      if repairs { report.leftUnindexed += 1 }
      unnamedCount += 1
    }
    try rebuilder?.finish()
    report.indexedAgain = rebuilder?.packCount ?? 0
  }

  /// What a pack's own directory says.
  struct Directory {
    let pack: IndexedPack
    let signer: Signer
    let blocks: [PackDirectory.Block]
  }

  /// - Returns: nil when it does not open; that is told once.
  private mutating func directory(of digest: Digest256) throws -> Directory? {
    try cancellation.check()
    do {
      let reader = try PackReader(digest, context: context)
      let pack = IndexedPack(
        digest: digest, kind: reader.header.kind, size: reader.size, directory: reader.directory)
      return Directory(pack: pack, signer: reader.signer, blocks: reader.directory.blocks)
    } catch let error where !RunStore.concernsObject(error) {
      throw error
    } catch {
      damage.unreadable.insert(digest)
      if case StorageError.missing = error {
        if objects.packDigests.contains(digest) { vanished.insert(digest) }
      } else if !damage.packs.contains(digest) {
        if case RepositoryError.damaged(_, _, let detail) = error {
          foundPack(digest, "Damaged: \(detail)")
        } else {
          // Not looked into, so nothing may be said for it either.
          damage.packs.insert(digest)
          found(error)
        }
      }
      return nil
    }
  }

  /// Makes known what a pack holds.
  ///
  /// - Parameter isDoubtful: Whether an index object says otherwise. Of a pack whose bytes are not those of its name that one
  ///   is right, and nothing will be found where readers look.
  private mutating func take(_ directory: Directory?, isDoubtful: Bool) throws {
    guard let directory, !isDoubtful || !damage.packs.contains(directory.pack.digest) else { return }
    if level == .tables, directory.pack.kind == .tree {
      for entry in directory.pack.entries { missingRoots.remove(entry.id) }
    }
    guard level >= .recipes else { return }
    try index.add(directory.pack)
    for (number, block) in directory.blocks.enumerated() where !block.prefix.allSatisfy(isWhole) {
      damage.blocks.insert(BlockPlace(pack: directory.pack.digest, block: number))
    }
  }

  /// Whether what a delta block leans on can be read, as far as this check looks.
  private func isWhole(_ segment: PackDirectory.Segment) -> Bool {
    guard objects.packDigests.contains(segment.pack), !damage.unreadable.contains(segment.pack) else { return false }
    return level >= .content
      ? !damage.blocks.contains(BlockPlace(pack: segment.pack, block: segment.block))
      : !damage.packs.contains(segment.pack)
  }

  /// - Returns: Whether the index object says what the pack's directory says.
  private mutating func compare(
    _ pack: IndexedPack, with actual: Directory?, in segment: IndexLoader.IndexObject
  ) -> Bool {
    guard let actual else {
      if !vanished.contains(pack.digest) {
        knownDamage.append(
          CheckFinding(object: segment.name.path, problem: "It names pack \(pack.digest), which is missing or damaged"))
      }
      return false
    }
    var stated = pack
    stated.bases = stated.bases ?? actual.pack.bases
    stated.signer = nil
    guard actual.pack != stated || actual.signer.id != pack.signer ?? segment.signer.id else { return true }
    let finding = CheckFinding(
      object: segment.name.path, problem: "It does not agree with the directory of pack \(pack.digest)")
    // Of a damaged pack, the index object is right.
    if damage.packs.contains(pack.digest) { knownDamage.append(finding) } else { report.findings.append(finding) }
    return false
  }

  /// What was taken for damaged and is whole, every byte of it, was put back.
  func releaseWholePacks() {
    guard level >= .content else { return }
    for pack in quarantined where objects.packDigests.contains(pack) && damage.isWhole(pack) {
      context.quarantine.remove(pack, context)
    }
  }

  /// The lists of archives' files that are in no pack: what a check finds that follows no archive.
  mutating func checkRoots() throws {
    guard !missingRoots.isEmpty else { return }
    for pack in try newPacks() where pack.kind == .tree {
      for entry in pack.entries { missingRoots.remove(entry.id) }
    }
    for archive in archives {
      guard let root = archive.items.root, missingRoots.contains(root), try !isGone(archive) else { continue }
      found("archive \(archive.name)", "The list of its files is in no pack that can be read")
    }
  }

  /// The packs that have come since the check began.
  func newPacks() throws -> [IndexedPack] {
    let loader = try IndexLoader(context: context)
    return try loader.existingPacks().keys.filter { !objects.packDigests.contains($0) }.sorted().compactMap { digest in
      try RunStore.readable {
        let reader = try PackReader(digest, context: context)
        return IndexedPack(digest: digest, kind: reader.header.kind, size: reader.size, directory: reader.directory)
      }
    }
  }
}
