import CofferStorage
import CofferSystem
import FoundationEssentials
import Glibc

/// Which sessions a round waits for before it is closed. None of this keeps anything safe: who is not waited for fails, and
/// loses nothing.
struct SessionPatience {
  /// Seconds without a sign after which a session is taken for dead: many times what lies between two signs of a living one.
  static let silence: Double = 3600
  /// Seconds from the plan on for which sessions of write-only keys are waited for, all of them together: a stolen key may begin
  /// as many as it likes.
  static let writeOnlyLimit: Double = 86400

  private let context: RepositoryContext
  private let round: Int
  /// When the store received the plan.
  private let planned: Date

  init(_ context: RepositoryContext, round: Int, planned: Date) {
    self.context = context
    self.round = round
    self.planned = planned
  }

  /// Returns the sessions that have seen no or an earlier round, live as far as can be told, and have not ended.
  ///
  /// - Throws: `StorageError`; `RunCancelled`.
  func awaited() throws -> [KnownSession] {
    let candidates = try KnownSession.load(context).filter { ($0.round ?? -1) < round && !$0.isOver }
    guard !candidates.isEmpty else { return [] }
    let now = try storeTime()
    return candidates.filter { session in
      guard now.timeIntervalSince(session.lastSign) < Self.silence, !context.signers.isRemoved(session.signer.id) else {
        return false
      }
      return session.signer.role == .full || now.timeIntervalSince(planned) < Self.writeOnlyLimit
    }
  }

  /// Returns those of some packs that a running backup may have stored: it has not named them yet. It is never wrong to leave a
  /// pack for the next round, so clocks may tell.
  ///
  /// - Parameter unnamed: Packs that no counting index object names.
  /// - Throws: `StorageError`; `RunCancelled`.
  static func packsOfRunning(among unnamed: Set<Digest256>, _ context: RepositoryContext) throws -> Set<Digest256> {
    guard !unnamed.isEmpty else { return [] }
    let sessions = try KnownSession.load(context).filter { !$0.isOver && !context.signers.isRemoved($0.signer.id) }
    guard !sessions.isEmpty else { return [] }
    let now = context.clock.now()
    let begins = sessions.filter { session in
      now.timeIntervalSince(session.lastSign) < silence
        && (session.signer.role == .full || now.timeIntervalSince(session.firstSign) < writeOnlyLimit)
    }.map(\.firstSign)
    guard let first = begins.min() else { return [] }
    var packs: Set<Digest256> = []
    try context.store.forEachObject(in: PackFolder.name) { status in
      if status.received >= first, let digest = PackFolder.digest(of: status.name), unnamed.contains(digest) {
        packs.insert(digest)
      }
    }
    return packs
  }

  /// Whether the plan has stood for so many seconds, by the store's own clock.
  ///
  /// - Throws: `StorageError`; `RunCancelled`.
  func hasStood(for seconds: Double) throws -> Bool { try storeTime().timeIntervalSince(planned) >= seconds }

  /// What time it is by the store's own clock: that of a marker which nobody waits for.
  private func storeTime() throws -> Date {
    let id = Hexadecimal.encode(try context.random.bytes(8))
    guard let name = ObjectName("\(SessionMarker.folder)/\(id)-0") else { return planned }
    let record = SessionRecord(
      id: id, process: getpid(), written: context.clock.now(),
      identity: ProcessIdentity.current(), round: round, hasEnded: nil)
    let bytes = try context.envelope.seal(
      try record.encoded(), purpose: .session, context: Array(name.path.utf8), random: context.random)
    try context.store.put(name, bytes)
    let time = try context.store.status(of: name).received
    try context.store.delete(name)
    return time
  }
}
