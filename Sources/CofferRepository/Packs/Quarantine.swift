import CofferStorage
import CofferSystem
import FoundationEssentials
import Glibc
import Synchronization

/// The packs that were found damaged: `quarantine/<pack>`, remembered in the repository. Nobody leans on them any more:
/// what they hold is stored again when it comes by, and readers look everywhere else first.
///
/// Only a full key's word counts, so that a stolen write-only key cannot make everybody store everything again.
final class Quarantine: Sendable {
  static let folder = "quarantine"

  private struct Record: Codable {
    let pack: String
    let reason: String
    let found: Date
  }

  private let known = Mutex<Set<Digest256>>([])
  /// Packs whose bytes were compared with their names.
  private let compared = Mutex<Set<Digest256>>([])

  /// Returns the packs that a full key has found damaged.
  ///
  /// - Parameter listed: What a list of the folder has shown; nil to make one.
  /// - Throws: `StorageError` when the store does not answer.
  func load(_ context: RepositoryContext, _ listed: [ObjectStatus]? = nil) throws -> Set<Digest256> {
    var found: Set<Digest256> = []
    for status in try listed ?? context.store.list(Self.folder) {
      let parts = status.name.parts
      guard parts.count == 2, let pack = Digest256(hex: parts[1]) else { continue }
      if try isKnown(pack) || isVouchedFor(status, context) { found.insert(pack) }
    }
    let all = found
    return known.withLock { known in
      known.formUnion(all)
      return known
    }
  }

  /// The same for whoever is to delete what another copy of seems to be in a pack. Where something has the name of an entry and does
  /// not say what a full key has found, the pack itself is compared; an object of such a name beside a whole pack goes.
  ///
  /// - Throws: `RunCancelled`; `StorageError` when the store does not answer.
  func loadForDeleting(_ context: RepositoryContext) throws -> Set<Digest256> {
    let listed = try context.store.list(Self.folder)
    _ = try load(context, listed)
    let lost = try UnlistedEntries.names(in: Self.folder, context)
    for (name, isObject) in listed.map({ ($0.name, true) }) + lost.map({ ($0, false) }) {
      guard name.parts.count == 2, let pack = Digest256(hex: name.lastPart), !isKnown(pack) else { continue }
      try addIfDamaged(pack, context)
      // Whoever puts such things does not have every pack compared again and again.
      if isObject, !isKnown(pack), mayPut(context) { try? context.store.delete(name) }
    }
    return known.withLock { $0 }
  }

  private func isKnown(_ pack: Digest256) -> Bool { known.withLock { $0.contains(pack) } }

  /// An entry that does not open says nothing; the pack will be found again. Of one that the store does not give away now
  /// the worst is believed: to store something twice does less harm.
  ///
  /// - Throws: `RunCancelled`.
  private func isVouchedFor(_ status: ObjectStatus, _ context: RepositoryContext) throws -> Bool {
    let name = status.name
    let bytes: [UInt8]
    do {
      bytes = try context.store.get(status, limit: ObjectLimit.quarantine)
    } catch let error as StorageError {
      if case .failed = error { return true }
      return false
    }
    guard
      let opened = try? context.envelope.open(
        bytes, purpose: .quarantine, context: Array(name.path.utf8), signers: context.signers)
    else { return false }
    return opened.signer.role == .full
  }

  /// Remembers that a pack is damaged, for this run, and in the repository if this key may: a store that takes nothing now
  /// is told the next time somebody comes upon the pack.
  func add(_ pack: Digest256, _ reason: String, _ context: RepositoryContext) {
    guard known.withLock({ $0.insert(pack).inserted }), mayPut(context),
      let name = ObjectName("\(Self.folder)/\(pack.hex)")
    else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    encoder.dateEncodingStrategy = .iso8601
    let record = Record(pack: pack.hex, reason: reason, found: context.clock.now())
    guard let payload = try? encoder.encode(record),
      let bytes = try? context.envelope.seal(
        Array(payload), purpose: .quarantine, context: Array(name.path.utf8), random: context.random)
    else { return }
    try? context.store.put(name, bytes)
  }

  private func mayPut(_ context: RepositoryContext) -> Bool {
    context.keys.role == .full && context.header.unknownFeature == nil && !context.surroundings.changesNothing
  }

  /// Compares a pack's bytes with its name, once a run, and remembers it if they are others.
  ///
  /// - Throws: `RunCancelled`; `StorageError` when the store does not answer.
  func addIfDamaged(_ pack: Digest256, _ context: RepositoryContext) throws {
    guard let name = pack.packName, !isKnown(pack), compared.withLock({ $0.insert(pack).inserted }) else { return }
    let problem = try RunStore.readable {
      try PackBytes(try context.store.status(of: name), context).problem(pack)
    }
    if case .some(.some(let problem)) = problem { add(pack, problem, context) }
  }

  /// Takes back what was remembered of a pack that turned out to be whole, every byte of it.
  func remove(_ pack: Digest256, _ context: RepositoryContext) {
    known.withLock { _ = $0.remove(pack) }
    guard mayPut(context), let name = ObjectName("\(Self.folder)/\(pack.hex)")
    else { return }
    try? context.store.delete(name)
  }
}
