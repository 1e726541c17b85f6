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

  @Test("What went before is paid for in time, each direction by itself, and time that passes counts")
  func rates() throws {
    let time = PausedClock()
    let store = RateLimitedStore(
      MemoryStore(), uploadRate: 100, downloadRate: 1000, clock: time.clock, pause: time.pause)
    let names = try (0..<3).map { try objectName("packs/\($0)") }
    // The first goes at once.
    try store.put(names[0], [UInt8](repeating: 1, count: 500))
    #expect(time.pauses == [])
    try store.put(names[1], [UInt8](repeating: 1, count: 200))
    #expect(time.pauses == [5])
    time.advance(1.5)
    try store.put(names[2], [1])
    #expect(time.pauses == [5, 0.5])
    // Reading owes nothing for what was written.
    _ = try store.get(names[0], range: nil)
    _ = try store.get(names[0], range: 100..<150)
    #expect(time.pauses == [5, 0.5, 0.5])
    _ = try store.get(names[0], range: nil)
    #expect(time.pauses.count == 4 && abs(time.pauses[3] - 0.05) < 1e-9)
    // Time in which nothing was sent is not saved up.
    time.advance(1000)
    for round in 0..<2 { try store.put(try objectName("index/\(round)"), [UInt8](repeating: 1, count: 100)) }
    #expect(time.pauses.count == 5 && time.pauses[4] == 1)
  }

  @Test("A put that fails has been sent, and no limit is none")
  func unlimited() throws {
    let time = PausedClock()
    let memory = MemoryStore()
    let store = RateLimitedStore(memory, uploadRate: 100, downloadRate: nil, clock: time.clock, pause: time.pause)
    memory.failPuts(after: 0)
    for _ in 0..<2 {
      #expect(throws: StorageError.self) { try store.put(try objectName("a"), [UInt8](repeating: 1, count: 50)) }
    }
    #expect(time.pauses == [0.5])
    memory.failPuts(after: nil)
    try memory.put(try objectName("b"), [1])
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
      try store.put(try objectName("b"), [1], cancellation: cancellation)
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
    _ = try store.firstForeignEntry()
    _ = try store.unfinishedPuts()
    try store.remove(UnfinishedPut(path: ".tmp-1", size: 0, isAbandoned: false))
    try store.delete(name)
    var expected = CountingStore.Use()
    expected.requests = [
      .makePlace: 1, .put: 2, .get: 4, .status: 1, .list: 1, .foreignEntry: 1, .unfinishedPuts: 1, .remove: 1,
      .delete: 1,
    ]
    expected.sent = 40
    expected.received = 40 + 5 + 40
    #expect(store.use == expected)
  }
}
