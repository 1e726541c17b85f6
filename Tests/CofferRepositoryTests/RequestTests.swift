import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferRepository

@Suite("What is asked of a store")
struct RequestTests {
  private let folder = NSTemporaryDirectory() + "coffer-requests-\(UInt64.random(in: 0 ... .max))"
  private let repository: TestRepository
  private let files = ["dump": dumpLikeBytes(2_000_000), "other": noise(300_000)]

  init() throws {
    repository = try TestRepository()
  }

  private func cleanUp() {
    try? FileManager.default.removeItem(atPath: folder)
  }

  private func open(_ store: any ObjectStore, isFar: Bool = true) throws -> Repository {
    try Repository.open(
      in: store, passphrase: TestRepository.passphrase,
      surroundings: RepositorySurroundings(
        clock: repository.clock.clock, random: .system, keyFolder: "", cacheFolder: folder, isFar: isFar,
        baseCacheSize: 1 << 30, workers: 2))
  }

  /// Opens the repository, and backs up as `create` does.
  @discardableResult
  private func create(
    _ name: String, in store: any ObjectStore, isFar: Bool = true, _ files: [String: [UInt8]]? = nil
  ) throws -> Archive {
    let session = try open(store, isFar: isFar).beginSession(
      options: SessionOptions(hostname: "host", archiveName: name), cancellation: try Cancellation())
    for (path, bytes) in (files ?? self.files).sorted(by: { $0.key < $1.key }) {
      var item = ArchiveItem.file(path, try session.store(MemorySource(bytes), at: ItemPath(path)))
      // As of dumps: no list of files is like an earlier one.
      item.modified = Int64(repository.clock.clock.now().timeIntervalSince1970)
      session.add(item)
    }
    repository.clock.advance(1)
    return try session.commit(.named(name))
  }

  @Test(
    "A backup of nothing new asks 21 things of its store, one of them the list of packs, however many archives there are",
    arguments: [true, false])
  func nothingNew(isFar: Bool) throws {
    defer { cleanUp() }
    for number in 0..<12 { try create("archive \(number)", in: repository.store, isFar: isFar) }
    let store = WatchedStore(repository.store)
    let archive = try create("last", in: store, isFar: isFar)
    #expect(archive.statistics.newSize < 2_000)
    let calls = store.calls
    // Two packs: the archive's list of files, and the recipe of that.
    let kinds = Dictionary(grouping: calls, by: \.request).mapValues(\.count)
    #expect(kinds == [.get: 2, .list: 11, .put: 6, .delete: 2], "\(calls)")
    #expect(calls.count(where: { $0.request != .list || $0.name != "packs" }) == 20)
    #expect(try repository.contents(of: archive) == files)
  }

  @Test("After a compaction a backup reads what was decided once, also where it looks twice")
  func decisions() throws {
    defer { cleanUp() }
    let first = try create("first", in: repository.store)
    try repository.plan(1)
    try repository.close(1)
    try repository.sweep(1, census: [first.id])
    try create("second", in: repository.store)
    let store = WatchedStore(repository.store)
    try create("third", in: store)
    let reads = store.calls.filter { $0.name.hasPrefix("gc/") }
    #expect(reads.map(\.request) == [.get, .get, .get], "\(reads)")
    #expect(store.calls.count(where: { $0.name == "gc" }) == 2)
  }

  @Test("Records of other machines' archives are read once each, with one request")
  func otherArchives() throws {
    defer { cleanUp() }
    try create("own", in: repository.store)
    for number in 0..<5 { try repository.backUp(files, name: "other \(number)") }
    let store = WatchedStore(repository.store)
    try create("next", in: store)
    let reads = store.calls.filter { $0.name.hasPrefix("archives/") && $0.request != .put }
    #expect(reads.map(\.request) == Array(repeating: .get, count: 5), "\(reads)")
    #expect(Set(reads.map(\.name)).count == 5)
  }

  @Test("A name that is taken ends a backup before anything of it is stored, and leaves no session")
  func takenName() throws {
    defer { cleanUp() }
    try create("archive", in: repository.store)
    let before = try repository.store.list("", cancellation: nil).map(\.name)
    let taken = RepositoryError.archiveExists("archive", location: "memory")
    #expect(throws: taken) { try create("archive", in: repository.store) }
    #expect(try repository.store.list("", cancellation: nil).map(\.name) == before)
  }

  @Test("An archive of the same name that was made meanwhile is told of by the one that comes second")
  func twins() throws {
    defer { cleanUp() }
    func begin() throws -> BackupSession {
      try open(repository.store).beginSession(
        options: SessionOptions(hostname: "host", archiveName: "twin"), cancellation: try Cancellation())
    }
    let sessions = [try begin(), try begin()]
    let archives = try sessions.map { try $0.commit(.named("twin")) }
    #expect(sessions.map { $0.twins.map(\.id) } == [[], [archives[0].id]])
    #expect(archives.allSatisfy { $0.received != nil })
  }

  @Test("A name that only an undecided archive has can be taken again, for that may be void yet, and both are told of")
  func undecidedTwin() throws {
    defer { cleanUp() }
    let first = try repository.backUp(["file": [1]], name: "twin")
    try repository.plan(1)
    try repository.close(1)
    let session = try open(repository.store).beginSession(
      options: SessionOptions(archiveName: "twin"), cancellation: try Cancellation())
    _ = try session.commit(.named("twin"))
    #expect(session.twins.map(\.id) == [first.id])
    #expect(session.twins.map(\.standing) == [.undecided])
  }
}
