import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import Testing

@testable import CofferRepository

@Suite("Compactions that are killed, and such as meet each other")
struct CompactionCrashTests {
  /// What there is to be compacted.
  enum Scene: CaseIterable {
    /// Deleted archives.
    case aged
    /// Days of edits that the newest archive leans on.
    case edited

    func ground() throws -> CompactionGround {
      switch self {
      case .aged: try .aged()
      case .edited: try .edited()
      }
    }
  }

  /// How often a compaction of the ground changes the store.
  private static func changes(of ground: CompactionGround) throws -> Int {
    let copy = try CompactionGround(copying: ground)
    let count = Mutex(0)
    try copy.compact(
      over: SteppedStore(
        copy.store,
        after: { call throws(StorageError) in if call.changes { count.withLock { $0 += 1 } } }))
    return count.withLock { $0 }
  }

  private static let files = [
    "dump": dumpLikeBytes(500_000), "mixed": noise(60_000, seed: 9), "new": noise(50_000, seed: 77),
  ]

  /// A compaction only differs by where it is killed between two calls that change something: what it only read is lost.
  @Test(
    "Killed before any of its changes, it leaves all archives whole, backups go on, and the next compaction ends it",
    arguments: Scene.allCases)
  func killed(_ scene: Scene) throws {
    let ground = try scene.ground()
    let count = try Self.changes(of: ground)
    #expect(count > 10, "\(scene) \(count)")
    #expect(try CompactionGround(copying: ground).compact().movedPacks > 0)
    for number in 0...count {
      let copy = try CompactionGround(copying: ground)
      let died = #expect(throws: (any Error).self, "\(number)") {
        try copy.compact(over: SteppedStore.stopping(copy.store, beforeChange: number))
        if number == count { throw RunCancelled() }
      }
      #expect(died != nil)
      // Where only the plan is missing, what was moved has two copies that count, and each look leans on either of them.
      let hasTwoCopies =
        try Rounds.load(copy.open().context).newest == 0 && Set(copy.names("index")) != Set(ground.names("index"))
      try copy.expectRestores("after \(number) changes")
      try copy.backUp(Self.files, "new")
      try copy.expectWhole("a backup after \(number) changes")
      #expect([.done, .nothing].contains(try copy.compact().outcome), "\(number)")
      try copy.expectWhole("a compaction after \(number) changes")
      var last = try copy.compact()
      for _ in 0..<2 where hasTwoCopies && last.outcome == .done {
        try copy.expectWhole("a further compaction after \(number) changes")
        last = try copy.compact()
      }
      #expect(last.outcome == .nothing, "\(number): \(last)")
      #expect(try copy.open().leftovers().unindexedPacks == 0)
    }
  }

  @Test(
    "A compaction whose answers are lost, each in turn, is done by the next, and loses nothing",
    arguments: Scene.allCases)
  func lostAnswers(_ scene: Scene) throws {
    let ground = try scene.ground()
    let count = try Self.changes(of: ground)
    for number in stride(from: 1, through: count, by: 3) {
      let copy = try CompactionGround(copying: ground)
      let changes = Mutex(0)
      let lossy = SteppedStore(
        copy.store,
        after: { call throws(StorageError) in
          let current = changes.withLock { count in
            if call.changes { count += 1 }
            return count
          }
          if call.changes, current == number { throw SteppedStore.gone }
        })
      _ = try? copy.compact(over: lossy)
      try copy.expectRestores("answer \(number)")
      try copy.compact()
      try copy.expectWhole("answer \(number)")
    }
  }

  @Test(
    "Two compactions that take turns at any point leave one decision, and everything whole",
    arguments: Scene.allCases)
  func interleaved(_ scene: Scene) throws {
    let ground = try scene.ground()
    let count = try Self.changes(of: ground)
    for number in 1...count {
      let copy = try CompactionGround(copying: ground)
      let other = try copy.open()
      let first = SteppedStore.once(copy.store, beforeChange: number) {
        do {
          _ = try other.compact(cancellation: try Cancellation())
        } catch {
          Issue.record("the other compaction at \(number): \(error)")
        }
      }
      try copy.compact(over: first)
      try copy.expectWhole("the other one at \(number)")
      try copy.backUp(Self.files, "new")
      try copy.compact()
      try copy.expectWhole("after the other one at \(number)")
      #expect(try copy.open().leftovers().unindexedPacks == 0)
    }
  }

  @Test(
    "Backups that run at any point of a compaction are whole or fail, and those that succeed count",
    arguments: Scene.allCases)
  func backupsBeside(_ scene: Scene) throws {
    let ground = try scene.ground()
    let count = try Self.changes(of: ground)
    for number in 1...count {
      let copy = try CompactionGround(copying: ground)
      let writer = try copy.open()
      let beside = HandedOver(copy)
      let stepped = SteppedStore.once(copy.store, beforeChange: number) {
        do {
          try beside.value.backUp(Self.files, "beside", with: writer)
        } catch {
          Issue.record("a backup at \(number): \(error)")
        }
      }
      try copy.compact(over: stepped)
      try copy.expectWhole("a backup at \(number)")
      try copy.compact()
      try copy.expectWhole("after a backup at \(number)")
    }
  }
}

@Suite("Compactions beside sessions")
struct CompactionSessionTests {
  private static let files = ["dump": dumpLikeBytes(500_000), "file0": noise(120_000, seed: 1)]

  @Test("A session that began before the plan is waited for, named, and what it leans on stays")
  func before() throws {
    let ground = try CompactionGround.aged()
    let session = try ground.open().beginSession(cancellation: try Cancellation())
    let report = try ground.compact()
    #expect(report.outcome == .waiting)
    #expect(report.waitingFor.map(\.process) == [ProcessInfo.processInfo.processIdentifier])
    #expect(!report.waitingFor.contains { $0.isWriteOnly })
    #expect(report.waitingFor.map(\.hostname) == [SessionRecord.ownHostname])
    // It leans on what only deleted archives needed.
    try ground.commit(Self.files, "before", session)
    let after = try ground.compact()
    #expect(after.outcome == .done)
    #expect(after.pardonedPacks > 0)
    try ground.expectWhole()
    #expect(try ground.compact().outcome != .waiting)
    try ground.expectWhole()
  }

  @Test("A session that began after the plan is not waited for, leans on nothing condemned, and counts")
  func after() throws {
    let ground = try CompactionGround.aged()
    let early = try ground.open().beginSession(cancellation: try Cancellation())
    #expect(try ground.compact().outcome == .waiting)
    let late = try ground.open().beginSession(cancellation: try Cancellation())
    early.abandon()
    #expect(try ground.compact().outcome == .done)
    try ground.commit(Self.files, "late", late)
    try ground.expectWhole()
    try ground.compact()
    try ground.expectWhole()
  }

  @Test("A session that gave no sign for an hour of the store's clock is not waited for, and its archive is void")
  func silent() throws {
    let ground = try CompactionGround.aged()
    // A process of another machine: it cannot be known whether it lives.
    let context = try ground.open().context
    let name = try #require(ObjectName("sessions/00000000000000aa-0"))
    let record = SessionRecord(
      id: "00000000000000aa", process: 1, written: context.clock.now(),
      identity: ProcessIdentity(boot: "another", namespace: "pid:[1]", process: 1, start: "1"), round: 0, hasEnded: nil)
    let bytes = try context.envelope.seal(
      try record.encoded(), purpose: .session, context: Array(name.path.utf8), random: .system)
    try ground.store.put(name, bytes)
    #expect(try ground.compact().outcome == .waiting)
    ground.clock.advance(SessionPatience.silence - 10)
    #expect(try ground.compact().outcome == .waiting)
    ground.clock.advance(20)
    #expect(try ground.compact().outcome == .done)
    #expect(try ground.names("sessions").isEmpty)
    try ground.expectWhole()
  }

  @Test("All sessions of write-only keys together hold a compaction up for a day and no longer")
  func writeOnly() throws {
    let ground = try CompactionGround.aged()
    let secret = SecretBytes(passphrase: "thief")
    try ground.open().addWriteOnlyKey(passphrase: secret, passphraseCost: 5)
    let thief = try ground.open(passphrase: secret).context
    for hour in 0..<26 {
      let id = "00000000000000" + Hexadecimal.encode([UInt8(hour)])
      let name = try #require(ObjectName("sessions/\(id)-0"))
      let record = SessionRecord(
        id: id, process: 1, written: thief.clock.now(), identity: nil, round: nil, hasEnded: nil)
      let bytes = try thief.envelope.seal(
        try record.encoded(), purpose: .session, context: Array(name.path.utf8), random: .system)
      try ground.store.put(name, bytes)
      let report = try ground.compact()
      #expect(report.outcome == (hour < 24 ? .waiting : .done), "\(hour)")
      if report.outcome == .done { break }
      #expect(!report.waitingFor.contains { !$0.isWriteOnly })
      ground.clock.advance(3600)
    }
    try ground.expectWhole()
  }

  @Test("An archive whose session was overtaken is void, needs nothing, and a run that was overtaken fails")
  func overtaken() throws {
    let ground = try CompactionGround.aged()
    let writer = try ground.open()
    let session = try writer.beginSession(cancellation: try Cancellation())
    // Its markers are lost: nobody knows of it.
    for status in try ground.store.list("sessions") { try ground.store.delete(status.name) }
    #expect(try ground.compact().outcome == .done)
    #expect(throws: RepositoryError.self) { try ground.commit(Self.files, "late", session) }
    try ground.compact()
    try ground.expectRestores()
  }
}
