import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("Index runs and their cache")
struct IndexRunTests {
  private let folder = NSTemporaryDirectory() + "coffer-runs-\(UInt64.random(in: 0 ... .max))"
  private let signer = KeyID([UInt8](repeating: 7, count: KeyID.size))

  private var cache: IndexCache { IndexCache(folder: CacheFolder(folder), key: testCacheKey, random: .system) }

  private func cleanUp() {
    try? FileManager.default.removeItem(atPath: folder)
  }

  private var files: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] }

  @Test("Every chunk is found where it is, no other is, and all tables come back from the file")
  func lookup() throws {
    defer { cleanUp() }
    let packs = [pack(1, 0..<4000), pack(2, 4000..<4001), pack(3, 4001..<9995)]
    let made = try #require(
      try cache.make(of: packs, signer: signer, sources: [IndexSource(digest(8)), IndexSource(digest(9), round: 3)]))
    #expect(made.name != nil)
    let entries = cache.entries()
    #expect(entries.count == 1)
    let run = entries[0].run
    #expect(run.signer == signer && run.sources == [IndexSource(digest(8)), IndexSource(digest(9), round: 3)])
    for number in stride(from: 0, to: 9995, by: 11) {
      let found = try #require(run.number(of: id(number)))
      let (byte, first) = number < 4000 ? (1, 0) : number < 4001 ? (2, 4000) : (3, 4001)
      #expect(run.location(ofNumber: found) == BlockPlace(pack: digest(UInt8(byte)), block: (number - first) / 10))
      #expect(found == number)
    }
    for number in 20_000..<30_000 { #expect(run.number(of: id(number)) == nil) }
    for (number, pack) in packs.enumerated() {
      #expect(run.pack(number) == .init(digest: pack.digest, kind: .data, size: 1000, plainSize: 5000))
    }
  }

  @Test("Of a chunk that two packs hold, the first counts; an empty run finds nothing")
  func edges() throws {
    let cache = IndexCache.inMemory()
    let twice = try #require(
      try cache.make(of: [pack(1, 0..<10), pack(2, 5..<15)], signer: signer, sources: []))
    #expect(twice.run.number(of: id(7)) == 7)
    #expect(twice.run.location(ofNumber: 14).pack == digest(2))
    let empty = try #require(try cache.make(of: [], signer: signer, sources: [IndexSource(digest(1))]))
    #expect(empty.run.number(of: id(1)) == nil)
    #expect(empty.run.sources == [IndexSource(digest(1))])
  }

  @Test("A stream that follows what is stored, leaves it and comes back, is told rightly at every chunk")
  func cursor() throws {
    let cache = IndexCache.inMemory()
    let made = try #require(
      try cache.make(of: [pack(1, 0..<500), pack(2, 500..<900)], signer: signer, sources: []))
    let index = ChunkIndex(runs: [made.run])
    var order = Array(0..<100) + Array(2000..<2010) + Array(100..<200)
    order += Array(600..<900) + [3000] + Array(5..<50)
    for number in order {
      #expect(index.claim(id(number)).isNew == (number >= 900))
    }
    #expect(!index.claim(id(2005)).isNew)
  }

  @Test("Merged runs hold what each of them held, and a pack that both have once")
  func merging() throws {
    defer { cleanUp() }
    let first = try #require(
      try cache.make(of: [pack(1, 0..<95), pack(2, 95..<300)], signer: signer, sources: [IndexSource(digest(8))]))
    let second = try #require(
      try cache.make(of: [pack(2, 95..<300), pack(3, 300..<444)], signer: signer, sources: [IndexSource(digest(9))]))
    let merged = try #require(try cache.merge([first.run, second.run])).run
    #expect(merged.layout.packCount == 3 && merged.layout.chunkCount == 444)
    #expect(merged.sources == [IndexSource(digest(8)), IndexSource(digest(9))])
    for number in 0..<444 {
      let found = try #require(merged.number(of: id(number)))
      let (byte, start) = number < 95 ? (1, 0) : number < 300 ? (2, 95) : (3, 300)
      #expect(
        merged.location(ofNumber: found) == BlockPlace(pack: digest(UInt8(byte)), block: (number - start) / 10))
    }
  }

  @Test("Of an id with many places the table names eight, and all others are found by going through the run")
  func manyPlaces() throws {
    defer { cleanUp() }
    let copies = [pack(1, 0..<40)] + (0..<30).map { pack(UInt8($0 + 50), 7..<9) } + [pack(2, 40..<60)]
    let made = try #require(try cache.make(of: copies, signer: signer, sources: []))
    for run in [made.run, try #require(cache.entries().first).run] {
      for number in [7, 8] {
        let numbers = run.numbers(of: id(number)) + run.unlistedNumbers(of: id(number))
        #expect(run.numbers(of: id(number)).count == IndexProbe.copyLimit)
        #expect(Set(numbers).count == numbers.count)
        let places = numbers.map { run.location(ofNumber: $0).pack }
        #expect(Set(places) == Set([digest(1)] + (0..<30).map { digest(UInt8($0 + 50)) }))
      }
      for number in [0, 6, 9, 39, 40, 59, 60] { #expect(run.unlistedNumbers(of: id(number)).isEmpty) }
    }
    let index = ChunkIndex(runs: [made.run])
    #expect(try index.copies(of: id(7)).count + index.furtherCopies(of: id(7)).count == 31)
  }

  @Test("Small runs are merged together, a large one only with what is nearly as large")
  func choosing() {
    #expect(IndexCache.worthMerging([5, 5, 5, 5, 5, 5]).isEmpty)
    #expect(Set(IndexCache.worthMerging([1_000_000, 10, 12, 9, 20, 30, 11])) == [1, 2, 3, 4, 5, 6])
    #expect(IndexCache.worthMerging((0..<40).map { 1 << $0 }).count > 30)
  }

  @Test("A file that was cut short or changed in what leads to blocks is no run, and is removed")
  func damage() throws {
    defer { cleanUp() }
    let packs = [pack(1, 0..<300)]
    let size = try #require(IndexRunLayout(sourceCount: 1, packCount: 1, blockCount: 30, chunkCount: 300)).filter
    for offset in [0, 9, 33, 50, 70, 130, 200, 260, size - 1] {
      let made = try #require(try cache.make(of: packs, signer: signer, sources: [IndexSource(digest(8))]))
      let path = "\(folder)/\(try #require(made.name))"
      var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      bytes[offset] ^= 1
      try bytes.write(to: URL(fileURLWithPath: path))
      #expect(cache.entries().isEmpty, "\(offset)")
      #expect(files.isEmpty)
    }
    let made = try #require(try cache.make(of: packs, signer: signer, sources: []))
    truncate("\(folder)/\(try #require(made.name))", 500)
    #expect(cache.entries().isEmpty && files.isEmpty)
  }

  @Test("A folder that cannot be written to, or a disk without room, costs memory and nothing else")
  func unwritable() throws {
    let cache = IndexCache(folder: CacheFolder("/proc/nowhere"), key: testCacheKey, random: .system)
    let made = try #require(try cache.make(of: [pack(1, 0..<300)], signer: signer, sources: []))
    #expect(made.name == nil)
    #expect(made.run.number(of: id(299)) == 299)
  }
}
