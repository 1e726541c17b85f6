import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("Compaction and archives of write-only keys that are not whole")
struct IncompleteArchiveTests {
  private static let secret = SecretBytes(passphrase: "write-only")
  private static let day: Double = 86400
  private static let files = ["hit": noise(300_000, seed: 50), "kept": noise(300_000, seed: 51)]

  /// Archives of a full key of which some parts are not needed, and one of a write-only key, each file of it in packs of its
  /// own.
  private func ground(_ files: CompactionGround.Files = files) throws -> CompactionGround {
    let ground = try CompactionGround.aged()
    try ground.open().addWriteOnlyKey(passphrase: Self.secret, passphraseCost: 5)
    for (path, bytes) in files { try ground.backUp([path: bytes], path, with: try host(ground)) }
    try ground.backUp(files, "host", with: try host(ground))
    for path in files.keys { try ground.delete(path) }
    return ground
  }

  private func host(_ ground: CompactionGround) throws -> Repository { try ground.open(passphrase: Self.secret) }

  private func archive(_ name: String, _ ground: CompactionGround) throws -> Archive {
    try #require(try ground.open().archives().first { $0.name == name })
  }

  private func stream(_ path: String, _ name: String, _ ground: CompactionGround) throws -> StreamReference {
    let items = try ground.open().reader().items(of: archive(name, ground), cancellation: try Cancellation())
    for item in items where item.path.text == path {
      if case .file(let stream) = item.content { return stream }
    }
    throw RepositoryError.noSuchArchive(path, location: "memory")
  }

  private func content(_ path: String, _ name: String, _ ground: CompactionGround) throws -> [UInt8] {
    let sink = MemorySink()
    try ground.open().reader().read(
      stream(path, name, ground), into: sink, cancellation: try Cancellation())
    return sink.bytes
  }

  /// Deletes the packs that a stream's chunks are in.
  private func lose(_ stream: StreamReference, _ ground: CompactionGround) throws {
    let index = try IndexLoader(context: ground.open().context).load(for: .reading)
    var packs: Set<Digest256> = []
    try ground.open().reader().forEachChunk(
      of: stream, { entry in packs.formUnion(try index.copies(of: entry.id).map(\.pack)) }, unreadable: { _ in })
    for pack in packs { try ground.store.delete(try #require(pack.packName)) }
  }

  /// Compacts when the plan has stood for so many days.
  private func expectHeldUp(
    _ name: String, _ ground: CompactionGround, location: SourceLocation = #_sourceLocation
  ) throws {
    let packs = Set(try ground.names("packs"))
    for _ in 0..<2 {
      #expect(sourceLocation: location) {
        try ground.compact()
      } throws: { error in
        guard case CompactionError.heldUp(_, name, _, _, .some) = error else { return false }
        return true
      }
      ground.clock.advance(3 * Self.day)
    }
    #expect(Set(try ground.names("packs")).isSuperset(of: packs), sourceLocation: location)
    ground.clock.advance(2 * Self.day)
  }

  @Test(
    "It holds a decision up for a week; then what it reaches stays, and it heals when what it lacks is stored again")
  func lackingData() throws {
    let ground = try ground()
    try lose(stream("hit", "host", ground), ground)
    try expectHeldUp("host", ground)
    let report = try ground.compact()
    #expect(report.outcome == .done && report.packs > 0)
    #expect(report.incompleteArchives.map(\.name) == ["host"])
    #expect(try archive("host", ground).standing == .counts)
    #expect(try content("kept", "host", ground) == Self.files["kept"])
    // Nothing else is to be done, and nothing keeps anybody from it.
    #expect(try ground.compact().outcome == .nothing)
    try ground.backUp(Self.files, "again", with: try host(ground))
    try ground.expectWhole()
    #expect(try ground.compact().incompleteArchives == [])
    try ground.expectWhole()
  }

  @Test("A dry run names it, and says what would come back all the same")
  func dryRun() throws {
    let ground = try ground()
    try lose(stream("hit", "host", ground), ground)
    let report = try ground.compact(CompactionOptions(isDryRun: true))
    #expect(report.outcome == .planned && report.gain > 0)
    #expect(report.incompleteArchives.map(\.name) == ["host"])
  }

  @Test("An archive whose recipe is gone reaches what stands beside it, and the next backup stores the rest again")
  func lackingNodes() throws {
    let ground = try ground()
    let context = try ground.open().context
    let index = try IndexLoader(context: context).load(for: .reading)
    let root = try #require(stream("hit", "host", ground).root)
    let place = try #require(index.location(of: root))
    try ground.store.delete(try #require(place.pack.packName))
    try expectHeldUp("host", ground)
    #expect(try ground.compact().outcome == .done)
    try ground.backUp(Self.files, "again", with: try host(ground))
    try ground.expectWhole()
  }

  @Test("Of one whose list of files lacks a piece, all files before it stay, and are there again with the piece")
  func lackingPieceOfList() throws {
    let ground = try ground([:])
    let session = try host(ground).beginSession(cancellation: try Cancellation())
    let kept = noise(300_000, seed: 52)
    let stream = try session.store(MemorySource(kept))
    session.add(.file("kept", stream))
    // A list of several pieces, read by several threads.
    for number in 0..<8000 {
      session.add(.file("\(number)" + Hexadecimal.encode(noise(100, seed: UInt64(number + 1000))), stream))
    }
    ground.clock.advance(1)
    let archive = try session.commit(.named("listed"))
    let index = try IndexLoader(context: ground.open().context).load(for: .reading)
    var pieces: [Digest256] = []
    try ground.open().reader().forEachChunk(
      of: archive.items, { entry in pieces.append(try #require(index.location(of: entry.id)).pack) },
      unreadable: { _ in })
    let node = try #require(archive.items.root)
    let root = try #require(index.location(of: node)).pack
    let lost = pieces[pieces.count / 2]
    #expect(lost != pieces[0] && lost != root)
    let name = try #require(lost.packName)
    let bytes = try ground.store.get(name)
    try ground.store.delete(name)
    try expectHeldUp("listed", ground)
    let report = try ground.compact()
    #expect(report.outcome == .done && report.packs > 0)
    try ground.store.put(name, bytes)
    #expect(try content("kept", "listed", ground) == kept)
  }

  @Test("No packs that claim falsely to hold what an archive needs hide it from anybody, however many there are")
  func hiddenBehindFalseCopies() throws {
    let files = Dictionary(
      uniqueKeysWithValues: (0..<4).map { ("file\($0)", noise(100_000, seed: UInt64(70 + $0))) })
    let ground = try ground(files)
    let index = try IndexLoader(context: ground.open().context).load(for: .reading)
    let roots = try files.keys.map { path in
      let root = try #require(stream(path, "host", ground).root)
      return (root, try #require(index.location(of: root)).pack)
    }
    let (root, pack) = try #require(roots.max { $0.1 < $1.1 })
    // Packs of the host's own key, which a run of the index has before the true one.
    let thief = try host(ground).context
    var liars: [IndexedPack] = []
    var seed: UInt64 = 80
    while liars.count < IndexProbe.copyLimit * 2 {
      seed += 1
      let new = try NewPacks(thief, level: 1, ReadCache(blockCount: 4), nil)
      try noise(1000, seed: seed).withUnsafeBytes { try new.append(.tree, root, $0) }
      for made in try new.finish() {
        if made.digest < pack {
          liars.append(made)
        } else {
          try ground.store.delete(try #require(made.digest.packName))
        }
      }
    }
    // In what order index objects are read nobody knows: one of many comes before the true one.
    for _ in 0..<60 {
      let bytes = try thief.envelope.seal(
        IndexSegment.encode(liars), purpose: .index, context: [], random: .system)
      let digest = try bytes.withUnsafeBytes { try ContentHasher.hash($0) }
      try ground.store.put(try #require(IndexSegment.objectName(digest)), bytes)
    }
    // Also by a reader that nobody has told yet which of them are false.
    for (path, bytes) in files { #expect(try content(path, "host", ground) == bytes) }
    for entry in try ground.store.list("quarantine") { try ground.store.delete(entry.name) }
    for _ in 0..<3 {
      #expect(try ground.compact().outcome == .done)
      ground.clock.advance(8 * Self.day)
    }
    for (path, bytes) in files { #expect(try content(path, "host", ground) == bytes) }
    let left = Set(try ground.names("packs"))
    for name in liars.compactMap(\.digest.packName?.path) where left.contains(name) {
      try ground.store.delete(try #require(ObjectName(name)))
    }
    try ground.expectRestores()
  }

  @Test("An archive that names another's recipe falsely keeps nothing of the other from being kept")
  func falseReference() throws {
    let shared = noise(400_000, seed: 60)
    let ground = try ground(["shared": shared])
    let reference = try stream("shared", "host", ground)
    let root = try #require(reference.root)
    let thief = try host(ground).beginSession(cancellation: try Cancellation())
    let references = [
      StreamReference(
        root: root, depth: reference.depth, size: reference.size + 1, chunkCount: reference.chunkCount,
        hash: reference.hash),
      StreamReference(
        root: root, depth: reference.depth + 1, size: reference.size, chunkCount: reference.chunkCount,
        hash: reference.hash),
    ]
    for (number, stream) in references.enumerated() { thief.add(.file("\(number)", stream)) }
    ground.clock.advance(1)
    let forged = try thief.commit(.named("forged"))
    ground.clock.advance(1)
    try ground.backUp(["shared": shared], "later", with: try host(ground))
    try ground.delete("host")
    try expectHeldUp("forged", ground)
    #expect(try ground.compact(CompactionOptions(threshold: 0)).outcome == .done)
    #expect(try content("shared", "later", ground) == shared)
    try ground.open().delete(forged)
    try ground.compact(CompactionOptions(threshold: 0))
    try ground.expectWhole()
  }

  @Test("A record that a write-only key has signed and that makes no sense holds it up no longer either")
  func senselessRecord() throws {
    let ground = try ground()
    let context = try host(ground).context
    let name = try #require(ObjectName("archives/20260131t030000z-0123456789abcdef"))
    let bytes = try context.envelope.seal(
      Array("{}".utf8), purpose: .archive, context: Array(name.path.utf8), random: .system)
    try ground.store.put(name, bytes)
    try expectHeldUp(name.lastPart, ground)
    #expect(try ground.compact().outcome == .done)
    try ground.expectRestores()
    try ground.open().deleteUnreadable(name.lastPart)
    try ground.expectWhole()
  }

  @Test("An archive of a full key stops it however long, also where a write-only key's archive lacks the same")
  func fullKey() throws {
    let ground = try ground()
    try ground.backUp(Self.files, "full")
    for name in ["host", "full"] {
      let stream = try stream("hit", name, ground)
      if name.isSame(as: "full") { try lose(stream, ground) }
    }
    for _ in 0..<3 {
      #expect {
        try ground.compact()
      } throws: { error in
        guard case CompactionError.brokenArchive(_, "full", _, _) = error else { return false }
        return true
      }
      ground.clock.advance(10 * Self.day)
    }
  }
}
