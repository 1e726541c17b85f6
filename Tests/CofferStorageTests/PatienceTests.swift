import CofferConfiguration
import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

@Suite("A store that is gone for a while")
struct PatienceTests {
  private let memory = MemoryStore()
  private let name = ObjectName(wellFormed: "packs/ab")
  private let time = Time()

  /// Time that goes only while somebody waits.
  private final class Time: Sendable {
    private let seconds = Mutex(100.0)
    private let noted = Mutex<[RetryNews]>([])

    var passed: Double { seconds.withLock { $0 - 100 } }
    var news: [RetryNews] { noted.withLock { $0 } }
    var clock: Clock { Clock(now: { Date(timeIntervalSince1970: 0) }, steadySeconds: { self.seconds.withLock { $0 } }) }
    var pause: Pause { { count, _ in self.seconds.withLock { $0 += count } } }
    var tell: @Sendable (RetryNews) -> Void { { news in self.noted.withLock { $0.append(news) } } }
  }

  private static let gone = StorageError.failed(nil, location: "memory", FlakyStore.failure)

  /// - Parameter until: From when on the store answers again, in seconds.
  private func store(backAfter until: Double) -> GatedStore {
    GatedStore(memory) { [time] (_, _, _) throws(StorageError) in
      if time.passed < until { throw Self.gone }
    }
  }

  private func retrying(_ store: any ObjectStore, patience: Double = 60) -> RetryingStore {
    RetryingStore(
      store, RetryPolicy(retries: .max, firstWait: 1, longestWait: 8, patience: patience), chance: { 1 },
      clock: time.clock, pause: time.pause, tell: time.tell)
  }

  @Test("What comes back in time has lost nothing, and each wait is told with its reason")
  func back() throws {
    try retrying(store(backAfter: 10)).put(name, [1, 2, 3])
    #expect(try memory.get(name) == [1, 2, 3])
    #expect(time.passed == 15)
    #expect(
      time.news == [
        .waits(because: Self.gone, turn: 0, seconds: 1), .waits(because: Self.gone, turn: 1, seconds: 2),
        .waits(because: Self.gone, turn: 2, seconds: 4), .waits(because: Self.gone, turn: 3, seconds: 8), .ends,
      ])
  }

  @Test("Patience is an end in time, however often was tried")
  func over() throws {
    #expect(throws: Self.gone) { try retrying(store(backAfter: 1000)).put(name, [1]) }
    #expect(time.passed <= 60 && time.passed > 50)
    #expect(time.news.last == .ends)
    #expect(time.news.filter { $0 == .ends }.count == 1)
    #expect(try memory.list("").isEmpty)
  }

  @Test("A server that asks for more time than there is has all there is, and is asked once more")
  func asked() throws {
    let busy = StorageError.failed(
      nil, location: "memory", StorageFailure(.transient, "put", reason: "503 SlowDown", retryAfter: 200))
    func store(backAfter until: Double) -> RetryingStore {
      retrying(
        GatedStore(memory) { [time] (_, _, _) throws(StorageError) in if time.passed < until { throw busy } },
        patience: 180)
    }
    try store(backAfter: 150).put(name, [1])
    #expect(try memory.get(name) == [1])
    #expect(time.news == [.waits(because: busy, turn: 0, seconds: 180), .ends])
    #expect(throws: busy) { try store(backAfter: 1000).delete(name) }
    #expect(time.passed == 360)
  }

  @Test("Behind a call that was given up none waits, until one succeeds")
  func givenUp() throws {
    let store = retrying(store(backAfter: 100))
    #expect(throws: Self.gone) { try store.put(name, [1]) }
    let passed = time.passed
    for _ in 0..<3 {
      #expect(throws: Self.gone) { try store.delete(name) }
      #expect(throws: Self.gone) { try store.list("packs") }
    }
    #expect(time.passed == passed)
    time.pause(100 - passed, nil)
    #expect(try store.list("packs").isEmpty)
    // Gone again: it is waited for again.
    let next = retrying(self.store(backAfter: time.passed + 10))
    try next.put(name, [2])
    #expect(try memory.get(name) == [2])
  }

  @Test("Nothing is told of calls that succeed, or fail for good")
  func quiet() throws {
    let store = retrying(memory)
    try store.put(name, [1])
    #expect(throws: StorageError.exists(name, location: "memory")) { try store.put(name, [2]) }
    #expect(time.news.isEmpty)
  }

  // MARK: - As the options say

  private func request(_ options: String) throws -> StoreRequest {
    let loader = ConfigurationLoader(
      files: FileReader(
        read: { (_) throws(SystemError) in Array("repositories: [{path: /r}]\n\(options)".utf8) },
        entries: { _ in nil }),
      environment: ProcessEnvironment([:]), currentFolder: "/", options: OptionCatalogue(databases: [], services: []))
    let surroundings = Surroundings(
      environment: ProcessEnvironment([:]), clock: time.clock, random: RandomSource { _ in },
      launcher: SystemProcessLauncher(), secretKeeper: Nobody(), currentFolder: "/", hostname: "here", username: "me",
      processors: 1)
    return StoreRequest(
      address: "shelf:a", options: try loader.load("/c.yaml").root, secret: { $0 }, surroundings: surroundings,
      warn: { _ in })
  }

  private struct Nobody: SecretKeeper {
    func secret(named name: String) -> [UInt8]? { nil }
    func keep(_ secret: [UInt8], named name: String, seconds: Int) {}
  }

  @Test("stall_limit is the time in which a store elsewhere may come back, silent calls included")
  func stallLimit() throws {
    let request = try request("stall_limit: 100\n")
    #expect(request.stallSeconds == 25)
    #expect(try self.request("").stallSeconds == 60)
    let store = request.tended(store(backAfter: 1000), pause: time.pause, tell: time.tell)
    #expect(throws: Self.gone) { try store.put(name, [1], cancellation: nil) }
    // One silent call before the first failure and one behind the last pause fit into the rest.
    #expect(time.passed > 20 && time.passed <= 50)
  }

  @Test("upload_rate_limit and download_rate_limit are kibibytes a second, and 0 is any number")
  func rates() throws {
    let limited = try request("upload_rate_limit: 25\ndownload_rate_limit: 50\n")
      .tended(memory, pause: time.pause, tell: time.tell)
    for number in 0..<2 {
      try limited.put(try objectName("a/\(number)"), [UInt8](repeating: 1, count: 100 << 10))
    }
    #expect(time.passed == 4)
    for number in 0..<2 { _ = try limited.get(try objectName("a/\(number)"), range: nil) }
    #expect(time.passed == 6)
    let free = try request("upload_rate_limit: 0\n").tended(memory, pause: time.pause, tell: time.tell)
    for number in 2..<9 {
      try free.put(try objectName("a/\(number)"), [UInt8](repeating: 1, count: 100 << 10))
    }
    #expect(time.passed == 6)
  }
}
