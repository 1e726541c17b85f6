import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

@Suite("Limiting and counting")
struct DecoratorTests {
  /// A clock that goes only while somebody pauses.
  private final class PausedClock: Sendable {
    private let seconds = Mutex(100.0)
    private let noted = Mutex<[Double]>([])

    var pauses: [Double] { noted.withLock { $0 } }

    func advance(_ count: Double) { seconds.withLock { $0 += count } }

    var clock: Clock {
      Clock(now: { Date(timeIntervalSince1970: 0) }, steadySeconds: { [self] in seconds.withLock { $0 } })
    }

    var pause: Pause {
      { [self] count, _ in
        noted.withLock { $0.append(count) }
        advance(count)
      }
    }
  }

  /// So many kibibytes.
  private func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 1, count: count << 10) }

  @Test("What went before is paid for in time, each direction by itself, and time that passes counts")
  func rates() throws {
    let time = PausedClock()
    let store = RateLimitedStore(
      MemoryStore(), uploadRate: 100 << 10, downloadRate: 1000 << 10, clock: time.clock, pause: time.pause)
    let names = try (0..<3).map { try objectName("packs/\($0)") }
    // The first goes at once.
    try store.put(names[0], bytes(500))
    #expect(time.pauses == [])
    try store.put(names[1], bytes(200))
    #expect(time.pauses == [5])
    time.advance(1.5)
    try store.put(names[2], bytes(100))
    #expect(time.pauses == [5, 0.5])
    // Reading owes nothing for what was written.
    _ = try store.get(names[0], range: nil)
    _ = try store.get(names[0], range: 100 << 10..<200 << 10)
    #expect(time.pauses == [5, 0.5, 0.5])
    _ = try store.get(names[0], range: nil)
    #expect(time.pauses.count == 4 && abs(time.pauses[3] - 0.1) < 1e-9)
    // Time in which nothing was sent is not saved up.
    time.advance(1000)
    for round in 0..<2 { try store.put(try objectName("index/\(round)"), bytes(100)) }
    #expect(time.pauses.count == 5 && time.pauses[4] == 1)
  }

  @Test("What is small does not wait behind what is large, and is paid for all the same")
  func small() throws {
    let time = PausedClock()
    let store = RateLimitedStore(
      MemoryStore(), uploadRate: 32 << 10, downloadRate: 32 << 10, clock: time.clock, pause: time.pause)
    try store.put(try objectName("packs/a"), bytes(320))
    try store.put(try objectName("sessions/a"), bytes(64))
    #expect(time.pauses == [])
    try store.put(try objectName("packs/b"), bytes(65))
    #expect(time.pauses == [12])
    _ = try store.get(try objectName("packs/a"), range: nil)
    _ = try store.get(try objectName("packs/a"), range: 0..<64 << 10)
    #expect(time.pauses == [12])
    _ = try store.get(try objectName("packs/a"), range: 0..<65 << 10)
    #expect(time.pauses == [12, 12])
    let cancellation = try Cancellation()
    cancellation.cancel()
    #expect(throws: StorageError.cancelled(location: "memory")) {
      try store.put(try objectName("sessions/b"), [1], cancellation: cancellation)
    }
  }

  @Test("A put that fails has been sent, and no limit is none")
  func unlimited() throws {
    let time = PausedClock()
    let memory = MemoryStore()
    let store = RateLimitedStore(
      memory, uploadRate: 200 << 10, downloadRate: nil, clock: time.clock, pause: time.pause)
    memory.failPuts(after: 0)
    for _ in 0..<2 {
      #expect(throws: StorageError.self) { try store.put(try objectName("a"), bytes(100)) }
    }
    #expect(time.pauses == [0.5])
    memory.failPuts(after: nil)
    try memory.put(try objectName("b"), bytes(100))
    for _ in 0..<9 { _ = try store.get(try objectName("b"), range: nil) }
    #expect(time.pauses == [0.5])
  }

  @Test("A cancellation ends the waiting for the rate, and nothing is sent")
  func cancelledWait() throws {
    let memory = MemoryStore()
    let cancellation = try Cancellation()
    let store = RateLimitedStore(memory, uploadRate: 1, downloadRate: nil) { _, passed in
      #expect(passed === cancellation)
      cancellation.cancel()
    }
    try store.put(try objectName("a"), [1, 2, 3], cancellation: cancellation)
    #expect(throws: StorageError.cancelled(location: "memory")) {
      try store.put(try objectName("b"), bytes(65), cancellation: cancellation)
    }
    #expect(memory.history.map(\.path) == ["a"])
  }

  @Test("Whatever stands around a store says what the store can do")
  func abilities() {
    let abilities = StoreAbilities(kind: "a shelf", refusesTakenNames: false, readsParts: true, remarks: ["Of oak"])
    let store = GatedStore(MemoryStore(), abilities: abilities)
    #expect(RetryingStore(store).abilities == abilities)
    #expect(CountingStore(store).abilities == abilities)
    #expect(RateLimitedStore(store, uploadRate: nil, downloadRate: nil).abilities == abilities)
  }

  @Test("Whatever stands around a store lets it find out what it can do")
  func learning() throws {
    let server = try S3StandIn(isExclusive: false)
    let make: [(any ObjectStore) -> any ObjectStore] = [
      { RetryingStore($0) }, { CountingStore($0) }, { RateLimitedStore($0, uploadRate: nil, downloadRate: nil) },
    ]
    for make in make {
      let store = make(try S3TestStore(server.address).store())
      #expect(store.abilities.refusesTakenNames == nil)
      #expect(try store.learnAbilities(cancellation: nil).refusesTakenNames == false)
    }
  }

  @Test("Requests are counted by kind, failed ones too, and bytes as they went")
  func counts() throws {
    let store = CountingStore(MemoryStore())
    let name = try objectName("packs/a")
    try store.makePlace()
    try store.put(name, [UInt8](repeating: 1, count: 40))
    #expect(throws: StorageError.self) { try store.put(name, [1, 2]) }
    _ = try store.get(name, range: nil)
    _ = try store.get(name, range: 10..<15)
    _ = try store.get(name, limit: 100)
    #expect(throws: StorageError.self) { try store.get(try objectName("b"), range: nil) }
    _ = try store.list("")
    #expect(
      try [UInt8](repeating: 1, count: 40).withUnsafeBytes {
        try store.stands(name, $0, beginning: 8, cancellation: nil)
      })
    _ = try store.firstForeignEntry()
    _ = try store.unlistedEntries(in: "a", depth: 1)
    _ = try store.unfinishedPuts()
    try store.remove(UnfinishedPut(path: ".tmp-1", size: 0, isAbandoned: false))
    try store.delete(name)
    var expected = CountingStore.Use()
    expected.requests = [
      .makePlace: 1, .put: 2, .get: 4, .status: 1, .stands: 1, .list: 1, .foreignEntry: 1, .unlistedEntries: 1,
      .unfinishedPuts: 1,
      .remove: 1,
      .delete: 1,
    ]
    expected.sent = 40
    expected.received = 40 + 5 + 40
    #expect(store.use == expected)
  }
}
