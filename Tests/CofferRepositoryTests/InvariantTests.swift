import CofferStorage
import CofferSystem
import Glibc
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Invariants of writing")
struct InvariantTests {
  private static let data = ["dump": dumpLikeBytes(3_000_000)]

  private static func kind(_ name: ObjectName) -> String {
    String(name.path.split(separator: "/")[0])
  }

  @Test("Everything an archive needs is durable before its record is (I1), packs before their index (I2)")
  func order() throws {
    let repository = try TestRepository()
    let start = repository.store.history.count
    try repository.backUp(Self.data)
    let kinds = repository.store.history[start...].map(Self.kind)
    #expect(kinds.first == "sessions")
    #expect(kinds.last == "archives")
    #expect(kinds.filter { $0 == "archives" }.count == 1)
    let loader = try IndexLoader(context: repository.repository.context)
    let history = repository.store.history
    for (position, name) in history.enumerated() where Self.kind(name) == "index" {
      for pack in try loader.read(name).packs {
        let packName = try #require(pack.digest.packName)
        #expect(history[..<position].contains(packName))
      }
    }
    #expect(try repository.store.list("sessions").isEmpty)
  }

  @Test("A store that fills up at any moment leaves no archive, a whole repository, and the next run fine")
  func fullStore() throws {
    var count = 0
    while true {
      let repository = try TestRepository()
      repository.store.failPuts(after: count)
      do {
        try repository.backUp(Self.data)
        break
      } catch let error as StorageError {
        guard case .full = error else {
          Issue.record("another error: \(error)")
          return
        }
      }
      repository.store.failPuts(after: nil)
      let opened = try repository.reopened()
      #expect(try opened.archives().isEmpty)
      #expect(try opened.check(.content, cancellation: try Cancellation()).findings.isEmpty)
      let archive = try repository.backUp(Self.data, with: opened)
      #expect(try repository.contents(of: archive) == Self.data)
      count += 1
    }
    #expect(count >= 5)
  }

  @Test("A run that failed late leaves its packs for the next one to use")
  func reuse() throws {
    let repository = try TestRepository()
    let session = try repository.repository.beginSession(cancellation: try Cancellation())
    _ = try session.store(MemorySource(Self.data["dump"]!))
    while session.progress.stored == 0 { usleep(1000) }
    session.abandon()
    #expect(try repository.repository.archives().isEmpty)
    let archive = try repository.backUp(Self.data, with: try repository.reopened())
    #expect(archive.statistics.newSize < 2_900_000)
    #expect(try repository.contents(of: archive) == Self.data)
  }

  @Test("A source's error comes through as it is, and no archive exists")
  func sourceError() throws {
    struct Failing: Error, Equatable {}
    final class FailingSource: ByteSource {
      var left = 2_000_000
      func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        guard left > 0 else { throw Failing() }
        left -= buffer.count
        return buffer.count
      }
    }
    let repository = try TestRepository()
    let session = try repository.repository.beginSession(cancellation: try Cancellation())
    #expect(throws: Failing()) { try session.store(FailingSource()) }
    session.abandon()
    #expect(try repository.repository.archives().isEmpty)
    #expect(try repository.store.list("sessions").isEmpty)
  }

  @Test("A failure of the store is told at once, even while the source is silent")
  func silentSource() throws {
    final class SilentSource: ByteSource {
      let isReleased = Monitor(false)
      // More than the queues between here and the store hold.
      private var left = 12 << 20
      func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard left > 0 else {
          isReleased.wait(until: { $0 }) { _ in }
          return 0
        }
        let bytes = noise(buffer.count, seed: UInt64(left))
        buffer.copyBytes(from: bytes)
        left -= buffer.count
        return buffer.count
      }
    }
    let repository = try TestRepository()
    let source = SilentSource()
    let session = try repository.repository.beginSession(cancellation: try Cancellation())
    repository.store.failPuts(after: 0)
    // The source goes on only after the error is out; waiting for it would never end.
    #expect(throws: StorageError.self) { try session.store(source) }
    source.isReleased.update { $0 = true }
    session.abandon()
  }

  @Test("A cancelled run commits nothing")
  func cancelled() throws {
    let repository = try TestRepository()
    let cancellation = try Cancellation()
    let session = try repository.repository.beginSession(cancellation: cancellation)
    cancellation.cancel()
    #expect(throws: RunCancelled()) { try session.store(MemorySource(Self.data["dump"]!)) }
    #expect(throws: RunCancelled()) { try session.commit(.named("no")) }
    #expect(try repository.repository.archives().isEmpty)
  }

  @Test("A session shows that it lives, and one that was taken for dead must not commit")
  func sessions() throws {
    let repository = try TestRepository()
    let session = try repository.repository.beginSession(cancellation: try Cancellation())
    let first = try repository.store.list("sessions").map(\.name)
    repository.clock.advance(700)
    let stream = try session.store(MemorySource(Array("x".utf8)))
    let second = try repository.store.list("sessions").map(\.name)
    #expect(first.count == 2 && second.count == 3 && Set(first).isSubset(of: second))
    try repository.store.delete(try #require(second.last))
    session.add(.file("x", stream))
    #expect(throws: RepositoryError.sessionExpired(location: "memory")) { try session.commit(.named("late")) }
    #expect(try repository.repository.archives().isEmpty)
  }

  @Test("A stream that gives nothing for hours ends no session: its marker has a time of its own")
  func quietHours() throws {
    let repository = try TestRepository()
    let marker = try SessionMarker(
      context: repository.repository.context, cancellation: try Cancellation())
    try marker.announce()
    try marker.tell(0)
    let lasting = try repository.store.list("sessions").map(\.name)
    repository.clock.advance(7200)
    marker.refresh()
    let first = try repository.store.list("sessions").map(\.name)
    repository.clock.advance(7200)
    marker.refresh()
    let second = try repository.store.list("sessions").map(\.name)
    #expect(lasting.count == 2 && first.count == 3 && second.count == 3 && first != second)
    #expect(Array(first[..<2]) == lasting && Array(second[..<2]) == lasting)
    repository.clock.advance(7200)
    repository.store.failPuts(after: 0)
    marker.refresh()
    #expect(try repository.store.list("sessions").map(\.name) == second)
    repository.store.failPuts(after: nil)
    marker.refresh()
    #expect(try repository.store.list("sessions").map(\.name) != second)
    try marker.confirm()
    marker.remove()
    #expect(try repository.store.list("sessions").isEmpty)
  }

  @Test("Deleting an archive removes its record and nothing else (I4)")
  func deletion() throws {
    let repository = try TestRepository()
    let archive = try repository.backUp(Self.data)
    let before = try Set(repository.store.list("").map(\.name.path))
    try repository.repository.delete(archive)
    let after = try Set(repository.store.list("").map(\.name.path))
    #expect(before.subtracting(after) == ["archives/\(archive.id)"])
    #expect(throws: RepositoryError.self) { try repository.repository.delete(archive) }
  }

  @Test("An archive's record cannot be renamed, nor put into another repository")
  func movedRecords() throws {
    let one = try TestRepository()
    let archive = try one.backUp(["a": [1]])
    let bytes = try one.store.get(try #require(ObjectName("archives/\(archive.id)")))
    try one.store.put(try #require(ObjectName("archives/20300101t000000z-0000000000000000")), bytes)
    let cancellation = try Cancellation()
    #expect(try one.repository.archives().map(\.id) == [archive.id])
    #expect(
      try one.repository.check(.tables, cancellation: cancellation).findings.map(\.object)
        == ["archives/20300101t000000z-0000000000000000"])
    let two = try TestRepository()
    try two.store.put(try #require(ObjectName("archives/\(archive.id)")), bytes)
    #expect(try two.repository.archives().isEmpty)
    #expect(
      try two.repository.check(.tables, cancellation: cancellation).findings.map(\.object) == ["archives/\(archive.id)"]
    )
  }

  @Test("A place that holds something else does not become a repository")
  func foreignPlace() throws {
    let store = MemoryStore()
    try store.put(try #require(ObjectName("letters")), [1])
    #expect(throws: RepositoryError.foreignContent(location: "memory", example: "letters")) {
      try Repository.create(
        in: store, options: CreationOptions(passphraseCost: 5), passphrase: TestRepository.passphrase,
        surroundings: TestRepository.surroundings)
    }
  }
}
