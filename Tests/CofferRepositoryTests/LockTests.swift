import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Locks on what a repository holds")
struct LockTests {
  /// A place that locks what it is told to, and remembers for which objects it was asked.
  private final class LockingStore: ForwardingStore {
    let store: any ObjectStore
    let asked = Mutex<[ObjectName]>([])
    private let answer: @Sendable (ObjectName) throws(StorageError) -> Bool

    init(_ store: any ObjectStore, answer: @escaping @Sendable (ObjectName) throws(StorageError) -> Bool) {
      self.store = store
      self.answer = answer
    }

    var lockTime: Double? { 30 * 86_400 }

    func renewLock(of name: ObjectName, cancellation: Cancellation?) throws(StorageError) -> Bool {
      asked.withLock { $0.append(name) }
      return try answer(name)
    }
  }

  private func open(
    _ store: any ObjectStore, _ repository: TestRepository, cacheFolder: String? = nil
  ) throws -> Repository {
    try Repository.open(
      in: store, passphrase: TestRepository.passphrase,
      surroundings: TestRepository.surroundings(clock: repository.clock, cacheFolder: cacheFolder))
  }

  @Test(
    "All that a repository holds is locked anew but sessions and what a compaction has decided to remove, and counted")
  func renewed() throws {
    let repository = try TestRepository()
    try repository.backUp(["first": noise(200_000)], name: "first")
    let packs = try IndexLoader(context: repository.repository.context).existingPacks().keys.sorted()
    let going = try #require(packs[0].packName)
    try repository.plan(1, condemned: Set(packs.prefix(2)))
    try repository.close(1)
    try repository.sweep(1, going: [packs[0]], census: [])
    let session = try repository.repository.beginSession(cancellation: try Cancellation())
    defer { session.abandon() }
    let locking = LockingStore(repository.store) { (name) throws(StorageError) in
      if name.path.hasPrefix("archives/") { throw .missing(name, location: "memory") }
      return name.path.hasPrefix("packs/")
    }
    let report = try open(locking, repository).renewLocks(cancellation: try Cancellation())
    let present = try repository.store.list("", cancellation: nil).map(\.name)
    #expect(present.contains { $0.path.hasPrefix("sessions/") })
    let expected = present.filter { $0 != going && !$0.path.hasPrefix("sessions/") }
    #expect(locking.asked.withLock { $0.sorted() } == expected.sorted())
    #expect(report == LockReport(objects: expected.count, renewed: expected.count { $0.path.hasPrefix("packs/") }))
    #expect(try repository.repository.renewLocks(cancellation: try Cancellation()) == nil)

    // One that is refused keeps none of the others from being locked.
    let refusing = LockingStore(repository.store) { (name) throws(StorageError) in
      guard name.path.hasPrefix("keys/") else { return true }
      throw .failed(name, location: "memory", StorageFailure(.denied, "lock", reason: "no"))
    }
    #expect(throws: StorageError.self) {
      try open(refusing, repository).renewLocks(cancellation: try Cancellation())
    }
    #expect(refusing.asked.withLock { $0.sorted() } == expected.sorted())
  }

  @Test("Locks that were all looked at are looked at again after an eighth of their time, and after a failure at once")
  func remembered() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: folder) }
    let repository = try TestRepository()
    try repository.backUp(["a": noise(1000)])
    let isRefused = Monitor(true)
    let locking = LockingStore(repository.store) { (name) throws(StorageError) in
      guard isRefused.update({ $0 }) else { return false }
      throw .failed(name, location: "memory", StorageFailure(.denied, "lock", reason: "no"))
    }
    func renew() throws -> LockReport? {
      try open(locking, repository, cacheFolder: folder.path).renewLocks(cancellation: try Cancellation())
    }
    #expect(throws: StorageError.self) { try renew() }
    isRefused.update { $0 = false }
    #expect(try renew() != nil)
    repository.clock.advance(3 * 86_400)
    #expect(try renew() == nil)
    repository.clock.advance(86_400)
    #expect(try renew() != nil)
  }
}
