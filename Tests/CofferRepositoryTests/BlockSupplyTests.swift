import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Reading from a store that is far away", .timeLimit(.minutes(5)))
struct BlockSupplyTests {
  private func open(_ repository: TestRepository, _ store: any ObjectStore) throws -> Repository {
    try Repository.open(
      in: store, passphrase: TestRepository.passphrase,
      surroundings: RepositorySurroundings(
        clock: repository.clock.clock, random: .system, keyFolder: "", isFar: true, workers: 2))
  }

  /// - Returns: The content of the archive's only file.
  private func read(_ archive: Archive, _ repository: Repository) throws -> [UInt8] {
    let (reader, cancellation) = (try repository.reader(), try Cancellation())
    let item = try #require(try reader.items(of: archive, cancellation: cancellation).first)
    guard case .file(let stream) = item.content else { return [] }
    let sink = MemorySink()
    try reader.read(stream, into: sink, cancellation: cancellation)
    return sink.bytes
  }

  private func blocks(_ lengths: [Int]) -> [PackDirectory.Block] {
    var directory = PackDirectory()
    for length in lengths {
      directory.append(storedLength: length, plainLength: length, coding: .stored, prefix: [], chunks: [])
    }
    return directory.blocks
  }

  @Test("Neighbours are read together with gaps of up to a mebibyte, and no more than two at once")
  func stretches() {
    let mebibyte = 1 << 20
    let even = blocks(Array(repeating: mebibyte / 4, count: 40))
    let start = PackHeader.size
    func bytes(_ numbers: [Int]) -> [Range<Int>] {
      BlockSupply.stretches(numbers, even).map {
        ($0.bytes.lowerBound - start) * 4 / mebibyte..<($0.bytes.upperBound - start) * 4 / mebibyte
      }
    }
    #expect(bytes([]) == [])
    #expect(bytes([3]) == [3..<4])
    #expect(bytes([3, 8]) == [3..<9])
    #expect(bytes([3, 9]) == [3..<4, 9..<10])
    #expect(bytes(Array(0..<20)) == [0..<8, 8..<16, 16..<20])
    #expect(BlockSupply.stretches([3, 5], even).map(\.blocks) == [3...5])
    #expect(BlockSupply.stretches([0], blocks([20 * mebibyte])).count == 1)
  }

  @Test("A restore reads each pack with few requests, and at least four of them at the same time")
  func requests() throws {
    let repository = try TestRepository(packTarget: 1 << 20)
    let file = noise(6_000_000)
    let archive = try repository.backUp(["noise": file])
    let packs = try repository.store.list("packs", cancellation: nil).map(\.size)
    let store = WatchedStore(repository.store) { call, store in
      guard call.request == .get, call.size > 1 << 19 else { return }
      store.wait { $0.count { $0.request == .get && $0.size > 1 << 19 } >= 4 }
    }
    #expect(try read(archive, open(repository, store)) == file)
    let gets = store.calls.filter { $0.request == .get && $0.name.hasPrefix("packs/") }
    let large = gets.filter { $0.size > 1 << 19 }
    #expect(large.count == packs.count { $0 > 1 << 19 }, "\(packs)")
    #expect(large.map(\.inFlight).max() ?? 0 >= 4)
    // Of each pack its directory and header; of the small ones, which hold lists and recipes, a block or two.
    #expect(gets.count <= packs.count * 3 + 4, "\(gets.map(\.size))")
  }

  @Test("Packs are opened while the blocks of others before them are still on their way")
  func opensAhead() throws {
    let repository = try TestRepository(packTarget: 1 << 20)
    _ = try repository.backUp(["noise": noise(12_000_000)])
    let packs = try repository.store.list("packs", cancellation: nil).filter { $0.size > 1 << 20 }.map(\.name)
    let store = WatchedStore(repository.store) { call, store in
      guard call.request == .get, call.size > 1 << 18, let number = packs.firstIndex(where: { $0.path == call.name })
      else { return }
      let later = packs[min(number + 1 + BlocksAhead.openingLimit, packs.count - 1)].path
      store.wait { $0.contains { $0.name == later } }
    }
    let context = try open(repository, store).context
    let cache = ReadCache(blockCount: ReadCache.restoreCount)
    // Two blocks of each pack are a batch, and more than one batch is more than enough.
    let supply = try BlockSupply(context, limit: 1_500_000)
    var ahead = BlocksAhead(context, cache, supply, batchLimit: 300_000)
    var handed: [BlockPlace] = []
    func take(_: RecipeReader.Entry, _ place: BlockPlace) throws {
      handed.append(place)
      #expect(try supply.take(place) != nil)
    }
    var all: [BlockPlace] = []
    for name in packs {
      let digest = try #require(PackFolder.digest(of: name))
      let directory = try PackReader(digest, context: repository.repository.context).directory
      for block in 0..<2 {
        all.append(BlockPlace(pack: digest, block: block))
        let first = directory.chunks[directory.blocks[block].chunks.lowerBound]
        try ahead.append(RecipeReader.Entry(id: first.id, size: UInt64(first.length)), in: all[all.count - 1], take)
      }
    }
    try ahead.drain(take)
    #expect(handed == all && packs.count >= 7)
  }

  @Test("Packs that would be gone from the cache before they are needed are not opened ahead: each is opened once")
  func opensNoneInVain() throws {
    let repository = try TestRepository(packTarget: 1 << 20)
    _ = try repository.backUp(["noise": RandomSource.system.bytes(12_000_000)])
    let packs = try repository.store.list("packs", cancellation: nil).filter { $0.size > 1 << 20 }.map(\.name)
    try #require(packs.count >= 7)
    let store = WatchedStore(repository.store)
    let context = try open(repository, store).context
    let cache = ReadCache(blockCount: ReadCache.restoreCount, packCount: 2)
    let supply = try BlockSupply(context)
    // Three packs are a batch, and nothing is handed out before the end.
    var ahead = BlocksAhead(context, cache, supply, batchLimit: 500_000)
    var handed = 0
    func take(_: RecipeReader.Entry, _ place: BlockPlace) throws {
      handed += 1
      #expect(try supply.take(place) != nil)
    }
    for name in packs {
      let digest = try #require(PackFolder.digest(of: name))
      let chunk = try PackReader(digest, context: repository.repository.context).directory.chunks[0]
      let entry = RecipeReader.Entry(id: chunk.id, size: UInt64(chunk.length))
      try ahead.append(entry, in: BlockPlace(pack: digest, block: 0), take)
    }
    try ahead.drain(take)
    #expect(handed == packs.count)
    for name in packs {
      #expect(store.calls.count { $0.request == .get && $0.name == name.path && $0.size == PackHeader.size } == 1)
    }
  }

  @Test("A batch from many packs has those before it asked for one after the other, as there is room")
  func oneByOne() throws {
    let repository = try TestRepository(packTarget: 2 << 20)
    _ = try repository.backUp(["noise": noise(24_000_000)])
    let readers = try repository.store.list("packs", cancellation: nil).compactMap { PackFolder.digest(of: $0.name) }
      .map { try PackReader($0, context: repository.repository.context) }
      .filter { $0.directory.blocks.count >= 3 && $0.size > 1 << 20 }
    try #require(readers.count >= 7)
    let context = try open(repository, repository.store).context
    let cache = ReadCache(blockCount: ReadCache.restoreCount, packCount: 6)
    let supply = try BlockSupply(context, limit: 2_000_000)
    // Three blocks of packs that are not open are a batch.
    var ahead = BlocksAhead(context, cache, supply, batchLimit: 500_000)
    var handed: [BlockPlace] = []
    var most = 0
    func take(_: RecipeReader.Entry, _ place: BlockPlace) throws {
      handed.append(place)
      most = max(most, supply.size)
      #expect(try supply.take(place) != nil)
    }
    var wanted: [(PackReader, Int)] = readers[..<4].flatMap { reader in (0..<3).map { (reader, $0) } }
    wanted += readers[4..<7].map { ($0, 0) }
    for (reader, block) in wanted {
      let chunk = reader.directory.chunks[reader.directory.blocks[block].chunks.lowerBound]
      try ahead.append(
        RecipeReader.Entry(id: chunk.id, size: UInt64(chunk.length)), in: BlockPlace(pack: reader.digest, block: block),
        take)
    }
    // One batch more than the limit.
    #expect(most > 0 && most <= 2_000_000 + 3 * 600_000, "\(most)")
    try ahead.drain(take)
    #expect(handed == wanted.map { BlockPlace(pack: $0.0.digest, block: $0.1) })
  }

  @Test("Small files that were told of are read with few requests, at least four of them at the same time")
  func smallFiles() throws {
    let repository = try TestRepository(packTarget: 1 << 20)
    let files = Dictionary(uniqueKeysWithValues: (0..<30).map { ("\($0)", noise(300_000, seed: UInt64($0 + 1))) })
    let archive = try repository.backUp(files)
    let packs = try repository.store.list("packs", cancellation: nil).count
    let store = WatchedStore(repository.store) { call, store in
      guard call.request == .get, call.size > 1 << 19 else { return }
      store.wait { $0.count { $0.request == .get && $0.size > 1 << 19 } >= 4 }
    }
    let (reader, cancellation) = (try open(repository, store).reader(), try Cancellation())
    let items = try reader.items(of: archive, cancellation: cancellation)
    var found: [String: [UInt8]] = [:]
    var expected = 0
    for (number, item) in items.enumerated() {
      if number >= expected { expected = number + (try reader.expect(items[number...])) }
      guard case .file(let stream) = item.content else { continue }
      let sink = MemorySink()
      try reader.read(stream, into: sink, cancellation: cancellation)
      found[item.path.text] = sink.bytes
    }
    #expect(found == files)
    let gets = store.calls.filter { $0.request == .get && $0.name.hasPrefix("packs/") }
    #expect(gets.map(\.inFlight).max() ?? 0 >= 4)
    #expect(gets.count <= packs * 3 + 6, "\(gets.map(\.size))")
  }

  @Test("What is told of and damaged, or gone, keeps no other small file from being read")
  func damagedSmallFiles() throws {
    let repository = try TestRepository(packTarget: 1 << 20)
    let files = Dictionary(uniqueKeysWithValues: (0..<20).map { ("\($0)", noise(300_000, seed: UInt64($0 + 1))) })
    let archive = try repository.backUp(files)
    // Read before the damage: the list lies in one of the packs.
    let cancellation = try Cancellation()
    let items = try repository.reopened().reader().items(of: archive, cancellation: cancellation)
    let large = try repository.store.list("packs", cancellation: nil).filter { $0.size > 1 << 19 }
    repository.store.tamper(large[0].name) { $0[$0.count / 2] ^= 1 }
    try repository.store.delete(large[1].name)
    let reader = try open(repository, repository.store).reader()
    #expect(try reader.expect(items[...]) == items.count)
    var whole = 0
    for item in items {
      guard case .file(let stream) = item.content else { continue }
      let sink = MemorySink()
      do {
        try reader.read(stream, into: sink, cancellation: cancellation)
        #expect(sink.bytes == files[item.path.text])
        whole += 1
      } catch is RepositoryError {}
    }
    #expect((8..<20).contains(whole))
  }

  @Test("Nodes of a recipe that are not going to be entered are not asked for ahead")
  func passedNodes() throws {
    let repository = try TestRepository(random: .seeded(3))
    var file = dumpLikeBytes(6_000_000)
    try repository.backUp(["dump": file], name: "0")
    let before = Set(try repository.store.list("packs", cancellation: nil).map(\.name.path))
    file.replaceSubrange(3_000_000..<3_000_006, with: Array("edited".utf8))
    // No archive is asked what the edit replaces: nothing is a difference.
    let archive = try repository.backUp(
      ["dump": file], name: "1", with: try repository.reopened(), hostname: nil)
    let item = try #require(
      try repository.reopened().reader().items(of: archive, cancellation: try Cancellation()).first)
    let stream = try #require(item.content.stream)
    #expect(stream.depth > 0)
    for isExpected in [true, false] {
      let store = WatchedStore(repository.store)
      let context = try open(repository, store).context
      let loader = try IndexLoader(context: context)
      let catalogue = try PackCatalogue(
        context, names: try loader.objectNames(), standing: try loader.existingPacks())
      let reader = try StreamReader(context: context, index: RenewedIndex(fixed: ChunkIndex(runs: catalogue.runs)))
      store.forget()
      try reader.forEachChunk(
        of: stream, entersNode: { isExpected || $0 == stream.root }, expects: { _ in isExpected }, { _ in })
      #expect(store.calls.contains { before.contains($0.name) } == isExpected, "\(store.calls)")
      #expect(store.calls.contains { $0.name.hasPrefix("packs/") && !before.contains($0.name) })
    }
  }

  @Test("Days of changes, with what they lean on, come back from afar as from nearby")
  func days() throws {
    let repository = try TestRepository()
    var file = dumpLikeBytes(3_000_000)
    var archives: [(Archive, [UInt8])] = []
    for day in 0..<4 {
      for place in stride(from: 10_000 + day * 700, to: file.count - 100, by: 60_000) {
        for offset in 0..<20 { file[place + offset] = UInt8(ascii: "a") + UInt8(day) }
      }
      archives.append((try repository.backUp(["dump": file], name: "\(day)"), file))
    }
    let opened = try open(repository, repository.store)
    for (archive, file) in archives { #expect(try read(archive, opened) == file) }
    let report = try opened.check(.content, cancellation: try Cancellation())
    #expect(report.findings.isEmpty, "\(report.findings)")
  }

  @Test("A damaged pack is told of as one nearby, and a store that does not answer ends the restore")
  func failures() throws {
    let repository = try TestRepository(packTarget: 1 << 20)
    let archive = try repository.backUp(["noise": noise(4_000_000)])
    let largest = try #require(
      try repository.store.list("packs", cancellation: nil).max { $0.size < $1.size }?.name)
    let store = RecordingStore(
      repository.store,
      beforeGet: { name throws(StorageError) in
        guard name.path.hasPrefix("packs/") else { return }
        throw .failed(name, location: "memory", StorageFailure(.transient, "get", reason: "connection reset"))
      })
    let unreachable = try open(repository, store)
    let error = #expect(throws: StorageError.self) { try read(archive, unreachable) }
    #expect(error?.kind == .transient)
    repository.store.tamper(largest) { $0[$0.count / 2] ^= 1 }
    let damaged = #expect(throws: RepositoryError.self) { try read(archive, open(repository, repository.store)) }
    guard case .damaged(let object, _, _) = damaged else {
      Issue.record("\(damaged as Any)")
      return
    }
    #expect(object == largest.path)
    let report = try open(repository, repository.store).check(.content, cancellation: try Cancellation())
    #expect(!report.findings.isEmpty)
  }
}
