import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import Testing

@testable import CofferRepository

@Suite("Readers beside compaction")
struct RoundReaderTests {
  private let repository: TestRepository
  private static let data = ["a": noise(600_000, seed: 31), "b": noise(600_000, seed: 32)]

  init() throws {
    repository = try TestRepository()
  }

  /// Moves everything into new packs, as compaction does, and deletes the old ones.
  private func move(_ round: Int) throws {
    let (packs, index) = (try repository.packs, try repository.indexObjects)
    let census = try repository.repository.archives().map(\.id)
    try repository.plan(round, condemned: packs, index: [])
    let copy = try repository.backUp(Self.data, name: "copy \(round)", with: try repository.reopened())
    #expect(copy.statistics.newSize >= 1_200_000)
    try repository.close(round)
    try repository.sweep(round, going: packs, index: [], census: census)
    for digest in index { try repository.store.delete(IndexSegment.objectName(digest)!) }
    for pack in packs { try repository.store.delete(pack.packName!) }
  }

  private func read(_ item: ArchiveItem, _ reader: ArchiveReader) throws -> [UInt8] {
    guard case .file(let stream) = item.content else { return [] }
    let sink = MemorySink()
    try reader.read(stream, into: sink, cancellation: try Cancellation())
    return sink.bytes
  }

  @Test("A restore whose packs are moved away under it loads the index again, each time (R4)")
  func moved() throws {
    let archive = try repository.backUp(Self.data, name: "first")
    let reader = try repository.reopened().reader()
    try move(1)
    let items = try reader.items(of: archive, cancellation: try Cancellation())
    #expect(items.map(\.path.text) == ["a", "b"])
    #expect(try read(items[0], reader) == Self.data["a"])
    try move(2)
    #expect(try read(items[1], reader) == Self.data["b"])
    try move(3)
    #expect(try repository.contents(of: archive) == Self.data)
  }

  @Test("A pack that is gone for good fails the restore after one more look, and does not make it look for ever")
  func lost() throws {
    let archive = try repository.backUp(Self.data, name: "first")
    let store = ObservedStore(repository.store)
    let reader = try repository.opened(in: store).reader()
    for pack in try repository.packs { try repository.store.delete(pack.packName!) }
    #expect(throws: StorageError.self) { try reader.items(of: archive, cancellation: try Cancellation()) }
    #expect(throws: RepositoryError.self) { try reader.items(of: archive, cancellation: try Cancellation()) }
    #expect(store.calls.filter { $0 == "list packs" }.count <= 3)
  }

  @Test("A store that lists what it does not give is not asked again for it")
  func contradictory() throws {
    let archive = try repository.backUp(Self.data, name: "first")
    let isGone = Mutex(false)
    let store = RecordingStore(
      repository.store,
      beforeGet: { (name) throws(StorageError) in
        guard name.path.hasPrefix("packs/"), isGone.withLock({ $0 }) else { return }
        throw .missing(name, location: "memory")
      })
    let reader = try repository.opened(in: store).reader()
    let items = try reader.items(of: archive, cancellation: try Cancellation())
    isGone.withLock { $0 = true }
    for _ in 0..<3 { #expect(throws: StorageError.self) { try read(items[0], reader) } }
    // Each object is read once, in the one look that followed.
    #expect(store.counts.filter { $0.key.hasPrefix("index/") }.values.max() ?? 0 <= 2)
    isGone.withLock { $0 = false }
    #expect(try read(items[0], reader) == Self.data["a"])
  }

  @Test("Archives are listed first and the rounds looked at afterwards (R2)")
  func order() throws {
    try repository.backUp(["a": [1]])
    let store = ObservedStore(repository.store)
    let opened = try repository.opened(in: store)
    _ = try opened.archives()
    let calls = store.calls
    let archives = try #require(calls.lastIndex { $0.hasPrefix("list archives") })
    let rounds = try #require(calls.firstIndex(of: "list gc"))
    #expect(archives < rounds)
  }

  @Test("A void archive counts for nothing: not in what there is, nor is it checked; an undecided one is (R1)")
  func void() throws {
    let first = try repository.backUp(["a": Self.data["a"]!], name: "first")
    try repository.plan(1)
    try repository.close(1)
    let undecided = try repository.reopened()
    #expect(try undecided.archives().map(\.standing) == [.undecided])
    #expect(try undecided.statistics().archiveCount == 1)
    for pack in try repository.packs { try repository.store.delete(pack.packName!) }
    let cancellation = try Cancellation()
    #expect(try !undecided.check(.recipes, cancellation: cancellation).findings.isEmpty)
    try repository.sweep(1, census: [])
    let opened = try repository.reopened()
    #expect(try opened.archives().map(\.standing) == [.void])
    let statistics = try opened.statistics()
    #expect(statistics.archiveCount == 0 && statistics.voidArchives == 1 && statistics.totalSize == 0)
    #expect(statistics.lastModified == nil)
    let report = try opened.check(.recipes, cancellation: cancellation)
    #expect(!report.findings.contains { $0.object.contains("first") })
    try opened.delete(first)
    #expect(try opened.archives().isEmpty)
  }

  @Test("What this machine has cached of archives keeps their rounds")
  func cached() throws {
    let folder = NSTemporaryDirectory() + "coffer-rounds-\(UInt64.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try repository.plan(1)
    try repository.backUp(["a": [1]], with: try repository.reopened())
    for _ in 0..<2 {
      let opened = try repository.opened(in: repository.store, cacheFolder: folder)
      #expect(try opened.archives().map(\.round) == [1])
    }
    try repository.close(1)
    try repository.sweep(1, census: [])
    #expect(
      try repository.opened(in: repository.store, cacheFolder: folder).archives().map(\.standing) == [.counts])
  }
}
