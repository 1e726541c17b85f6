import CofferStorage
import CofferSystem
import FoundationEssentials
import Glibc

/// A session, by what its markers say: those of one signer only, so that nobody speaks for another's.
struct KnownSession: Sendable {
  let id: String
  let signer: Signer
  /// The round that it has seen; nil before it has looked, and of programs that know no rounds.
  let round: Int?
  /// Whether it says so itself.
  let hasEnded: Bool
  /// nil where the system does not tell.
  let identity: ProcessIdentity?
  /// The name of its machine and the number of its process there, for people only.
  let hostname: String?
  let process: Int32
  /// When the store received the first one of its markers that are there, and the last.
  let firstSign: Date
  let lastSign: Date
  /// Its markers in the order in which they may be deleted: the one that says that it has ended is the last.
  let markers: [ObjectName]

  /// Whether it has ended for certain: it says so, or its process was on this machine and is not there any more.
  var isOver: Bool { hasEnded || identity?.hasCertainlyEnded == true }

  /// Reads all markers; those that cannot be read now, or make no sense, are passed over.
  ///
  /// - Throws: `RunCancelled`; `StorageError` when the store does not answer.
  static func load(_ context: RepositoryContext) throws -> [KnownSession] {
    try load(try context.store.list(SessionMarker.folder), context)
  }

  /// - Parameter markers: All that are listed.
  static func load(_ markers: [ObjectStatus], _ context: RepositoryContext) throws -> [KnownSession] {
    var sessions: [Key: [Sign]] = [:]
    let records = try context.sideBySide.map(markers) { status in
      try RunStore.readable { try SessionRecord.read(status, context) }
    }
    for (status, found) in zip(markers, records) {
      guard let (record, signer) = found else { continue }
      let sign = Sign(name: status.name, record: record, time: status.received)
      sessions[Key(id: ExactName(record.id), signer: signer.id), default: []].append(sign)
    }
    return sessions.compactMap { key, signs in
      guard let signer = context.signers[key.signer], let first = signs.map(\.time).min(),
        let last = signs.map(\.time).max()
      else { return nil }
      let inOrder = signs.filter { $0.record.hasEnded != true } + signs.filter { $0.record.hasEnded == true }
      return KnownSession(
        id: key.id.text, signer: signer, round: signs.compactMap(\.record.round).max(),
        hasEnded: signs.contains { $0.record.hasEnded == true }, identity: signs.compactMap(\.record.identity).first,
        hostname: signs.compactMap(\.record.hostname).first, process: signs[0].record.process,
        firstSign: first, lastSign: last, markers: inOrder.map(\.name))
    }
  }

  private struct Key: Hashable {
    let id: ExactName
    let signer: KeyID
  }

  private struct Sign {
    let name: ObjectName
    let record: SessionRecord
    let time: Date
  }
}
