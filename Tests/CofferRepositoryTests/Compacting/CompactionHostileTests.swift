import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("Compaction beside repairs, stolen keys and lost records")
struct CompactionHostileTests {
  private static let thief = SecretBytes(passphrase: "thief")

  /// A dump of which a little is changed here and there.
  private static func edited(_ dump: [UInt8]) -> [UInt8] {
    var dump = dump
    for position in stride(from: 1000, to: dump.count - 100, by: 9000) {
      dump.replaceSubrange(position..<position + 5, with: Array("edit!".utf8))
    }
    return dump
  }

  /// Copies what another repository has and this one does not.
  private func copy(_ folder: String, of other: CompactionGround, to ground: CompactionGround) throws {
    let present = Set(try ground.names(folder))
    for status in try other.store.list(folder) where !present.contains(status.name.path) {
      try ground.store.put(status.name, try other.store.get(status.name))
    }
  }

  private func standing(_ ground: CompactionGround) throws -> Set<Digest256> {
    Set(try IndexLoader(context: try ground.open().context).existingPacks().keys)
  }

  private func bases(_ ground: CompactionGround) throws -> Set<Digest256> {
    let context = try ground.open().context
    return try standing(ground).reduce(into: []) {
      $0.formUnion(try PackReader($1, context: context).directory.basePacks)
    }
  }

  private func putIndex(
    _ packs: [IndexedPack], round: Int, by context: RepositoryContext, in ground: CompactionGround
  ) throws -> ObjectName {
    let bytes = try context.envelope.seal(
      IndexSegment.encode(packs, round: round), purpose: .index, context: [], random: .system)
    let name = try #require(IndexSegment.objectName(try bytes.withUnsafeBytes { try ContentHasher.hash($0) }))
    try ground.store.put(name, bytes)
    return name
  }

  @Test("A repair names no late pack that leans on what a compaction is about to delete, so no backup leans on it")
  func repair() throws {
    let dump = dumpLikeBytes(600_000)
    let files = ["dump": Self.edited(dump)]
    let ground = try CompactionGround()
    try ground.backUp(["dump": dump], "base")
    let late = try CompactionGround(copying: ground)
    try late.backUp(files, "late")
    #expect(try !bases(late).isEmpty)
    try ground.delete("base")
    // Decided, and nothing is deleted yet.
    let stopped = SteppedStore(
      ground.store,
      before: { call throws(StorageError) in if case .delete = call { throw SteppedStore.gone } })
    #expect(throws: (any Error).self) { try ground.compact(over: stopped) }
    let going = try #require(try Rounds.load(try ground.open().context).sweep).going
    #expect(try !going.isDisjoint(with: bases(late)))
    try copy("packs", of: late, to: ground)
    _ = try ground.open().check(.content, repairs: true, cancellation: try Cancellation())
    try ground.backUp(files, "after")
    for _ in 0..<2 {
      try ground.compact()
      try ground.expectWhole()
    }
    #expect(try standing(ground).isDisjoint(with: going))
  }

  @Test("What a pack leans on stays, though a stolen write-only key says that it leans on nothing")
  func falseBases() throws {
    let dump = dumpLikeBytes(600_000)
    let edited = Self.edited(dump)
    let empty = try CompactionGround()
    try empty.open().addWriteOnlyKey(passphrase: Self.thief, passphraseCost: 5)
    // A full key's packs, some of which go.
    let ground = try CompactionGround(copying: empty)
    var mixed: [UInt8] = []
    for start in stride(from: 0, to: edited.count, by: 60_000) {
      mixed += edited[start..<min(start + 60_000, edited.count)]
      mixed += noise(40_000, seed: UInt64(start + 1))
    }
    try ground.backUp(["mixed": mixed], "first")
    try ground.backUp(["dump": edited], "kept")
    try ground.delete("first")
    // Packs of a run that was killed, which lean on another base, and an archive that needs what is only there beside them.
    let other = try CompactionGround(copying: empty)
    try other.backUp(["dump": dump], "base")
    // No index object here names the base: what both hold is needed of the first packs.
    let before = try standing(other)
    let theirs = ["dump": edited, "noise": noise(40_000, seed: 800_000)]
    try other.backUp(theirs, "theirs")
    let leant = try bases(other)
    #expect(!leant.isEmpty && leant.isSubset(of: before))
    try copy("packs", of: other, to: ground)
    let archive = try #require(try other.open().archives().first { $0.name == "theirs" })
    let record = try #require(ObjectName("archives/\(archive.id)"))
    try ground.store.put(record, try other.store.get(record))
    let thief = try ground.open(passphrase: Self.thief).context
    let reading = try ground.open().context
    let claimed = try standing(other).subtracting(before).sorted().map { digest in
      let reader = try PackReader(digest, context: reading)
      var pack = IndexedPack(
        digest: digest, kind: reader.header.kind, size: reader.size, directory: reader.directory)
      pack.bases = []
      return pack
    }
    _ = try putIndex(claimed, round: 0, by: thief, in: ground)
    let loader = try IndexLoader(context: reading)
    let catalogue = try PackCatalogue(reading, names: loader.objectNames(), standing: loader.existingPacks())
    for digest in try standing(ground) {
      let actual = try PackReader(digest, context: reading).directory.basePacks
      #expect(catalogue.packs[digest]?.bases == actual)
    }
    ground.expect(theirs, "theirs")
    #expect(try ground.compact(CompactionOptions(threshold: 20)).movedPacks > 0)
    for _ in 0..<2 {
      try ground.compact(CompactionOptions(threshold: 20))
      try ground.expectRestores()
    }
    let rest = try standing(ground)
    #expect(try bases(ground).isSubset(of: rest))
  }

  @Test("An index object of a round that nobody has seen yet is nobody's, and goes")
  func futureRound() throws {
    let ground = try CompactionGround.aged()
    try ground.open().addWriteOnlyKey(passphrase: Self.thief, passphraseCost: 5)
    let thief = try ground.open(passphrase: Self.thief).context
    let digest = try #require(try standing(ground).min())
    let pack = IndexedPack(digest: digest, kind: .data, size: 1000, plainSize: 1000, entries: [], bases: [])
    let name = try putIndex([pack], round: 999_999_999, by: thief, in: ground)
    try ground.compact()
    #expect(try !ground.names("index").contains(name.path))
    try ground.expectWhole()
  }

  @Test(
    "An archive record in whose place no file is left stops it, and nothing is deleted",
    arguments: StrangeEntry.allCases)
  func lostRecord(entry: StrangeEntry) throws {
    let ground = try FolderRepository()
    defer { ground.remove() }
    try ground.backUp(["dump": dumpLikeBytes(200_000)], name: "lost")
    try ground.backUp(["noise": noise(100_000)], name: "kept")
    let record = try #require(try ground.opened().archives().first { $0.name == "lost" })
    let path = "\(ground.folder)/archives/\(record.id)"
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    try entry.replace(path)
    let before = try ground.store.list("", cancellation: nil).map(\.name)
    let error = #expect(throws: CompactionError.self) {
      try ground.opened().compact(cancellation: try Cancellation())
    }
    #expect(error?.diagnosis.problem.contains(record.id) == true)
    #expect(try ground.store.list("", cancellation: nil).map(\.name) == before)
    try FileManager.default.removeItem(atPath: path)
    try bytes.write(to: URL(fileURLWithPath: path))
    #expect(try ground.opened().compact(cancellation: try Cancellation()).outcome == .nothing)
    #expect(try ground.opened().check(.content, cancellation: try Cancellation()).findings == [])
  }

  @Test(
    "A decision in whose place no file is left stops it and every deletion that goes by what counts",
    arguments: StrangeEntry.allCases)
  func lostDecision(entry: StrangeEntry) throws {
    let ground = try FolderRepository()
    defer { ground.remove() }
    let gone = try ground.backUp(["dump": dumpLikeBytes(200_000)], name: "gone")
    try ground.backUp(["noise": noise(100_000)], name: "kept")
    try ground.opened().delete(gone)
    #expect(try ground.opened().compact(cancellation: try Cancellation()).outcome == .done)
    try ground.opened().refuseLostDecisions()
    let sweep = try #require(try ground.store.list("gc").first { $0.name.path.contains("-sweep-") }).name
    try entry.replace(ground.path(sweep))
    let before = try ground.store.list("").map(\.name)
    let error = #expect(throws: RepositoryError.self) {
      try ground.opened().compact(cancellation: try Cancellation())
    }
    #expect(error.map { "\($0)" }?.contains(sweep.path) == true)
    #expect(throws: RepositoryError.self) { try ground.opened().refuseLostDecisions() }
    #expect(try ground.store.list("").map(\.name) == before)
  }

  @Test(
    "What is said of a damaged pack in a place where no file is left is found again before its other copy goes",
    arguments: StrangeEntry.allCases)
  func lostQuarantine(entry: StrangeEntry) throws {
    let ground = try FolderRepository()
    defer { ground.remove() }
    let data = dumpLikeBytes(300_000)
    try ground.backUp(["dump": data], name: "first")
    let pack = try #require(try ground.store.list("packs").max { $0.size < $1.size }).name
    try ground.change(pack) { $0[$0.count / 2] ^= 1 }
    #expect(try !ground.opened().check(.objects, cancellation: try Cancellation()).findings.isEmpty)
    // Stored anew, and then there are two of everything.
    try ground.backUp(["dump": data], name: "second")
    let said = try #require(try ground.store.list("quarantine").first).name
    try entry.replace(ground.path(said))
    for _ in 0..<3 { _ = try ground.opened().compact(cancellation: try Cancellation()) }
    for archive in try ground.opened().archives() {
      let contents = try #require(try ground.everything()[archive.name] ?? nil)
      #expect(contents["dump"] == data, "\(archive.name)")
    }
  }

  @Test("A repository that has lost all its archives' records is not emptied by a machine that has seen them")
  func lostArchives() throws {
    let ground = try CompactionGround()
    try ground.backUp(["dump": dumpLikeBytes(200_000)], "lost")
    let folder = NSTemporaryDirectory() + "coffer-lost-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func open() throws -> Repository {
      try Repository.open(
        in: ground.store, passphrase: TestRepository.passphrase,
        surroundings: TestRepository.surroundings(clock: ground.clock, cacheFolder: folder))
    }
    let archive = try #require(try open().archives().first)
    let record = try #require(ObjectName("archives/\(archive.id)"))
    let bytes = try ground.store.get(record)
    try ground.store.delete(record)
    let before = try ground.names("")
    #expect(throws: CompactionError.self) { try open().compact(cancellation: try Cancellation()) }
    #expect(try ground.names("") == before)
    try ground.store.put(record, bytes)
    try ground.expectWhole()
    // What it has deleted itself was not lost.
    try open().delete(archive)
    #expect(try open().compact(cancellation: try Cancellation()).outcome == .done)
    #expect(try ground.names("packs").isEmpty)
  }

  @Test("A record that is listed and cannot be got stops it, if it is listed still")
  func listedRecord() throws {
    let ground = try CompactionGround.aged()
    let record = try #require(try ground.store.list("archives").first).name
    let partial = SteppedStore(
      ground.store,
      before: { call throws(StorageError) in
        if case .get(record) = call { throw .missing(record, location: "memory") }
      })
    let before = try ground.names("packs")
    #expect(throws: CompactionError.self) { try ground.compact(over: partial) }
    #expect(try ground.names("packs") == before)
    #expect(try ground.compact().outcome == .done)
    try ground.expectWhole()
  }

  @Test("A backup does not say that its key stands where it may not look whether the key was removed")
  func deniedRemoval() throws {
    let ground = try CompactionGround()
    try ground.open().addWriteOnlyKey(passphrase: Self.thief, passphraseCost: 5)
    let closed = SteppedStore(
      ground.store,
      before: { call throws(StorageError) in
        switch call {
        case .get(let name), .status(let name):
          guard name.path.hasPrefix("removed/") else { return }
          throw .failed(name, location: "memory", StorageFailure(.denied, "get", reason: "Permission denied"))
        default: return
        }
      })
    let session = try ground.open(closed, passphrase: Self.thief).beginSession(cancellation: try Cancellation())
    #expect(throws: StorageError.self) { try ground.commit(["file": noise(1000)], "unsure", session) }
  }
}
