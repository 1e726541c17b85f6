import CofferSystem
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

@Suite("Calls that are made again")
struct RetryingStoreTests {
  private let memory = MemoryStore()
  private let name = ObjectName(wellFormed: "packs/ab")
  private let pauses = Pauses()

  /// Remembers how long it was to wait.
  private final class Pauses: Sendable {
    private let noted = Mutex<[Double]>([])
    var all: [Double] { noted.withLock { $0 } }
    func add(_ seconds: Double) { noted.withLock { $0.append(seconds) } }
  }

  private func retrying(
    _ store: any ObjectStore, _ policy: RetryPolicy = RetryPolicy(retries: 3, firstWait: 1, longestWait: 3),
    chance: Double = 1
  ) -> RetryingStore {
    RetryingStore(store, policy, chance: { chance }, pause: { [pauses] seconds, _ in pauses.add(seconds) })
  }

  @Test("A call that fails transiently is made again, after longer and longer, and at last its error is told")
  func waits() throws {
    let store = FlakyStore(memory) { _ in .before }
    let failure = StorageError.failed(nil, location: "memory", FlakyStore.failure)
    #expect(throws: failure) { try retrying(store).put(name, [1]) }
    #expect(store.callCount == 4)
    #expect(pauses.all == [1, 2, 3])
    #expect(try memory.list("").isEmpty)
  }

  @Test("Chance decides about half of each wait, and no wait is longer than the longest")
  func jitter() {
    let policy = RetryPolicy(retries: 9, firstWait: 2, longestWait: 10)
    #expect((0..<5).map { policy.wait(before: $0, chance: 0) } == [1, 2, 4, 5, 5])
    #expect((0..<5).map { policy.wait(before: $0, chance: 1) } == [2, 4, 8, 10, 10])
    #expect(policy.wait(before: 1, chance: 0.5) == 3)
    #expect(policy.wait(before: .max, chance: 7) == 10)
    #expect(RetryPolicy(retries: 1, firstWait: 60, longestWait: 5).wait(before: 0, chance: 1) == 5)
  }

  @Test("What another try cannot mend is told at once")
  func permanent() throws {
    memory.failPuts(after: 0)
    #expect(throws: StorageError.full(name, location: "memory")) { try retrying(memory).put(name, [1]) }
    #expect(throws: StorageError.missing(name, location: "memory")) { try retrying(memory).get(name, range: nil) }
    let denied = FaultyStore(StorageFailure(.denied, "PUT", reason: "403"))
    #expect(throws: StorageError.self) { try retrying(denied).put(name, [1]) }
    #expect(denied.callCount == 1)
    #expect(pauses.all.isEmpty)
  }

  @Test("A put whose answer was lost is found done by its bytes")
  func lostAnswer() throws {
    let store = FlakyStore(memory) { $0 == 0 ? .after : nil }
    try retrying(store).put(name, [1, 2, 3])
    #expect(try memory.get(name) == [1, 2, 3])
    #expect(memory.history == [name])
    #expect(pauses.all == [1])
  }

  @Test("A name that another took while the put was tried again is taken")
  func takenMeanwhile() throws {
    let store = FlakyStore(memory) { [memory, name] call in
      guard call == 0 else { return nil }
      try? memory.put(name, [9, 9, 9])
      return .before
    }
    #expect(throws: StorageError.exists(name, location: "memory")) { try retrying(store).put(name, [1, 2, 3]) }
    #expect(try memory.get(name) == [9, 9, 9])
  }

  @Test("A list that breaks off behind any page is taken up there: nothing is missing, nothing comes twice")
  func brokenList() throws {
    let names = (0..<3500).compactMap { ObjectName("packs/\(10_000 + $0)") }
    for name in names { try memory.put(name, [1]) }
    let store = FlakyStore(memory) { $0 < 6 ? ($0 % 2 == 0 ? .after : .before) : nil }
    #expect(try retrying(store).list("packs").map(\.name) == names)
    #expect(!pauses.all.isEmpty)
    // Every page was a success, so each wait was a first one.
    #expect(Set(pauses.all).isSubset(of: [1, 2]))
  }

  @Test("A cancellation ends the waiting")
  func cancelled() throws {
    let cancellation = try Cancellation()
    let store = FlakyStore(memory) { _ in .before }
    let retrying = RetryingStore(store, RetryPolicy(), chance: { 1 }) { _, passed in
      #expect(passed === cancellation)
      cancellation.cancel()
    }
    #expect(throws: StorageError.cancelled(location: "memory")) {
      try retrying.put(name, [1], cancellation: cancellation)
    }
    #expect(store.callCount == 1)
  }

  @Test("The machine's own pause waits, and no longer than the cancellation lets it", .timeLimit(.minutes(1)))
  func systemPauses() throws {
    let cancellation = try Cancellation()
    let clock = Clock.system
    let start = clock.steadySeconds()
    systemPause(0.05, nil)
    systemPause(0.05, cancellation)
    #expect(clock.steadySeconds() - start >= 0.09)
    cancellation.cancel()
    systemPause(1000, cancellation)
  }
}
