import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("A repository with a local index cache")
struct IndexCacheTests {
  private let folder = NSTemporaryDirectory() + "coffer-cache-\(UInt64.random(in: 0 ... .max))"

  private func open(_ repository: TestRepository, _ store: RecordingStore? = nil) throws -> Repository {
    try Repository.open(
      in: store ?? RecordingStore(repository.store), passphrase: TestRepository.passphrase,
      surroundings: TestRepository.surroundings(clock: repository.clock, cacheFolder: folder))
  }

  private func indexReads(_ store: RecordingStore) -> Int { store.counts.keys.filter { $0.hasPrefix("index/") }.count }

  private func cleanUp() {
    try? FileManager.default.removeItem(atPath: folder)
  }

  @Test("Index objects are read once on a machine, and what is known stays known")
  func reuse() throws {
    defer { cleanUp() }
    let repository = try TestRepository()
    var data = ["dump": dumpLikeBytes(3_000_000)]
    // By another machine: what this one puts itself it need not read.
    try repository.backUp(data, name: "first", with: try repository.reopened())
    let store = RecordingStore(repository.store)
    let second = try repository.backUp(data, name: "second", with: try open(repository, store))
    #expect(second.statistics.newSize == 0)
    #expect(indexReads(store) > 0)
    let later = RecordingStore(repository.store)
    data["more"] = noise(200_000)
    let third = try repository.backUp(data, name: "third", with: try open(repository, later))
    #expect(indexReads(later) == 0)
    #expect((200_000..<201_000).contains(third.statistics.newSize))
    #expect(try repository.contents(of: third) == data)
    #expect(try open(repository).statistics().uniqueSize == repository.reopened().statistics().uniqueSize)
  }

  @Test("Many small backups leave few files, and every chunk stays known")
  func manyRuns() throws {
    defer { cleanUp() }
    let repository = try TestRepository()
    var data: [String: [UInt8]] = [:]
    for number in 0..<20 {
      data["\(number)"] = noise(30_000, seed: UInt64(number + 1))
      try repository.backUp(data, name: "\(number)", with: try open(repository))
    }
    let last = try repository.backUp(data, name: "last", with: try open(repository))
    #expect(last.statistics.newSize == 0)
    let id = repository.repository.header.id
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(id)").count <= 8)
  }

  @Test("Backups of a small repository leave one file of the index, which knows all that they put")
  func oneFile() throws {
    defer { cleanUp() }
    let repository = try TestRepository()
    let path = "\(folder)/\(repository.repository.header.id)"
    var data: [String: [UInt8]] = [:]
    for number in 0..<4 {
      data["\(number)"] = noise(100_000, seed: UInt64(number + 1))
      let store = RecordingStore(repository.store)
      let archive = try repository.backUp(data, name: "\(number)", with: try open(repository, store))
      #expect(indexReads(store) == 0)
      #expect((100_000..<101_000).contains(archive.statistics.newSize))
      let files = try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".index") }
      #expect(files.count == 1)
    }
    #expect(try open(repository).statistics().uniqueSize == repository.reopened().statistics().uniqueSize)
  }

  @Test("What counts no more stays in a file of its own, and so does what is large")
  func filesOfTheirOwn() throws {
    defer { cleanUp() }
    let cache = IndexCache(folder: CacheFolder(folder), key: testCacheKey, random: .system)
    let signer = KeyID([UInt8](repeating: 7, count: KeyID.size))
    for number in 0..<3 {
      _ = try cache.make(
        of: [pack(UInt8(number), number * 10..<number * 10 + 10)], signer: signer,
        sources: [IndexSource(digest(UInt8(number)), round: number)])
    }
    let written = WrittenRuns(cache, signer: signer)
    written.keep([pack(9, 90..<100)], source: IndexSource(digest(9), round: 2))
    written.finish { $0.round > 0 }
    let sources = Set(cache.entries().map { Set($0.run.sources.map(\.round)) })
    #expect(sources == [[0], [1, 2]])
    #expect(Set(IndexCache.worthOneFile([70_000, 10, 60_000, 9])) == [1, 2, 3])
    #expect(IndexCache.worthOneFile([70_000, 10]).isEmpty)
    #expect(IndexCache.worthOneFile([65_536, 1]).isEmpty)
  }

  @Test("Runs of one session are merged as they come, and each of their chunks and sources stays known")
  func writtenRuns() throws {
    defer { cleanUp() }
    let cache = IndexCache(folder: CacheFolder(folder), key: testCacheKey, random: .system)
    let written = WrittenRuns(cache, signer: KeyID([UInt8](repeating: 7, count: KeyID.size)))
    for number in 0..<200 {
      written.keep(
        [pack(UInt8(number), number * 10..<number * 10 + 10)], source: IndexSource(digest(UInt8(number)), round: 3))
      #expect(cache.entries().count <= 6)
    }
    let runs = cache.entries().map(\.run)
    #expect(Set(runs.flatMap(\.sources)) == Set((0..<200).map { IndexSource(digest(UInt8($0)), round: 3) }))
    let index = ChunkIndex(runs: runs)
    for number in 0..<2000 { #expect(index.location(of: id(number))?.pack == digest(UInt8(number / 10))) }
  }

  @Test("A cache that names a pack which is gone is not believed: the chunk is stored again")
  func staleness() throws {
    defer { cleanUp() }
    let repository = try TestRepository()
    let data = ["dump": dumpLikeBytes(1_000_000)]
    try repository.backUp(data, name: "first", with: try open(repository))
    _ = try open(repository).reader()
    for status in try repository.store.list("packs") { try repository.store.delete(status.name) }
    let again = try repository.backUp(data, name: "again", with: try open(repository))
    #expect(again.statistics.newSize >= 1_000_000)
    #expect(try repository.contents(of: again) == data)
  }

  @Test("Archive records are read once on a machine; deleted ones are gone, and a changed file is not believed")
  func archives() throws {
    defer { cleanUp() }
    let repository = try TestRepository()
    for number in 0..<3 { try repository.backUp(["a": noise(1000)], name: "\(number)") }
    let expected = try repository.reopened().archives()
    #expect(try open(repository).archives() == expected)
    let store = RecordingStore(repository.store)
    #expect(try open(repository, store).archives() == expected)
    #expect(store.counts.keys.filter { $0.hasPrefix("archives/") }.isEmpty)
    let path = "\(folder)/\(repository.repository.header.id)/archives"
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(fileURLWithPath: path))
    #expect(try open(repository).archives() == expected)
    try repository.reopened().delete(expected[1])
    #expect(try open(repository).archives() == [expected[0], expected[2]])
  }

  @Test("Without the cache, or with another machine's, everything is found all the same")
  func removal() throws {
    let repository = try TestRepository()
    let data = ["dump": dumpLikeBytes(1_000_000)]
    let archive = try repository.backUp(data, name: "first", with: try open(repository))
    _ = try open(repository).reader()
    cleanUp()
    #expect(try repository.contents(of: archive) == data)
    #expect(try repository.backUp(data, name: "second", with: try open(repository)).statistics.newSize == 0)
    cleanUp()
  }
}
