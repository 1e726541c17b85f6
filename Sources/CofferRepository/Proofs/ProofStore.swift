import CofferStorage
import CofferSystem
import FoundationEssentials
import Glibc

/// Puts, reads and deletes the objects that say which dumps have been restored. They count with the signature of a full key only.
struct ProofStore {
  /// What a verification has tried of one archive.
  private struct Content: Codable {
    let proofs: [Proof]
  }

  static let folder = "proofs"
  /// Proofs in one object.
  static let countLimit = 64
  /// Objects that are read at most: of names that a full key has given, and of those that anybody may have.
  static let limits = (ofFullKeys: 10_000, ofAnybody: 1_000)

  private let context: RepositoryContext
  private let attached: AttachedObjects

  init(_ context: RepositoryContext) throws {
    self.context = context
    attached = try AttachedObjects(context, in: Self.folder, for: .proof, sizeLimit: ObjectLimit.proof)
  }

  /// - Parameter proofs: At most `countLimit`.
  /// - Throws: `RepositoryError.needsFullKey`; `StorageError`; `RunCancelled`.
  func put(_ proofs: [Proof], of archiveID: String) throws {
    try attached.put(Content(proofs: proofs.map(\.bounded)), on: archiveID, to: "say that a dump is proven")
  }

  /// What may be proofs' objects, the newest archives' first, and what is none.
  func list() throws -> (objects: [AttachedObjects.Listed], strays: [ObjectName]) {
    let (found, strays) = try attached.list()
    return (found.reversed(), strays)
  }

  /// The proofs of archives, those of one object together.
  ///
  /// - Parameter wanted: Ids of archives; nil for all, also of archives that are gone.
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  func load(of wanted: Set<ExactName>?) throws -> [Proof] { try loadObjects(of: wanted).flatMap(\.proofs) }

  private func loadObjects(of wanted: Set<ExactName>?) throws -> [(name: ObjectName, proofs: [Proof])] {
    let there: [AttachedObjects.Listed]
    do {
      there = try list().objects
    } catch let error where RunStore.concernsObject(error) {
      context.remarks.add(error, consequence: "what is proven is not known")
      return []
    }
    let limit = attached.knowsNames ? Self.limits.ofFullKeys : Self.limits.ofAnybody
    let chosen = there.filter { wanted?.contains(ExactName($0.name.archiveID)) ?? true }
    if chosen.count > limit {
      context.remarks.add(
        Diagnosis(
          subject: context.location,
          problem: "It has \(chosen.count) objects with proofs; only \(limit), of the newest archives, are read"))
    }
    let cache = ProofCache(context)
    let known = there.isEmpty ? [:] : cache.load()
    let found = try context.sideBySide.map(Array(chosen.prefix(limit))) { object in
      try known[ExactName(object.status.name.path)].map { Outcome.whole($0) } ?? read(object)
    }
    tellUnreadable(found)
    let opened = Dictionary(
      zip(chosen, found).compactMap { object, outcome in
        outcome.proofs.map { (ExactName(object.status.name.path), $0) }
      }, uniquingKeysWith: { first, _ in first })
    if opened.keys.contains(where: { known[$0] == nil }) {
      let names = Set(there.map { ExactName($0.status.name.path) })
      cache.store(known.filter { names.contains($0.key) }.merging(opened) { first, _ in first })
    }
    return zip(chosen, found).map { object, outcome in
      let proofs = (outcome.proofs ?? []).map { proof in
        var proof = proof
        // A clock that is ahead makes no proof newer than what the store has received.
        proof.time = min(proof.time, object.status.received)
        return proof
      }
      return (object.status.name, proofs)
    }
  }

  /// The objects that younger ones do not stand for.
  ///
  /// - Parameter archives: Those that are there.
  /// - Returns: Of each dump of these the last trial and the last proof; and of each database the last proof, which is asked for
  ///   also when its archive is gone.
  private func needed(
    _ objects: [(name: ObjectName, proofs: [Proof])], _ archives: Set<ExactName>
  ) -> Set<ObjectName> {
    var found: [[ExactName]: (time: Date, object: ObjectName)] = [:]
    func take(_ key: [ExactName], _ proof: Proof, _ object: ObjectName) {
      if let known = found[key], known.time >= proof.time { return }
      found[key] = (proof.time, object)
    }
    for (object, proofs) in objects {
      for proof in proofs {
        let dump = [ExactName(proof.origin), ExactName(proof.dump)]
        if proof.isProven { take(dump, proof, object) }
        guard archives.contains(ExactName(proof.archiveID)) else { continue }
        let ofArchive = dump + [ExactName(proof.archiveID)]
        take(ofArchive, proof, object)
        if proof.isProven { take(ofArchive + [ExactName("proven")], proof, object) }
      }
    }
    return Set(found.values.map(\.object))
  }

  private enum Outcome {
    case whole([Proof])
    case unreadable(any Error)
    case gone

    var proofs: [Proof]? { if case .whole(let proofs) = self { proofs } else { nil } }
    var error: (any Error)? { if case .unreadable(let error) = self { error } else { nil } }
  }

  private func read(_ object: AttachedObjects.Listed) throws -> Outcome {
    do {
      return .whole(try open(object.name, try attached.bytes(of: object)))
    } catch StorageError.missing {
      return .gone
    } catch let error where RunStore.concernsObject(error) {
      return .unreadable(error)
    }
  }

  /// - Throws: `RepositoryError`.
  func open(_ name: AttachedName, _ bytes: [UInt8]) throws -> [Proof] {
    let content = try attached.open(name, bytes, as: Content.self)
    guard content.proofs.allSatisfy({ $0.isPlausible && $0.archiveID.isSame(as: name.archiveID) }) else {
      throw context.damaged(name.objectName, "it is not what its name says")
    }
    return content.proofs
  }

  /// Once for all: anybody with a write-only key may have put thousands.
  private func tellUnreadable(_ found: [Outcome]) {
    let errors = found.compactMap(\.error)
    guard let first = errors.first else { return }
    let more = errors.count > 1 ? ", and so are \(errors.count - 1) more" : ""
    context.remarks.add(first, consequence: "what it may prove is passed over\(more)")
  }

  /// Deletes proofs that younger ones stand for, those of archives that are not there any more, but for the youngest of each
  /// database, and what nobody has put who may.
  ///
  /// - Returns: How many objects.
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  func removeGone() throws -> Int {
    guard attached.knowsNames else { return 0 }
    // Before the archives, whose records were put before their proofs.
    let (objects, strays) = try list()
    guard !objects.isEmpty || !strays.isEmpty else { return 0 }
    var archives = Set(try context.store.list(ArchiveRecord.folder).map { ExactName($0.name.lastPart) })
    // A record may come back that has lost its bytes.
    archives.formUnion(try UnlistedEntries.names(in: ArchiveRecord.folder, context).map { ExactName($0.lastPart) })
    let gone = objects.filter { !archives.contains(ExactName($0.name.archiveID)) }.map(\.status.name)
    let loaded = objects.isEmpty ? [] : try loadObjects(of: nil)
    let kept = needed(loaded, archives)
    // What could not be read is for 'check' to tell of.
    let known = Set(gone + loaded.filter { !$0.proofs.isEmpty }.map(\.name))
    var count = 0
    for name in known.subtracting(kept).sorted(by: { $0.path < $1.path }) + strays {
      do {
        try context.store.delete(name)
        count += 1
      } catch StorageError.missing {
        continue
      } catch let error where RunStore.concernsObject(error) {
        context.remarks.add(error, consequence: "proofs of archives that are gone stay where they are")
        break
      }
    }
    return count
  }

  /// What is wrong with objects that a full key has put.
  ///
  /// - Throws: `StorageError` when the store does not answer; `RunCancelled`.
  func unreadable() throws -> [any Error] {
    guard attached.knowsNames else { return [] }
    return try list().objects.prefix(Self.limits.ofFullKeys).compactMap { try read($0).error }
  }
}
