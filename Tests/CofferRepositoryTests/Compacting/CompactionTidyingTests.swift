import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import Testing

@testable import CofferRepository

@Suite("What a compaction tidies up, and what it leaves alone")
struct CompactionTidyingTests {
  @Test("Damaged index objects go when others name every pack, and so does what never was one")
  func damagedIndexObjects() throws {
    let ground = try CompactionGround.aged()
    let damaged = try #require(try ground.store.list("index").first).name
    ground.store.tamper(damaged) { $0[$0.count / 2] ^= 1 }
    let garbage = try #require(ObjectName("index/" + String(repeating: "0a", count: 32)))
    try ground.store.put(garbage, noise(1000))
    let report = try ground.compact()
    #expect(report.outcome == .done)
    #expect(Set(try ground.names("index")).isDisjoint(with: [damaged.path, garbage.path]))
    #expect(try ground.open().leftovers().unindexedPacks == 0)
    try ground.expectWhole()
    #expect(try ground.compact().outcome == .nothing)
  }

  /// Lets a backup run to where its packs stand and nobody names them.
  ///
  /// - Parameter then: Takes those packs, in this moment; what it throws ends the backup.
  private func backUp(
    _ data: [UInt8], in ground: CompactionGround, then: @escaping (Set<Digest256>) throws -> Void
  ) throws {
    let before = try standing(ground)
    let place = HandedOver((ground: ground, then: then))
    let isFirst = Mutex(true)
    let stepped = SteppedStore(
      ground.store,
      before: { call throws(StorageError) in
        guard case .put(let name) = call, name.path.begins(with: "index/"),
          isFirst.withLock({ first in
            defer { first = false }
            return first
          })
        else { return }
        do {
          try place.value.then(Self.standing(place.value.ground).subtracting(before))
        } catch {
          throw SteppedStore.gone
        }
      })
    let session = try ground.open(stepped).beginSession(cancellation: try Cancellation())
    session.add(.file("data", try session.store(MemorySource(data))))
    _ = try session.commit(.named("data"))
    ground.expect(["data": data], "data")
  }

  private static func standing(_ ground: CompactionGround) throws -> Set<Digest256> {
    Set(try IndexLoader(context: ground.open().context).existingPacks().keys)
  }

  private func standing(_ ground: CompactionGround) throws -> Set<Digest256> { try Self.standing(ground) }

  @Test("A damaged index object stays as long as a pack stands that no other names")
  func damagedBesideUnnamed() throws {
    let ground = try CompactionGround.aged()
    let garbage = try #require(ObjectName("index/" + String(repeating: "0a", count: 32)))
    try ground.compact()
    try ground.store.put(garbage, noise(1000))
    try backUp(noise(400_000, seed: 90), in: ground) { packs in
      #expect(!packs.isEmpty)
      try ground.compact()
      #expect(try ground.names("index").contains(garbage.path))
    }
    try ground.compact()
    #expect(try !ground.names("index").contains(garbage.path))
    try ground.expectWhole()
  }

  @Test("An index object of a key that nobody knows just now is no damaged one, and stays")
  func unknownKey() throws {
    let ground = try CompactionGround.aged()
    let secret = SecretBytes(passphrase: "host")
    try ground.open().addWriteOnlyKey(passphrase: secret, passphraseCost: 5)
    let host = try ground.open(passphrase: secret)
    try ground.backUp(["host": noise(100_000, seed: 91)], "host", with: host)
    let key = try #require(ObjectName("keys/\(host.context.keys.id)"))
    let bytes = try ground.store.get(key)
    let loader = try IndexLoader(context: host.context)
    let theirs = try loader.objectNames().filter { try loader.read($0).signer.id == host.context.keys.id }
    #expect(!theirs.isEmpty)
    try ground.delete("host")
    try ground.store.delete(key)
    try ground.compact()
    #expect(Set(try ground.names("index")).isSuperset(of: theirs.map(\.path)))
    try ground.store.put(key, bytes)
    try ground.compact()
    try ground.expectWhole()
  }

  @Test("Packs of a backup that runs are not condemned, so nothing has to be pardoned when it ends")
  func runningBackup() throws {
    let ground = try CompactionGround.aged()
    try backUp(noise(400_000, seed: 92), in: ground) { packs in
      #expect(!packs.isEmpty)
      #expect(try ground.compact().outcome == .waiting)
      let plan = try #require(try Rounds.load(ground.open().context).plan)
      #expect(!plan.condemned.isEmpty && plan.condemned.isDisjoint(with: packs))
    }
    let report = try ground.compact()
    #expect(report.outcome == .done && report.pardonedPacks == 0)
    try ground.expectWhole()
  }

  @Test("Packs of a backup that was killed go, however long its marker stays")
  func killedBackup() throws {
    let ground = try CompactionGround.aged()
    let kept = try standing(ground)
    #expect(throws: (any Error).self) {
      try backUp(noise(400_000, seed: 93), in: ground) { _ in throw RunCancelled() }
    }
    let packs = try standing(ground).subtracting(kept)
    #expect(!packs.isEmpty)
    ground.clock.advance(SessionPatience.silence + 1)
    try ground.compact()
    #expect(try standing(ground).isDisjoint(with: packs))
    try ground.expectWhole()
  }

  @Test("What is said to come back comes back, and nothing is said where nobody can tell")
  func compactableSize() throws {
    let ground = try CompactionGround.aged()
    let names = try ground.names("")
    let cancellation = try Cancellation()
    let said = try #require(try ground.open().compactableSize(cancellation: cancellation))
    #expect(try ground.names("") == names)
    let report = try ground.compact()
    let freed = Double(report.sizeBefore) - Double(report.sizeAfter)
    #expect(abs(Double(said) - freed) < freed / 4, "\(said) \(freed)")
    #expect(try ground.open().compactableSize(cancellation: cancellation) == 0)
    let secret = SecretBytes(passphrase: "host")
    try ground.open().addWriteOnlyKey(passphrase: secret, passphraseCost: 5)
    #expect(try ground.open(passphrase: secret).compactableSize(cancellation: cancellation) == nil)
    let record = try #require(try ground.store.list("archives").first).name
    ground.store.tamper(record) { $0[60] ^= 1 }
    #expect(try ground.open().compactableSize(cancellation: cancellation) == nil)
  }
}
