import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Runs that are stopped while they wait for the store")
struct StoppedRunTests {
  private let cancellation: Cancellation
  private let repository: TestRepository

  init() throws {
    cancellation = try Cancellation()
    repository = try TestRepository()
  }

  private init(over repository: TestRepository) throws {
    cancellation = try Cancellation()
    self.repository = repository
  }

  private func open(_ store: any ObjectStore) throws -> Repository {
    try Repository.open(
      in: store, passphrase: TestRepository.passphrase,
      surroundings: TestRepository.surroundings(clock: repository.clock))
  }

  @Test("A backup that is stopped after a pack leaves no archive and no marker, and what it stored is used again")
  func backup() throws {
    let isStopping = Mutex(true)
    let store = RecordingStore(repository.store) { [cancellation] (name) throws(StorageError) in
      if name.path.hasPrefix("packs/"), isStopping.withLock({ $0 }) { cancellation.cancel() }
    }
    let session = try open(store).beginSession(cancellation: cancellation)
    let bytes = noise(3_000_000)
    #expect(throws: RunCancelled.self) {
      let stream = try session.store(MemorySource(bytes))
      session.add(.file("dump", stream))
      _ = try session.commit(.named("stopped"))
    }
    session.abandon()
    #expect(try repository.repository.archives().isEmpty)
    #expect(try repository.store.list("sessions").isEmpty)
    let packs = try repository.store.list("packs")
    // Tidying up is not stopped: the packs are indexed for the next run.
    #expect(!packs.isEmpty)
    #expect(try repository.repository.leftovers().unindexedPacks == 0)
    isStopping.withLock { $0 = false }
    let archive = try repository.backUp(["dump": bytes])
    #expect(try repository.contents(of: archive) == ["dump": bytes])
    #expect(archive.statistics.newSize < UInt64(bytes.count))
  }

  @Test("A check that is stopped says so, and finds nothing because of it")
  func check() throws {
    try repository.backUp(["dump": noise(2_000_000)])
    let before = try repository.store.list("").map(\.name)
    for level in [CheckLevel.objects, .tables, .recipes, .content] {
      let stopped = try Cancellation()
      stopped.cancel()
      #expect(throws: RunCancelled.self) { try open(repository.store).check(level, cancellation: stopped) }
    }
    #expect(try repository.store.list("").map(\.name) == before)
  }

  @Test("Opening, listing and reading stop with the run that they are for")
  func reading() throws {
    let archive = try repository.backUp(["dump": noise(100_000)])
    let surroundings = RepositorySurroundings(
      clock: repository.clock.clock, random: .system, keyFolder: "/nowhere", workers: 1, cancellation: cancellation)
    let opened = try Repository.open(
      in: repository.store, passphrase: TestRepository.passphrase, surroundings: surroundings)
    let reader = try opened.reader()
    cancellation.cancel()
    #expect(throws: RunCancelled.self) { try opened.archives() }
    #expect(throws: RunCancelled.self) { try opened.reader() }
    #expect(throws: RunCancelled.self) { try opened.statistics() }
    #expect(throws: RunCancelled.self) { try opened.leftovers() }
    #expect(throws: RunCancelled.self) { try opened.delete(archive) }
    #expect(throws: RunCancelled.self) { try reader.items(of: archive, cancellation: try Cancellation()) }
    #expect(throws: RunCancelled.self) {
      try Repository.open(in: repository.store, passphrase: TestRepository.passphrase, surroundings: surroundings)
    }
    #expect(throws: RunCancelled.self) {
      try Repository.create(
        in: MemoryStore(), options: CreationOptions(passphraseCost: 5), passphrase: TestRepository.passphrase,
        surroundings: surroundings)
    }
    #expect(try repository.repository.archives().count == 1)
  }

  /// What becomes of opening the repository and reading its newest archive when the n-th get meets something.
  ///
  /// - Returns: How many gets there were.
  private func readAll(
    whenGet number: Int, _ meets: @escaping @Sendable () throws(StorageError) -> Void
  ) throws -> Int {
    let gets = Mutex(0)
    let store = RecordingStore(
      repository.store,
      beforeGet: { _ throws(StorageError) in
        let count = gets.withLock { count in
          count += 1
          return count
        }
        if count == number { try meets() }
      })
    let surroundings = RepositorySurroundings(
      clock: repository.clock.clock, random: .system, keyFolder: "/nowhere", workers: 1, cancellation: cancellation)
    let opened = try Repository.open(in: store, passphrase: TestRepository.passphrase, surroundings: surroundings)
    let archive = try #require(try opened.archives().last)
    let items = try opened.reader().items(of: archive, cancellation: cancellation)
    #expect(items.count == 1)
    _ = try opened.statistics()
    return gets.withLock { $0 }
  }

  @Test("A run that is stopped at any read is stopped, and takes no object for damaged")
  func stoppedAtAnyRead() throws {
    for number in 0..<3 { try repository.backUp(["dump": noise(200_000, seed: UInt64(number))]) }
    let count = try readAll(whenGet: 0) { () throws(StorageError) in }
    #expect(count > 6)
    for number in 1...count {
      let fresh = try StoppedRunTests(over: repository)
      #expect(throws: RunCancelled.self, "\(number)") {
        try fresh.readAll(whenGet: number) { [cancellation = fresh.cancellation] () throws(StorageError) in
          cancellation.cancel()
        }
      }
    }
  }

  @Test(
    "A check whose store answers no more, from any call on, says so, and finds nothing because of it",
    arguments: [CheckLevel.objects, .tables, .recipes, .content])
  func unansweredCheck(_ level: CheckLevel) throws {
    for number in 0..<2 { try repository.backUp(["dump": noise(200_000, seed: UInt64(number))]) }
    func check(calls limit: Int) throws -> Int {
      let calls = Mutex(0)
      let store = SteppedStore(
        repository.store,
        before: { _ throws(StorageError) in
          let call = calls.withLock { count in
            count += 1
            return count
          }
          if call > limit { throw SteppedStore.gone }
        })
      #expect(try open(store).check(level, cancellation: cancellation).findings == [])
      return calls.withLock { $0 }
    }
    let count = try check(calls: .max)
    #expect(count > 10)
    for number in 0..<count {
      #expect(throws: StorageError.self, "\(number) of \(count)") { try check(calls: number) }
    }
  }

  @Test("A store that does not answer at any read is told, and no object is passed over because of it")
  func unansweredAtAnyRead() throws {
    for number in 0..<3 { try repository.backUp(["dump": noise(200_000, seed: UInt64(number))]) }
    let count = try readAll(whenGet: 0) { () throws(StorageError) in }
    for number in 1...count {
      #expect(throws: StorageError.self, "\(number)") {
        try readAll(whenGet: number) { () throws(StorageError) in
          throw .failed(nil, location: "memory", StorageFailure(.transient, "get", reason: "cut"))
        }
      }
    }
  }

  @Test("A marker whose renewal lost its answer is renewed under the next name")
  func lostRenewal() throws {
    let failures = Mutex(1)
    let lost = StorageError.failed(nil, location: "memory", StorageFailure(.transient, "put", reason: "cut"))
    let store = RecordingStore(repository.store) { (name) throws(StorageError) in
      let isLost =
        name.path.hasSuffix("-2")
        && failures.withLock { count in
          defer { count -= 1 }
          return count > 0
        }
      if isLost { throw lost }
    }
    let session = try open(store).beginSession(cancellation: cancellation)
    for _ in 0..<2 {
      repository.clock.advance(SessionMarker.refreshInterval + 1)
      session.add(.file("dump", try session.store(MemorySource([1, 2, 3]))))
    }
    #expect(try repository.store.list("sessions").contains { $0.name.path.hasSuffix("-3") })
    #expect(try session.commit(.named("renewed")).draft.name == "renewed")
    // Also the marker whose answer was lost is taken away: nobody waits for a session that has ended.
    #expect(try repository.store.list("sessions").isEmpty)
  }

  @Test("A session whose first marker lost its answer does not begin, and leaves none", arguments: ["-0", "-1"])
  func lostMarker(_ ending: String) throws {
    let lost = StorageError.failed(nil, location: "memory", StorageFailure(.transient, "put", reason: "cut"))
    let store = RecordingStore(repository.store) { (name) throws(StorageError) in
      if name.path.hasPrefix("sessions/"), name.path.hasSuffix(ending) { throw lost }
    }
    #expect(throws: StorageError.self) { try open(store).beginSession(cancellation: cancellation) }
    #expect(try repository.store.list("sessions").isEmpty)
  }

  @Test("Puts whose answers are lost are found done by the next try, and other bytes under the name are a failure")
  func settled() throws {
    let context = repository.repository.context
    let name = try #require(ObjectName("index/x"))
    try context.store.put(name, [1, 2])
    try context.store.put(name, [1, 2])
    #expect(throws: StorageError.occupied(name, location: "memory")) { try context.store.put(name, [1, 3]) }
    #expect(throws: StorageError.exists(name, location: "memory")) { try context.store.putAlone(name, [1, 2]) }
  }
}

@Suite("A check beside a put on a file system without links and exclusive renames")
struct ReservationTests {
  @Test("A name that is only reserved is no damaged pack, and nothing is remembered against it")
  func check() throws {
    let folder = NSTemporaryDirectory() + "coffer-reserved-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let surroundings = RepositorySurroundings(
      clock: .system, random: .system, keyFolder: folder + "-keys", workers: 1)
    _ = try Repository.create(
      in: LocalDirectoryStore(root: folder), options: CreationOptions(packTarget: 1 << 18, passphraseCost: 5),
      passphrase: TestRepository.passphrase, surroundings: surroundings)
    let checks = Mutex<[CheckReport]>([])
    var calls = FileCalls.system
    calls.link = { _, _, _ in
      errno = EPERM
      return -1
    }
    calls.renameToFree = { _, _, _ in
      errno = EINVAL
      return -1
    }
    calls.rename = { number, old, new in
      #expect(throws: Never.self) {
        let other = try Repository.open(
          in: LocalDirectoryStore(root: folder), passphrase: TestRepository.passphrase, surroundings: surroundings)
        let report = try other.check(.content, cancellation: try Cancellation())
        checks.withLock { $0.append(report) }
      }
      return renameat(number, old, number, new)
    }
    let repository = try Repository.open(
      in: LocalDirectoryStore(root: folder, calls: calls), passphrase: TestRepository.passphrase,
      surroundings: surroundings)
    let session = try repository.beginSession(cancellation: try Cancellation())
    let bytes = noise(700_000)
    session.add(.file("dump", try session.store(MemorySource(bytes))))
    let archive = try session.commit(.named("beside"))
    let reports = checks.withLock { $0 }
    // The marker, packs, index objects and the archive.
    #expect(reports.count >= 5)
    // What nobody would miss, and what stays empty while the check waits for it as it does here, is told. Of packs nothing is.
    let told = Set(reports.flatMap(\.findings).map { $0.object.prefix { $0 != "/" } })
    #expect(told.isSubset(of: ["archives", "index", "sessions"]), "\(told)")
    #expect(try LocalDirectoryStore(root: folder).list("quarantine").isEmpty)
    let sink = MemorySink()
    let reader = try repository.reader()
    let item = try #require(try reader.items(of: archive, cancellation: try Cancellation()).first)
    guard case .file(let stream) = item.content else { throw RunCancelled() }
    try reader.read(stream, into: sink, cancellation: try Cancellation())
    #expect(sink.bytes == bytes)
  }
}
