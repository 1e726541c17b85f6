import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("Compaction")
struct CompactionTests {
  @Test("Space of deleted archives comes back, and every byte of the others is there")
  func givesBack() throws {
    let ground = try CompactionGround.aged()
    let before = try ground.size()
    let report = try ground.compact()
    #expect(report.outcome == .done)
    #expect(report.round == 1)
    #expect(report.packs > 0 && report.movedPacks > 0)
    let after = try ground.size()
    #expect(before - after > 150_000, "\(before) \(after)")
    #expect(report.sizeBefore == UInt64(before) && report.sizeAfter == UInt64(after))
    #expect(report.bytesRead > 0 && report.bytesWritten > 0)
    try ground.expectWhole()
    #expect(try ground.open().leftovers().unindexedPacks == 0)
  }

  @Test("All archives deleted, nothing is left but what makes the repository")
  func all() throws {
    let ground = try CompactionGround.aged()
    for name in ground.expected.keys { try ground.delete(name) }
    try ground.compact()
    #expect(try ground.names("packs").isEmpty)
    #expect(try ground.names("index").isEmpty)
    let files = ["dump": dumpLikeBytes(200_000)]
    try ground.backUp(files, "new")
    try ground.expectWhole()
  }

  @Test("A second compaction has nothing to do and changes nothing")
  func second() throws {
    let ground = try CompactionGround.aged()
    try ground.compact()
    let names = try ground.names("")
    let report = try ground.compact()
    #expect(report.outcome == .nothing)
    #expect(report.packs == 0 && report.bytesWritten == 0)
    #expect(try ground.names("") == names)
  }

  @Test("A repository of which everything is needed is left as it is")
  func nothing() throws {
    let ground = try CompactionGround()
    try ground.backUp(["dump": dumpLikeBytes(300_000)], "one")
    let names = try ground.names("")
    #expect(try ground.compact().outcome == .nothing)
    #expect(try ground.names("") == names)
  }

  @Test("A dry run says what would go, and writes nothing")
  func dryRun() throws {
    let ground = try CompactionGround.aged()
    let names = try ground.names("")
    let report = try ground.compact(CompactionOptions(isDryRun: true))
    #expect(report.outcome == .planned)
    #expect(report.packs > 0 && report.packSize > 0)
    #expect(report.bytesWritten == 0)
    #expect(try ground.names("") == names)
  }

  @Test("What is written anew is bounded, and packs that nothing needs go in any case")
  func bounded() throws {
    let ground = try CompactionGround.aged()
    let nothingMoved = try ground.compact(CompactionOptions(repackSize: 0))
    #expect(nothingMoved.movedPacks == 0)
    #expect(nothingMoved.packs > 0)
    try ground.expectWhole()
    let worthIt = try ground.compact(CompactionOptions(isDryRun: true))
    #expect(worthIt.movedPacks > 0)
    let limit = Int(worthIt.movedSize) - 1
    let some = try ground.compact(CompactionOptions(repackSize: limit))
    #expect(some.movedSize <= UInt64(limit))
    #expect(some.movedPacks < worthIt.movedPacks, "\(worthIt) \(some)")
    try ground.expectWhole()
    try ground.compact()
    try ground.expectWhole()
  }

  @Test("Days of edits whose base is not needed any more are kept in full, and the base goes")
  func bases() throws {
    let ground = try CompactionGround()
    var dump = dumpLikeBytes(600_000)
    try ground.backUp(["dump": dump], "base")
    for position in stride(from: 3000, to: dump.count - 100, by: 9000) {
      dump.replaceSubrange(position..<position + 5, with: Array("edit!".utf8))
    }
    try ground.backUp(["dump": dump], "edited")
    let context = try ground.open().context
    let leaning = try IndexLoader(context: context).existingPacks().keys.filter {
      try !PackReader($0, context: context).directory.basePacks.isEmpty
    }
    #expect(!leaning.isEmpty)
    try ground.delete("base")
    let before = try ground.size()
    try ground.compact(CompactionOptions(threshold: 0))
    try ground.expectWhole()
    #expect(try ground.size() < before)
    // Nothing is left that leans on what is not there.
    let after = try ground.open().context
    let standing = try IndexLoader(context: after).existingPacks()
    for pack in standing.keys {
      #expect(try PackReader(pack, context: after).directory.basePacks.allSatisfy { standing[$0] != nil })
    }
  }

  @Test("Year after year: backups, deletions and compactions, and space stays what the archives need")
  func years() throws {
    let ground = try CompactionGround()
    var dump = dumpLikeBytes(300_000)
    var sizes: [Int] = []
    for day in 0..<12 {
      for position in stride(from: 1000 + day * 3000, to: dump.count - 100, by: 30_000) {
        dump.replaceSubrange(position..<position + 6, with: Array("[\(day % 10)]xyz".utf8))
      }
      try ground.backUp(["dump": dump, "noise": noise(80_000, seed: UInt64(day + 1))], "day\(day)")
      if day >= 3 { try ground.delete("day\(day - 3)") }
      try ground.compact()
      try ground.expectWhole("day \(day)")
      sizes.append(try ground.size())
    }
    #expect(sizes[11] < sizes[3] * 2, "\(sizes)")
  }

  @Test("Very many small packs become few, and every byte is there")
  func small() throws {
    let ground = try CompactionGround()
    for number in 0..<40 { try ground.backUp(["file": noise(700, seed: UInt64(number + 1))], "small\(number)") }
    let before = try ground.names("packs").count
    #expect(before >= 80)
    #expect(try ground.compact().outcome == .done)
    #expect(try ground.names("packs").count < 8)
    try ground.expectWhole()
    #expect(try ground.compact().outcome == .nothing)
  }

  @Test("Packs that no index object names, and index objects that name nothing, go with it")
  func orphans() throws {
    let ground = try CompactionGround()
    try ground.backUp(["dump": dumpLikeBytes(200_000)], "kept")
    // A run that was killed before it could say what it has stored.
    let killed = SteppedStore(
      ground.store,
      before: { call throws(StorageError) in
        if case .put(let name) = call, name.path.hasPrefix("index/") { throw SteppedStore.gone }
      })
    #expect(throws: (any Error).self) {
      try ground.backUp(["noise": noise(300_000, seed: 5)], "killed", with: try ground.open(killed))
    }
    #expect(try ground.open().leftovers().unindexedPacks > 0)
    let report = try ground.compact()
    #expect(report.outcome == .done)
    #expect(try ground.open().leftovers().unindexedPacks == 0)
    try ground.expectWhole()
  }

  @Test("A record that cannot be read stops it: nothing is deleted, and the archive is named")
  func unreadableRecord() throws {
    let ground = try CompactionGround.aged()
    let record = try #require(try ground.store.list("archives").first)
    ground.store.tamper(record.name) { $0[$0.count - 5] ^= 1 }
    let names = try ground.names("")
    #expect {
      try ground.compact()
    } throws: { error in
      guard case CompactionError.unreadableArchive(let id, _, _) = error else { return false }
      return id == record.name.lastPart
    }
    #expect(try ground.names("") == names)
    try ground.open().deleteUnreadable(record.name.lastPart)
    #expect(try ground.compact().outcome == .done)
  }

  @Test("What a thief leaves below archives/ is named and can be deleted, or is nobody's and stands in nobody's way")
  func foreignRecords() throws {
    let ground = try CompactionGround.aged()
    let secret = SecretBytes(passphrase: "thief")
    try ground.open().addWriteOnlyKey(passphrase: secret, passphraseCost: 5)
    let thief = try ground.open(passphrase: secret).context
    let unknown = try #require(ObjectName("archives/20270101t000000z-00000000000000aa"))
    let bytes = try thief.envelope.seal(
      Array("{}".utf8), purpose: .archive, context: Array(unknown.path.utf8), random: .system)
    // His key was removed when that was noticed.
    try ground.store.delete(try #require(ObjectName("keys/\(thief.keys.id)")))
    let valid = try #require(try ground.store.list("archives").first).name.lastPart
    let nested = try #require(ObjectName("archives/evil/\(valid)"))
    try ground.store.put(nested, [1, 2, 3])
    try ground.store.put(unknown, bytes)
    #expect {
      try ground.compact()
    } throws: { error in
      guard case CompactionError.unreadableArchive(let id, _, _) = error else { return false }
      return id == unknown.lastPart
    }
    try ground.open().deleteUnreadable(unknown.lastPart)
    #expect(try ground.compact().outcome == .done)
    try ground.expectRestores()
  }

  @Test("A record that becomes unreadable between the plan and the decision stops it, too")
  func unreadableLater() throws {
    let ground = try CompactionGround.aged()
    let record = try #require(try ground.store.list("archives").first).name
    let packs = try ground.names("packs")
    let stopped = SteppedStore(
      ground.store,
      after: { [store = ground.store] call throws(StorageError) in
        if case .put(let name) = call, name.path.contains("-closed-") { store.tamper(record) { $0[60] ^= 1 } }
      })
    #expect(throws: CompactionError.self) { try ground.compact(over: stopped) }
    #expect(Set(try ground.names("packs")).isSuperset(of: packs))
    ground.store.tamper(record) { $0[60] ^= 1 }
    #expect(try ground.compact().outcome == .done)
    try ground.expectWhole()
  }

  @Test("An archive that lacks something stops it with the archive's name, and nothing is deleted")
  func brokenArchive() throws {
    let ground = try CompactionGround.aged()
    let context = try ground.open().context
    let archive = try #require(try ground.open().archives().first)
    let items = try ground.open().reader().items(of: archive, cancellation: try Cancellation())
    guard case .file(let stream) = items[1].content else { throw RunCancelled() }
    var first: ChunkID?
    try ground.open().reader().forEachChunk(of: stream, { first = first ?? $0.id }, unreadable: { _ in })
    let index = try IndexLoader(context: context).load(for: .reading)
    let needed = try #require(first)
    let place = try #require(index.location(of: needed))
    try ground.store.delete(try #require(place.pack.packName))
    let names = try ground.names("")
    #expect {
      try ground.compact()
    } throws: { error in
      guard case CompactionError.brokenArchive(_, let name, _, _) = error else { return false }
      return ground.expected[name] != nil
    }
    #expect(try ground.names("") == names)
  }

  @Test("A damaged pack is given up when all that is needed of it was stored again, and not before")
  func quarantined() throws {
    let ground = try CompactionGround()
    // More than a block, so that the list of items is in another one.
    let files = ["noise": noise(700_000, seed: 3)]
    try ground.backUp(files, "first")
    let pack = try #require(try ground.store.list("packs").max { $0.size < $1.size })
    ground.store.tamper(pack.name) { $0[$0.count / 2] ^= 1 }
    _ = try ground.open().check(.content, cancellation: try Cancellation())
    #expect(try ground.names("quarantine").count == 1)
    // Something in it is nowhere else.
    try ground.compact(CompactionOptions(threshold: 0))
    #expect(try ground.names("packs").contains(pack.name.path))
    try ground.backUp(files, "second")
    #expect(try ground.compact().outcome == .done)
    #expect(try !ground.names("packs").contains(pack.name.path))
    #expect(try ground.names("quarantine").isEmpty)
    try ground.expectWhole()
  }

  @Test("A write-only key cannot compact, and what it puts below gc/ decides nothing")
  func writeOnly() throws {
    let ground = try CompactionGround.aged()
    let secret = SecretBytes(passphrase: "thief")
    try ground.open().addWriteOnlyKey(passphrase: secret, passphraseCost: 5)
    let thief = try ground.open(passphrase: secret)
    #expect(throws: RepositoryError.self) { try thief.compact(cancellation: try Cancellation()) }
    let packs = Set(try IndexLoader(context: thief.context).existingPacks().keys)
    let plan = RoundPlan(round: 1, condemned: packs, index: [])
    let sweep = RoundSweep(round: 1, going: packs, index: [], census: [String]())
    for (kind, payload) in [("plan", plan.encoded()), ("sweep", sweep.encoded())] {
      let name = try #require(ObjectName("gc/1-\(kind)-\(String(repeating: "0", count: 32))"))
      let bytes = try thief.context.envelope.seal(
        payload, purpose: .collection, context: Array(name.path.utf8), random: .system)
      try ground.store.put(name, bytes)
    }
    let report = try ground.compact()
    #expect(report.outcome == .done)
    try ground.expectWhole()
  }

  @Test("Two index objects of one key that contradict each other make nothing that is needed go")
  func falseIndex() throws {
    let ground = try CompactionGround.aged()
    let context = try ground.open().context
    let loader = try IndexLoader(context: context)
    // Each pack is said to hold nothing, and one small pack everything.
    let packs = try loader.objectNames().flatMap { try loader.read($0).packs }
    let smallest = try #require(packs.min { $0.size < $1.size })
    let empty = packs.map {
      IndexedPack(
        digest: $0.digest, kind: $0.kind, size: $0.size, plainSize: $0.plainSize, entries: [], bases: $0.bases)
    }
    let all = IndexedPack(
      digest: smallest.digest, kind: .data, size: smallest.size, plainSize: 1 << 30,
      entries: packs.flatMap(\.entries).map { .init(id: $0.id, length: $0.length, block: 0) }, bases: [])
    var claims: [ObjectName] = []
    for claim in [empty, [all]] {
      let bytes = try context.envelope.seal(
        IndexSegment.encode(claim), purpose: .index, context: [], random: .system)
      let digest = try bytes.withUnsafeBytes { try ContentHasher.hash($0) }
      let name = try #require(IndexSegment.objectName(digest))
      try ground.store.put(name, bytes)
      claims.append(name)
    }
    for _ in 0..<3 { _ = try? ground.compact(CompactionOptions(threshold: 0)) }
    for claim in claims { try ground.store.delete(claim) }
    try ground.expectRestores()
  }

  @Test("Over a far store what is moved is read in long pieces, and each directory once")
  func farStore() throws {
    let ground = try CompactionGround(packTarget: 1 << 22)
    var files: CompactionGround.Files = [:]
    for number in 0..<120 { files["file\(number)"] = noise(60_000, seed: UInt64(number + 1)) }
    try ground.backUp(files, "all")
    try ground.backUp(files.filter { $0.key.last.flatMap { Int(String($0)) }?.isMultiple(of: 2) == true }, "some")
    try ground.delete("all")
    let context = try ground.open().context
    let packs = try IndexLoader(context: context).existingPacks().keys.map { try PackReader($0, context: context) }
    let old = packs.filter { $0.header.kind == .data }
    let blocks = old.reduce(0) { $0 + $1.directory.blocks.count }
    #expect(old.count <= 3 && blocks >= 12)

    let store = WatchedStore(ground.store)
    let far = try Repository.open(
      in: store, passphrase: TestRepository.passphrase,
      surroundings: RepositorySurroundings(
        clock: ground.clock.clock, random: .system, keyFolder: "", isFar: true, workers: 2))
    let report = try far.compact(CompactionOptions(), cancellation: try Cancellation())
    #expect(report.outcome == .done && report.movedPacks >= old.count)
    let gets = store.calls.filter { call in
      call.request == .get && old.contains { $0.name.path.isSame(as: call.name) }
    }
    // A directory takes a pack's head and its end: to know costs, to choose, to move and to decide.
    let opened = gets.count { $0.size == PackHeader.size }
    #expect(opened <= old.count * 4, "\(opened) directories of \(old.count) packs")
    let reads = gets.count - 2 * opened
    #expect(reads <= old.count * 3, "\(reads) requests for \(blocks) blocks")
    try ground.expectWhole()
  }
}
