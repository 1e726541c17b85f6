import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Damaged packs")
struct QuarantineTests {
  private static let data = ["dump": noise(900_000, seed: 5), "other": dumpLikeBytes(300_000)]

  private func dataPacks(_ repository: TestRepository) throws -> [ObjectStatus] {
    try repository.store.list("packs").sorted { $0.size > $1.size }
  }

  private func quarantined(_ repository: TestRepository) throws -> Set<String> {
    Set(try repository.store.list("quarantine").map(\.name.lastPart))
  }

  @Test("A pack that was cut short is not leaned on: the next backup stores it again, and old archives read the copy")
  func cutShort() throws {
    let repository = try TestRepository()
    let first = try repository.backUp(Self.data, name: "first")
    let pack = try dataPacks(repository)[0]
    repository.store.tamper(pack.name) { $0.removeLast(1000) }
    let second = try repository.backUp(Self.data, name: "second", with: try repository.reopened())
    #expect(second.statistics.newSize > 100_000)
    #expect(try quarantined(repository) == [pack.name.lastPart])
    #expect(try repository.contents(of: second) == Self.data)
    #expect(try repository.contents(of: first) == Self.data)
    let third = try repository.backUp(Self.data, name: "third", with: try repository.reopened())
    #expect(third.statistics.newSize == 0)
  }

  @Test("What a check found damaged is stored again, and damage that no archive suffers from is a remark")
  func checked() throws {
    let repository = try TestRepository()
    let first = try repository.backUp(Self.data, name: "first")
    let pack = try dataPacks(repository)[0]
    repository.store.tamper(pack.name) { $0[$0.count / 2] ^= 1 }
    let cancellation = try Cancellation()
    let report = try repository.reopened().check(.recipes, cancellation: cancellation)
    #expect(report.findings.contains { $0.object == pack.name.path })
    #expect(report.findings.contains { $0.object.hasPrefix("archive first") })
    #expect(try quarantined(repository) == [pack.name.lastPart])
    let second = try repository.backUp(Self.data, name: "second", with: try repository.reopened())
    #expect(second.statistics.newSize > 100_000)
    for level in [CheckLevel.recipes, .content] {
      let after = try repository.reopened().check(level, cancellation: cancellation)
      #expect(after.findings == [])
      #expect(after.remarks.contains { $0.object == pack.name.path })
    }
    #expect(try repository.contents(of: first) == Self.data)
    repository.store.tamper(pack.name) { $0[$0.count / 2] ^= 1 }
    #expect(try repository.reopened().check(.content, cancellation: cancellation).remarks.isEmpty)
    #expect(try quarantined(repository).isEmpty)
  }

  @Test("A run that is to change nothing remembers no damage in the repository, and takes nothing back")
  func dryRun() throws {
    let repository = try TestRepository()
    let archive = try repository.backUp(Self.data, name: "first")
    let pack = try dataPacks(repository)[0]
    let cancellation = try Cancellation()
    func dry() throws -> Repository {
      try Repository.open(
        in: repository.store, passphrase: TestRepository.passphrase,
        surroundings: RepositorySurroundings(
          clock: repository.clock.clock, random: .system, keyFolder: "", workers: 2, changesNothing: true))
    }
    repository.store.tamper(pack.name) { $0[$0.count / 2] ^= 1 }
    #expect(try !dry().check(.content, cancellation: cancellation).findings.isEmpty)
    let reader = try dry().reader()
    for item in try reader.items(of: archive, cancellation: cancellation) {
      guard case .file(let stream) = item.content else { continue }
      try? reader.read(stream, into: MemorySink(), cancellation: cancellation)
    }
    #expect(try quarantined(repository).isEmpty)
    #expect(try !repository.reopened().check(.content, cancellation: cancellation).findings.isEmpty)
    #expect(try quarantined(repository) == [pack.name.lastPart])
    repository.store.tamper(pack.name) { $0[$0.count / 2] ^= 1 }
    #expect(try dry().check(.content, cancellation: cancellation).findings == [])
    #expect(try quarantined(repository) == [pack.name.lastPart])
  }

  @Test("A block that a restore could not read is remembered as well")
  func read() throws {
    let repository = try TestRepository()
    let archive = try repository.backUp(Self.data, name: "first")
    let pack = try dataPacks(repository)[0]
    repository.store.tamper(pack.name) { $0[$0.count / 2] ^= 1 }
    #expect(throws: RepositoryError.self) { try repository.contents(of: archive) }
    #expect(try quarantined(repository) == [pack.name.lastPart])
    try repository.backUp(Self.data, name: "second", with: try repository.reopened())
    #expect(try repository.contents(of: archive) == Self.data)
  }

  @Test("Edits that lean on a pack which is gone are stored again")
  func goneBase() throws {
    let repository = try TestRepository()
    var edited = dumpLikeBytes(400_000)
    try repository.backUp(["dump": edited], name: "base")
    let bases = try repository.store.list("packs").map(\.name)
    edited.replaceSubrange(200_000..<200_010, with: Array("0123456789".utf8))
    try repository.backUp(["dump": edited], name: "edited", with: try repository.reopened())
    for name in bases { try repository.store.delete(name) }
    let archive = try repository.backUp(["dump": edited], name: "again", with: try repository.reopened())
    #expect(try repository.contents(of: archive) == ["dump": edited])
  }

  @Test("Only a full key's word that a pack is damaged counts")
  func forged() throws {
    let repository = try TestRepository()
    try repository.backUp(Self.data, name: "first")
    try repository.repository.addWriteOnlyKey(passphrase: SecretBytes(passphrase: "thief"), passphraseCost: 5)
    let thief = try repository.reopened(passphrase: SecretBytes(passphrase: "thief")).context
    let pack = try dataPacks(repository)[0]
    let name = try #require(ObjectName("quarantine/\(pack.name.lastPart)"))
    let bytes = try thief.envelope.seal(
      Array("{}".utf8), purpose: .quarantine, context: Array(name.path.utf8), random: .system)
    try repository.store.put(name, bytes)
    let owner = try repository.reopened().context
    #expect(try owner.quarantine.load(owner).isEmpty)
  }

  @Test("A write-only key's false word for where chunks are, or false times and sizes, stop nobody")
  func falseWords() throws {
    let repository = try TestRepository()
    let archive = try repository.backUp(Self.data, name: "first")
    try repository.repository.addWriteOnlyKey(passphrase: SecretBytes(passphrase: "thief"), passphraseCost: 5)
    let thief = try repository.reopened(passphrase: SecretBytes(passphrase: "thief")).context
    let loader = try IndexLoader(context: repository.repository.context)
    let packs = try loader.objectNames().flatMap { try loader.read($0).packs }
    let entries = packs.flatMap(\.entries).map { IndexedPack.Entry(id: $0.id, length: $0.length, block: 0) }
    let claim = IndexedPack(
      digest: packs[0].digest, kind: .data, size: 1, plainSize: 1 << 40, entries: entries + entries, bases: [])
    let segment = try thief.envelope.seal(
      IndexSegment.encode([claim, claim]), purpose: .index, context: [], random: .system)
    let digest = try segment.withUnsafeBytes { try ContentHasher.hash($0) }
    try repository.store.put(try #require(IndexSegment.objectName(digest)), segment)
    for field in ["end", "start", "originalSize"] {
      let id = "20270101t000000z-\(field.lowercased())"
      let name = try #require(ObjectName("archives/\(id)"))
      var draft = ArchiveDraft.named("bad")
      var end = draft.start
      if field == "start" { draft.start = Date(timeIntervalSince1970: 1e300) }
      if field == "end" { end = Date(timeIntervalSince1970: 1e300) }
      var statistics = ArchiveStatistics()
      if field == "originalSize" { statistics.originalSize = .max }
      let record = Archive(id: id, draft: draft, end: end, statistics: statistics, items: archive.items)
      let payload = try ArchiveRecord.encode(record)
      try repository.store.put(
        name,
        try thief.envelope.seal(payload, purpose: .archive, context: Array(name.path.utf8), random: .system))
    }
    let owner = try repository.reopened()
    #expect(try owner.archives().map(\.name) == ["first"])
    #expect(try owner.statistics().totalSize == 1_200_000)
    #expect(try repository.contents(of: archive) == Self.data)
    #expect(try repository.backUp(Self.data, name: "second", with: owner).statistics.newSize == 0)
    #expect(try quarantined(repository).isEmpty)
    try owner.deleteUnreadable("20270101t000000z-end")
    #expect(throws: RepositoryError.self) { try owner.deleteUnreadable(archive.id) }
  }

  @Test("A recipe that repeats itself without end is refused at its first node")
  func bomb() throws {
    let repository = try TestRepository()
    let nodes = Monitor<[ChunkID: [UInt8]]>([:])
    var entry = RecipeReader.Entry(id: id(1), size: 5)
    for level in 0..<7 {
      var node = ByteWriter()
      node.byte(UInt8(level))
      for _ in 0..<1024 {
        node.id(entry.id)
        node.varint(5)
      }
      let parent = id(level + 2)
      nodes.update { $0[parent] = node.bytes }
      entry = .init(id: parent, size: 5)
    }
    let reader = RecipeReader { id in try #require(nodes.update { $0[id] }) }
    let stream = StreamReference(root: entry.id, depth: 6, size: 5, chunkCount: 1, hash: digest(0))
    #expect(throws: RecipeReader.Malformed(node: entry.id)) { try reader.forEachChunk(of: stream) { _ in } }
    _ = repository
  }

  @Test("An archive counts by the time at which it was received when its own clock was ahead, and that is said")
  func clocks() throws {
    let repository = try TestRepository()
    let name = try repository.backUp(["a": [1]], name: "old")
    let said = Monitor<[String]>([])
    let future = RepositorySurroundings(
      clock: Clock(now: { Date(timeIntervalSince1970: 4_000_000_000) }, steadySeconds: { 0 }), random: .system,
      keyFolder: "", workers: 1, warn: { diagnosis in said.update { $0.append(diagnosis.problem) } })
    let ahead = try Repository.open(in: repository.store, passphrase: TestRepository.passphrase, surroundings: future)
    try repository.backUp(["a": [2]], name: "ahead", with: ahead)
    let archives = try ahead.archives()
    #expect(archives.map(\.name).contains(name.name))
    for archive in archives where archive.name == "ahead" {
      #expect(archive.time == archive.received)
      #expect(archive.time < archive.end)
    }
    _ = try ahead.archives()
    #expect(said.update { $0.filter { $0.contains("future") }.count } == 1)
  }
}
