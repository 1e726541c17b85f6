import CofferStorage
import CofferSystem
import Foundation
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

  @Test("A damaged index object stays as long as a pack stands that no other names")
  func damagedBesideUnnamed() throws {
    let ground = try CompactionGround.aged()
    try ground.compact()
    let session = try ground.open().beginSession(cancellation: try Cancellation())
    let stream = try session.store(MemorySource(noise(300_000, seed: 90)))
    let garbage = try #require(ObjectName("index/" + String(repeating: "0a", count: 32)))
    try ground.store.put(garbage, noise(1000))
    let unnamed = try ground.open().leftovers().unindexedPacks
    try ground.compact()
    #expect(try ground.names("index").contains(garbage.path) == (unnamed > 0))
    session.add(.file("noise", stream))
    _ = try session.commit(.named("noise"))
    ground.expect(["noise": noise(300_000, seed: 90)], "noise")
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
    let data = noise(400_000, seed: 92)
    let before = Set(try IndexLoader(context: ground.open().context).existingPacks().keys)
    let session = try ground.open().beginSession(cancellation: try Cancellation())
    let stream = try session.store(MemorySource(data))
    let packs = Set(try IndexLoader(context: ground.open().context).existingPacks().keys).subtracting(before)
    #expect(!packs.isEmpty)
    #expect(try ground.compact().outcome == .waiting)
    let plan = try #require(try Rounds.load(ground.open().context).plan)
    #expect(!plan.condemned.isEmpty && plan.condemned.isDisjoint(with: packs))
    session.add(.file("data", stream))
    _ = try session.commit(.named("running"))
    ground.expect(["data": data], "running")
    let report = try ground.compact()
    #expect(report.outcome == .done && report.pardonedPacks == 0)
    try ground.expectWhole()
  }

  @Test("Packs of a backup that was killed go, however long its marker stays")
  func killedBackup() throws {
    let ground = try CompactionGround.aged()
    let before = Set(try IndexLoader(context: ground.open().context).existingPacks().keys)
    let session = try ground.open().beginSession(cancellation: try Cancellation())
    _ = try session.store(MemorySource(noise(400_000, seed: 93)))
    let packs = Set(try IndexLoader(context: ground.open().context).existingPacks().keys).subtracting(before)
    #expect(!packs.isEmpty)
    ground.clock.advance(SessionPatience.silence + 1)
    try ground.compact()
    let left = Set(try IndexLoader(context: ground.open().context).existingPacks().keys)
    #expect(left.isDisjoint(with: packs))
    session.abandon()
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
