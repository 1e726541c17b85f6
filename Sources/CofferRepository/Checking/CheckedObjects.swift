import CofferStorage
import CofferSystem

/// What a check looks at, as it was when the check began.
///
/// Listed in the opposite order to that in which it is written: archives, then index objects, then packs. So everything
/// that is named is there, also while backups run; what comes later is the next check's.
struct CheckedObjects {
  let archives: [ObjectStatus]
  let segments: [ObjectStatus]
  let packs: [ObjectStatus]
  let packDigests: Set<Digest256>
  private let others: [(status: ObjectStatus, purpose: Envelope.Purpose, limit: Int)]

  init(_ context: RepositoryContext) throws {
    archives = try context.store.list(ArchiveRecord.folder)
    segments = try context.store.list(IndexSegment.folder)
    packs = try context.store.list(PackFolder.name)
    packDigests = Set(packs.compactMap { PackFolder.digest(of: $0.name) })
    others =
      try context.store.list(SessionMarker.folder).map { ($0, .session, ObjectLimit.session) }
      + context.store.list(Quarantine.folder).map { ($0, .quarantine, ObjectLimit.quarantine) }
  }

  /// What is wrong with the header, with markers of sessions, with what is remembered of packs, with what compaction has decided,
  /// with proofs and pins, and with keys.
  ///
  /// - Throws: `RunCancelled`; `StorageError` when the store does not answer.
  func unreadable(_ context: RepositoryContext) throws -> [any Error] {
    let errors = try others.compactMap { entry -> (any Error)? in
      do {
        let bytes = try context.store.get(entry.status, limit: entry.limit)
        _ = try context.envelope.open(
          bytes, purpose: entry.purpose, context: Array(entry.status.name.path.utf8), signers: context.signers)
        return nil
      } catch StorageError.missing {
        return nil  // A session's marker is replaced all the time.
      } catch let error as Envelope.Unopenable {
        return context.unopenable(entry.status.name, error)
      } catch let error where !RunStore.concernsObject(error) {
        throw error
      } catch {
        return error
      }
    }
    return try headerErrors(context) + errors + roundErrors(context) + ProofStore(context).unreadable()
      + PinStore(context).unreadable() + keyErrors(context)
  }

  /// Whoever opened the repository may have read no more of the header than it had once.
  private func headerErrors(_ context: RepositoryContext) throws -> [any Error] {
    do {
      let bytes = try context.store.get(RepositoryHeader.configName, limit: ObjectLimit.header)
      let header = try RepositoryHeader.decode(bytes, location: context.location)
      try RepositoryHeader.verify(bytes, header: header, indexKey: context.keys.indexKey, location: context.location)
      return []
    } catch let error where RunStore.concernsObject(error) {
      return [error]
    }
  }

  /// Also of rounds that are over, which nothing reads any more as long as the newest is there.
  private func roundErrors(_ context: RepositoryContext) throws -> [any Error] {
    let store = try RoundStore(context)
    return try store.list().names.compactMap { name in
      do {
        switch name.kind {
        case .plan: _ = try store.read(name, as: RoundPlan.self)
        case .closing: _ = try store.read(name, as: RoundClosing.self)
        case .sweep: _ = try store.read(name, as: RoundSweep.self)
        }
        return nil
      } catch let error where RunStore.concernsObject(error) {
        return error
      }
    }
  }

  private func keyErrors(_ context: RepositoryContext) throws -> [any Error] {
    let statuses: [ObjectStatus]
    do {
      statuses = try context.store.list(KeyName.folder) + context.store.list(KeyRemoval.folder)
    } catch let error as StorageError where RunStore.concernsObject(error) {
      return [error]
    }
    return try statuses.compactMap { status in
      do {
        try KeyObjectCheck.check(status.name, context)
        return nil
      } catch StorageError.missing {
        return nil  // Replaced, or removed, since it was listed.
      } catch let error where !RunStore.concernsObject(error) {
        throw error
      } catch {
        return error
      }
    }
  }
}
