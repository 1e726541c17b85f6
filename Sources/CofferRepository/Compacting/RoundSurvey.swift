import CofferStorage
import CofferSystem

/// What a round of compaction sees when it looks: the archives that count, what they need, and what holds it.
///
/// Archives are listed before index objects, and these before packs: what an archive needs was there before it.
struct RoundSurvey {
  let archives: [Archive]
  /// Archives of write-only keys that lack something; what they reach is marked.
  let incomplete: [IncompleteArchive]
  let indexNames: [ObjectName]
  /// The packs that stand, with their sizes.
  let standing: [Digest256: Int]
  let index: CountingIndex
  let catalogue: PackCatalogue
  let marks: LiveMarks

  /// The packs that counting index objects name and that stand.
  var counting: Set<Digest256> { index.named.intersection(standing.keys) }

  /// Times that a look is made again because a file of this machine's cache was damaged, and thrown away.
  private static let tries = 3

  /// Looks at everything and marks what is needed.
  ///
  /// - Parameters:
  ///   - round: The one that looks. Of earlier rounds than the one before it counts what `before` names.
  ///   - before: The decision of the round before; nil for the first round.
  ///   - plan: The round's own, if it has one already.
  /// - Throws: `CompactionError` for archives that cannot be read or are not whole; `StorageError`; `RunCancelled`.
  static func make(
    _ context: RepositoryContext, round: Int, before: RoundSweep?, plan: RoundPlan? = nil,
    cancellation: Cancellation, progress: @Sendable (CompactionProgress) -> Void
  ) throws -> RoundSurvey {
    for _ in 1..<tries {
      do {
        return try once(context, round, before, plan, cancellation, progress)
      } catch is IndexCache.Damaged {
        continue
      }
    }
    return try once(context, round, before, plan, cancellation, progress)
  }

  private static func once(
    _ context: RepositoryContext, _ round: Int, _ before: RoundSweep?, _ plan: RoundPlan?,
    _ cancellation: Cancellation, _ progress: @Sendable (CompactionProgress) -> Void
  ) throws -> RoundSurvey {
    let (all, senseless) = try ArchiveRecord.readAll(context, cancellation)
    let archives = all.filter { archive in
      archive.round >= round - 1 || before?.census.contains(ExactName(archive.id)) == true
    }
    let loader = try IndexLoader(context: context)
    let names = try loader.objectNames()
    let standing = try loader.existingPacks()
    let index = try CountingIndex(loader, names) { digest, seen in
      // A session that has seen a later round than this one is not there yet, or this one is over.
      (round - 1...round).contains(seen) || before?.index.contains(digest) == true
        || plan?.index.contains(digest) == true
    }
    let catalogue = try PackCatalogue(context, names: names, standing: standing)
    let marks = LiveMarks(catalogue.runs)
    let marking = try ArchiveMarking(context, catalogue, marks, cancellation)
    var incomplete = senseless
    // Those of full keys first: nothing that another has walked before keeps it unsaid what they lack.
    let ordered = archives.filter { $0.writeOnlyKey == nil } + archives.filter { $0.writeOnlyKey != nil }
    for (number, archive) in ordered.enumerated() {
      progress(.marking(archive: number + 1, of: ordered.count))
      guard let flaw = try marking.mark(archive) else { continue }
      guard archive.writeOnlyKey != nil else {
        if let key = context.signers.unread.first {
          throw CompactionError.unreadKey(key.path, archive: archive.name, location: context.location, detail: flaw)
        }
        throw CompactionError.brokenArchive(
          id: archive.id, name: archive.name, location: context.location, detail: flaw)
      }
      incomplete.append(IncompleteArchive(id: archive.id, name: archive.name, detail: flaw))
    }
    return RoundSurvey(
      archives: archives, incomplete: incomplete, indexNames: names, standing: standing, index: index,
      catalogue: catalogue, marks: marks)
  }
}

extension ArchiveRecord {
  /// Reads the records of all archives, oldest name first.
  ///
  /// - Returns: The archives, and records that a write-only key has signed and that make no sense: no damage, for damage breaks
  ///   the signature, and nobody will ever know what such an archive needs.
  /// - Throws: `CompactionError.unreadableArchive` for one that cannot be read, other than because it was deleted meanwhile;
  ///   `StorageError`; `RunCancelled`.
  fileprivate static func readAll(
    _ context: RepositoryContext, _ cancellation: Cancellation
  ) throws -> (archives: [Archive], senseless: [IncompleteArchive]) {
    let known = ArchiveCache(context: context).load()
    let listed = try context.store.list(folder)
    try refuseLostRecords(context)
    if listed.isEmpty, let newest = known.values.max(by: { ($0.end, $0.id) < ($1.end, $1.id) }) {
      throw CompactionError.missingArchives(count: known.count, newest: newest.name, location: context.location)
    }
    var missing: Set<ObjectName> = []
    var senseless: [IncompleteArchive] = []
    let archives: [Archive] = try listed.compactMap { status in
      try cancellation.check()
      // No archive has another name: what has is nobody's, and must not stand in the way.
      guard status.name.parts.count == 2 else { return nil }
      do {
        if let archive = known[status.name.lastPart] {
          try context.checkCounts(archive)
          return archive
        }
        return try open(context.store.get(status, limit: ObjectLimit.archive), status.name, context)
      } catch StorageError.missing {
        missing.insert(status.name)
        return nil
      } catch RepositoryError.signedAfterRemoval {
        return nil  // Counts for nobody.
      } catch let error as Senseless where error.signer.role == .writeOnly {
        let id = status.name.lastPart
        if context.signers.counts(id, signedBy: error.signer.id) {
          senseless.append(IncompleteArchive(id: id, name: id, detail: error.error.diagnosis.problem))
        }
        return nil
      } catch let error as Senseless {
        throw CompactionError.unreadableArchive(
          id: status.name.lastPart, location: context.location, detail: error.error.diagnosis.problem)
      } catch let error where !RunStore.concernsObject(error) {
        throw error
      } catch {
        if let key = context.signers.unread.first, case RepositoryError.unknownKey = error {
          throw CompactionError.unreadKey(
            key.path, archive: status.name.lastPart, location: context.location, detail: Diagnosis(of: error).problem)
        }
        throw CompactionError.unreadableArchive(
          id: status.name.lastPart, location: context.location, detail: Diagnosis(of: error).problem)
      }
    }
    if !missing.isEmpty, let name = try context.store.list(folder).map(\.name).first(where: missing.contains) {
      throw CompactionError.unreadableArchive(
        id: name.lastPart, location: context.location, detail: "Its record is listed, but cannot be found")
    }
    return (archives, senseless)
  }

  /// The place of a record that is none is in no list: it is all that is left of one that was lost.
  private static func refuseLostRecords(_ context: RepositoryContext) throws {
    guard let name = try UnlistedEntries.names(in: folder, context).first else { return }
    throw CompactionError.lostRecord(path: name.path, location: context.location)
  }
}
