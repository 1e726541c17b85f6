import CofferStorage
import CofferSystem
import Foundation

@testable import CofferRepository

/// What rounds of compaction, sessions, proofs and pins say, and the names of all objects.
extension FuzzedParser {
  func roundSeeds(_ context: RepositoryContext, packs: [Digest256]) throws -> [[UInt8]] {
    switch self {
    case .plan: return [RoundPlan(round: 7, condemned: Set(packs.prefix(2)), index: Set(packs)).encoded()]
    case .sweep:
      return [
        RoundSweep(round: 7, going: Set(packs.prefix(2)), index: Set(packs), census: ["archive", "another"]).encoded()
      ]
    case .closing: return [RoundClosing(round: 7).encoded()]
    case .session:
      let identity = ProcessIdentity(boot: "boot", namespace: "pid:[1]", process: 1, start: "1")
      let record = SessionRecord(
        id: "00000000000000aa", process: 1, written: Date(timeIntervalSince1970: 1), identity: identity, round: 3,
        hasEnded: true, hostname: "host")
      return [try record.encoded()]
    case .proof:
      let proof = Proof(
        hook: "sqlite_databases", place: "localhost", database: "shop", dump: "sqlite_databases/localhost/shop",
        archive: "db1-1", archiveID: "20260131t030000z-0123456789abcdef", origin: "db1",
        time: Date(timeIntervalSince1970: 1), hostname: "db1", isProven: true, source: "3.40",
        program: "0.1.0", bytes: 5)
      try ProofStore(context).put([proof], of: proof.archiveID)
      let own = try ProofStore(context).list().objects[0]
      let bytes = try context.store.get(own.status, limit: ObjectLimit.proof)
      return [
        try context.envelope.open(
          bytes, purpose: .proof, context: Array(own.status.name.path.utf8), signers: context.signers
        ).payload
      ]
    case .pin:
      let pin = ArchivePin(
        time: Date(timeIntervalSince1970: 1), hostname: "db1", username: "root", reason: "before the upgrade")
      return [Array(try RecordJSON.encoder.encode(pin))]
    default:
      let digits = String(repeating: "0a", count: 16)
      let names = [
        "gc/12-plan-\(digits)", "keys/\(digits)-9999", "removed/\(digits)-archives", "packs/0a/\(digits)\(digits)",
        "proofs/20260131t030000z-0123456789abcdef-0123456789abcdef-\(digits)",
        "pins/20260131t030000z-0123456789abcdef-0123456789abcdef-\(digits)",
        "logs/\(digits)-segments/00000001-00000001000000fe-24-full-\(digits)",
        "logs/\(digits)-joined/00000001-0000000200000000-00000001000000fe-24-\(digits)-\(digits)",
        "logs/\(digits)-files/00000002-0000000000000000-00-history-full-\(digits)",
        "archives/20260131t030000z-0123456789abcdef", "sessions/0123456789abcdef-1", "index/\(digits)\(digits)",
      ]
      return names.map { Array($0.utf8) }
    }
  }

  func takeRoundBytes(_ bytes: [UInt8], _ context: RepositoryContext) throws {
    switch self {
    case .plan: try Self.readAgain(RoundPlan.self, bytes)
    case .sweep: try Self.readAgain(RoundSweep.self, bytes)
    case .closing: try Self.readAgain(RoundClosing.self, bytes)
    case .session:
      let store = MemoryStore()
      var context = context
      context.store = RunStore(store, nil)
      guard let name = ObjectName("\(SessionMarker.folder)/0-0") else { return }
      try context.store.put(
        name,
        try context.envelope.seal(bytes, purpose: .session, context: Array(name.path.utf8), random: context.random))
      for session in try KnownSession.load(context) { _ = session.isOver }
    case .proof:
      if let (name, sealed) = try Self.attached(bytes, .proof, in: ProofStore.folder, context) {
        _ = try ProofStore(context).open(name, sealed)
      }
    case .pin:
      if let (name, sealed) = try Self.attached(bytes, .pin, in: PinStore.folder, context) {
        _ = try PinStore(context).open(name, sealed)
      }
    default: Self.readName(bytes)
    }
  }

  /// What is said of an archive, sealed for a name of its folder.
  private static func attached(
    _ bytes: [UInt8], _ purpose: Envelope.Purpose, in folder: String, _ context: RepositoryContext
  ) throws -> (AttachedName, [UInt8])? {
    let digits = String(repeating: "0a", count: 16)
    guard let path = ObjectName("\(folder)/20260131t030000z-0123456789abcdef-0123456789abcdef-\(digits)"),
      let name = AttachedName(path, in: folder)
    else { return nil }
    let sealed = try context.envelope.seal(
      bytes, purpose: purpose, context: Array(path.path.utf8), random: context.random)
    return (name, sealed)
  }

  /// Payloads have one form only.
  private static func readAgain<Object: RoundObject>(_ type: Object.Type, _ bytes: [UInt8]) throws {
    let object = try bytes.withUnsafeBytes { try Object(decoding: $0) }
    let again = object.encoded()
    _ = try again.withUnsafeBytes { try Object(decoding: $0) }
  }

  private static func readName(_ bytes: [UInt8]) {
    guard let name = ObjectName(String(decoding: bytes, as: UTF8.self)) else { return }
    if let key = KeyName(name.path) { precondition(key.object == name) }
    if let round = RoundName(name) { precondition(round.objectName == name) }
    for folder in [ProofStore.folder, PinStore.folder] {
      guard let attached = AttachedName(name, in: folder) else { continue }
      precondition(attached.objectName == name && !attached.archiveID.contains("/"))
    }
    if let log = LogName(name) {
      precondition(log.objectName == name && log.covers(log.first) && log.covers(log.last) && log.first <= log.last)
    }
    _ = PackFolder.digest(of: name)
    _ = ArchiveRecord.isName(name)
    _ = CountingArchives.key(name)
    _ = Digest256(hex: name.lastPart)
    _ = KeyID(hex: name.lastPart)
  }
}
