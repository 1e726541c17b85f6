import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import Testing

@testable import CofferRepository

@Suite("A backup beside compaction")
struct RoundWriterTests {
  private let repository: TestRepository
  private static let data = ["dump": noise(700_000, seed: 21)]

  init() throws {
    repository = try TestRepository()
  }

  private func segments() throws -> [IndexLoader.IndexObject] {
    let loader = try IndexLoader(context: try repository.reopened().context)
    return try loader.objectNames().map { try loader.read($0) }
  }

  /// Puts an index object over packs as compaction does: signed by a full key, naming the packs' own signers.
  private func rewriteIndex(_ round: Int, of segments: [IndexLoader.IndexObject]) throws -> Digest256 {
    let own = repository.context.keys.id
    let packs = segments.flatMap { segment in
      segment.packs.map { pack in
        var pack = pack
        pack.signer = segment.signer.id == own ? nil : segment.signer.id
        pack.bases = pack.bases ?? []
        return pack
      }
    }
    let bytes = try repository.context.envelope.seal(
      IndexSegment.encode(packs, round: round), purpose: .index, context: [], random: .system)
    let digest = try bytes.withUnsafeBytes { try ContentHasher.hash($0) }
    try repository.store.put(IndexSegment.objectName(digest)!, bytes)
    return digest
  }

  // MARK: - What it says of itself

  @Test(
    "Archive, index objects and the second marker name the round that the session saw; before the first there is none")
  func names() throws {
    let old = try repository.backUp(["a": noise(100_000)], name: "old")
    #expect(try old.round == 0 && segments().map(\.round).allSatisfy { $0 == 0 })
    try repository.plan(1)
    let session = try repository.reopened().beginSession(cancellation: try Cancellation())
    let markers = try repository.store.list("sessions")
    #expect(try markers.map { try SessionRecord.read($0, repository.context).record.round } == [nil, 1])
    #expect(try KnownSession.load(repository.context).map(\.round) == [1])
    session.add(.file("b", try session.store(MemorySource(noise(100_000, seed: 2)))))
    repository.clock.advance(1)
    #expect(try session.commit(.named("new")).round == 1)
    #expect(try Set(segments().map(\.round)) == [0, 1])
    #expect(try repository.reopened().archives().map(\.round) == [0, 1])
    #expect(try repository.store.list("sessions").isEmpty)
  }

  @Test("A record or an index object of before there were rounds is of round 0, and what says another is read with it")
  func records() throws {
    let archive = try repository.backUp(["a": [1]])
    let text = String(decoding: try ArchiveRecord.encode(archive), as: UTF8.self)
    #expect(!text.contains("round"))
    var later = archive
    later.round = 12
    #expect(String(decoding: try ArchiveRecord.encode(later), as: UTF8.self).contains("\"round\":12"))
    #expect(try ArchiveRecord.decodeAll(ArchiveRecord.encode([later]))?.map(\.round) == [12])
    later.round = 1_000_000_000
    #expect(try ArchiveRecord.decodeAll(ArchiveRecord.encode([later])) == nil)
  }

  @Test("A session announces itself, looks at the rounds, says which it saw, and only then looks at the index")
  func order() throws {
    try repository.plan(1)
    let store = ObservedStore(repository.store)
    let session = try repository.opened(in: store).beginSession(cancellation: try Cancellation())
    session.abandon()
    let calls = store.calls.map { call in
      call.hasPrefix("put sessions/") ? "put " + call.suffix(2) : call.hasPrefix("get gc/") ? "get gc" : call
    }
    let steps = ["put -0", "list gc", "get gc", "put -1", "list index", "list packs"]
    #expect(steps.compactMap { calls.firstIndex(of: $0) }.count == steps.count)
    let positions = steps.map { calls.firstIndex(of: $0) ?? -1 }
    #expect(positions == positions.sorted())
  }

  @Test("Whatever moment a list shows, the session's first two markers are in it; only what follows is replaced")
  func markersStay() throws {
    let marker = try SessionMarker(context: repository.context, cancellation: try Cancellation())
    try marker.tell(4)
    let first = Set(try repository.store.list("sessions").map(\.name.path))
    for _ in 0..<4 {
      repository.clock.advance(SessionMarker.refreshInterval + 1)
      marker.refresh()
      let now = Set(try repository.store.list("sessions").map(\.name.path))
      #expect(now.isSuperset(of: first) && now.count == 3)
    }
    marker.remove()
    #expect(try repository.store.list("sessions").isEmpty)
  }

  @Test("Where markers cannot be deleted, a last one says that the session has ended, and whoever can takes them away")
  func ended() throws {
    let store = ObservedStore(repository.store, deletes: false)
    let opened = try repository.opened(in: store)
    let session = try opened.beginSession(cancellation: try Cancellation())
    #expect(try KnownSession.load(opened.context).map(\.isOver) == [false])
    session.abandon()
    #expect(try repository.store.list("sessions").count == 3)
    let known = try KnownSession.load(opened.context)
    #expect(known.map(\.hasEnded) == [true] && known.first?.markers.last?.path.hasSuffix("-2") == true)
    #expect(try opened.leftovers().sessions == 1)
    try repository.backUp(["a": [1]], with: try repository.reopened())
    #expect(try repository.store.list("sessions").isEmpty)
  }

  @Test("That a session has ended is believed of its own signer only")
  func foreignEnd() throws {
    let thief = try repository.withWriteOnlyKey().context
    let session = try repository.reopened().beginSession(cancellation: try Cancellation())
    let name = try repository.store.list("sessions")[0].name
    let id = String(name.lastPart.dropLast(2))
    let record = SessionRecord(
      id: id, process: 1, written: Date(), identity: nil, round: 9, hasEnded: true)
    let forged = ObjectName("sessions/\(id)-7")!
    try repository.store.put(
      forged,
      try thief.envelope.seal(
        try record.encoded(), purpose: .session, context: Array(forged.path.utf8), random: .system))
    let owner = try repository.reopened()
    let known = try KnownSession.load(owner.context)
    #expect(known.count == 2)
    let full = known.filter { $0.signer.role == .full }
    #expect(full.map(\.isOver) == [false] && full.map(\.round) == [0])
    try owner.removeAbandoned()
    #expect(try repository.store.list("sessions").count == 2)
    session.abandon()
  }

  // MARK: - What it leans on

  @Test("Nothing is leant on that no counting index object names, cached or not (W1, W2)", arguments: [false, true])
  func condemned(isCached: Bool) throws {
    let folder = NSTemporaryDirectory() + "coffer-rounds-\(UInt64.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func open() throws -> Repository {
      try repository.opened(in: repository.store, cacheFolder: isCached ? folder : nil)
    }
    try repository.backUp(Self.data, name: "first", with: try open())
    let kept = try repository.indexObjects
    let other = ["other": noise(500_000, seed: 22)]
    try repository.backUp(other, name: "second", with: try open())
    // What is cached now is one or two runs over all of it.
    _ = try open().reader()
    try repository.plan(1, condemned: try repository.packs, index: kept)
    let first = try repository.backUp(Self.data, name: "third", with: try open())
    #expect(first.statistics.newSize == 0)
    let second = try repository.backUp(other, name: "fourth", with: try open())
    #expect(second.statistics.newSize >= 500_000)
    // From then on there is a copy that counts.
    #expect(try repository.backUp(other, name: "fifth", with: try open()).statistics.newSize == 0)
    #expect(try repository.contents(of: second) == other)
  }

  @Test("An old cache is judged by what counts now, however it was merged before")
  func mergedCache() throws {
    let folder = NSTemporaryDirectory() + "coffer-rounds-\(UInt64.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func open() throws -> Repository { try repository.opened(in: repository.store, cacheFolder: folder) }
    var last: Set<Digest256> = []
    for number in 0..<12 {
      let before = try repository.indexObjects
      try repository.backUp(
        ["\(number)": noise(60_000, seed: UInt64(100 + number))], name: "\(number)", with: try open())
      last = try repository.indexObjects.subtracting(before)
    }
    try repository.plan(1, index: try repository.indexObjects.subtracting(last))
    for number in 0..<12 {
      let again = try repository.backUp(
        ["\(number)": noise(60_000, seed: UInt64(100 + number))], name: "again \(number)", with: try open())
      #expect((again.statistics.newSize > 0) == (number == 11), "\(number)")
      #expect(try repository.contents(of: again).values.first == noise(60_000, seed: UInt64(100 + number)))
    }
  }

  @Test("Nobody leans on a pack that no index object names; a reader reads it (W3)")
  func unnamed() throws {
    let archive = try repository.backUp(Self.data, name: "first")
    for status in try repository.store.list("index") { try repository.store.delete(status.name) }
    let again = try repository.backUp(Self.data, name: "second", with: try repository.reopened())
    #expect(again.statistics.newSize >= 700_000)
    #expect(try repository.contents(of: archive) == Self.data)
  }

  @Test("Whose word is taken goes by the pack's signer, also where a full key's index object names the pack (W4)")
  func rewritten() throws {
    let host = try repository.withWriteOnlyKey()
    try repository.backUp(Self.data, name: "host's", with: host)
    let old = try repository.indexObjects
    let new = try rewriteIndex(1, of: try segments())
    try repository.plan(1, condemned: [], index: [])
    for digest in old { try repository.store.delete(IndexSegment.objectName(digest)!) }
    #expect(try repository.indexObjects == [new])
    let owner = try repository.backUp(Self.data, name: "owner's", with: try repository.reopened())
    #expect(owner.statistics.newSize >= 700_000)
    let again = try repository.backUp(
      Self.data, name: "host's again", with: try repository.reopened(passphrase: TestRepository.thief))
    #expect(again.statistics.newSize == 0)
  }

  @Test("A write-only key's index object speaks for that key's packs only, whatever signers it names (W4)")
  func claimed() throws {
    let thief = try repository.withWriteOnlyKey()
    try repository.backUp(Self.data, name: "thief's", with: thief)
    let own = repository.context.keys.id
    let packs = try segments().flatMap { $0.packs }.map { pack in
      var pack = pack
      pack.signer = own
      return pack
    }
    let bytes = try thief.context.envelope.seal(
      IndexSegment.encode(packs, round: 0), purpose: .index, context: [], random: .system)
    let digest = try bytes.withUnsafeBytes { try ContentHasher.hash($0) }
    try repository.store.put(IndexSegment.objectName(digest)!, bytes)
    let owner = try repository.backUp(Self.data, name: "owner's", with: try repository.reopened())
    #expect(owner.statistics.newSize >= 700_000)
  }

  @Test("Nobody leans on a pack in quarantine, nor on one that leans on it, however far down (W5)")
  func quarantinedBases() throws {
    let cache = IndexCache.inMemory()
    func run(_ byte: UInt8, _ numbers: Range<Int>, bases: [Digest256]) throws -> IndexRun {
      var pack = pack(byte, numbers)
      pack.bases = bases
      return try #require(try cache.make(of: [pack], signer: repository.context.keys.id, sources: [])).run
    }
    let runs = [
      try run(1, 0..<10, bases: [digest(2)]), try run(2, 10..<20, bases: [digest(3)]), try run(3, 20..<30, bases: []),
      try run(4, 30..<40, bases: []), try run(5, 40..<50, bases: [digest(9)]), try run(6, 50..<60, bases: [digest(5)]),
    ]
    let context = try repository.reopened().context
    context.quarantine.add(digest(3), "test", context)
    let existing = Dictionary(uniqueKeysWithValues: (UInt8(1)...6).map { (digest($0), 1000) })
    let judged = try LeanablePacks(context: context, existing: existing).runs(
      runs, for: .deduplication(try Rounds.load(context)))
    let index = ChunkIndex(runs: judged)
    // 9 is gone, so 5 and 6 are as little use as 1 to 3.
    #expect([0, 10, 20, 30, 40, 50].map { index.claim(id($0)).isNew } == [true, true, true, false, true, true])
  }

  // MARK: - Whether it counts

  /// Backs up while something is done between the record's put and the look behind it.
  private func backUp(_ name: String, whenCommitted act: @escaping @Sendable (String) throws -> Void) throws -> Archive
  {
    let problem = Mutex<(any Error)?>(nil)
    let store = RecordingStore(repository.store) { (object) throws(StorageError) in
      guard object.path.hasPrefix("archives/") else { return }
      do { try act(object.lastPart) } catch { problem.withLock { $0 = error } }
    }
    defer { #expect(problem.withLock { $0 } == nil) }
    return try repository.backUp(Self.data, name: name, with: try repository.opened(in: store))
  }

  @Test("A session that slept through a closing fails, and does not say that its archive counts (W6)")
  func undecided() throws {
    let repository = repository
    #expect(throws: RepositoryError.overtaken("late", location: "memory", isDecided: false)) {
      try backUp("late") { _ in
        try repository.plan(1)
        try repository.close(1)
      }
    }
    #expect(try repository.reopened().archives().map(\.standing) == [.undecided])
    #expect(try repository.store.list("sessions").isEmpty)
    // What it stored is used by the next run, which sees the round.
    let again = try repository.backUp(Self.data, name: "again", with: try repository.reopened())
    #expect(again.statistics.newSize == 0 && again.round == 1)
    try repository.sweep(1, census: [])
    let archives = try repository.reopened().archives()
    #expect(archives.map(\.name) == ["late", "again"] && archives.map(\.standing) == [.void, .counts])
    #expect(try repository.contents(of: again) == Self.data)
  }

  @Test("One whose archive the census left out is void; one whose archive is in it has succeeded (W6)")
  func census() throws {
    let repository = repository
    #expect(throws: RepositoryError.overtaken("void", location: "memory", isDecided: true)) {
      try backUp("void") { _ in
        try repository.plan(1)
        try repository.close(1)
        try repository.sweep(1, census: [])
      }
    }
    let admitted = try backUp("admitted") { id in
      try repository.plan(2)
      try repository.close(2)
      try repository.sweep(2, census: [id])
    }
    #expect(try repository.reopened().archives().map(\.standing) == [.void, .counts])
    #expect(try repository.contents(of: admitted) == Self.data)
  }

  @Test(
    "A closing that only a thief has signed fails no backup, of a full key or another write-only one",
    arguments: [true, false])
  func forgedClosing(isFull: Bool) throws {
    let thief = try repository.withWriteOnlyKey().context
    _ = try repository.withWriteOnlyKey(SecretBytes(passphrase: "host"))
    try repository.forge(RoundClosing(round: 5), by: thief)
    try repository.forge(RoundSweep(round: 5, going: [], index: [], census: []), by: thief)
    let opened = try repository.reopened(
      passphrase: isFull ? TestRepository.passphrase : SecretBytes(passphrase: "host"))
    #expect(try repository.backUp(Self.data, with: opened).round == 0)
    #expect(try repository.reopened().archives().map(\.standing) == [.counts])
  }

  @Test("A write-only key's session that slept through a closing is told so as well")
  func writeOnly() throws {
    let host = try repository.withWriteOnlyKey()
    let session = try host.beginSession(cancellation: try Cancellation())
    session.add(.file("dump", try session.store(MemorySource([1, 2, 3]))))
    try repository.plan(1)
    try repository.close(1)
    #expect(throws: RepositoryError.overtaken("late", location: "memory", isDecided: false)) {
      try session.commit(.named("late"))
    }
  }

  @Test("That nobody knows what became of the record is no success")
  func unansweredLook() throws {
    let hasCommitted = Mutex(false)
    try repository.plan(1)
    let failing = RecordingStore(
      repository.store,
      afterPut: { [repository] name in
        guard name.path.hasPrefix("archives/") else { return }
        // What the session has read before it does not read again: there is something new.
        try? repository.close(1)
        hasCommitted.withLock { $0 = true }
      },
      beforeGet: { (name) throws(StorageError) in
        guard name.path.hasPrefix("gc/"), hasCommitted.withLock({ $0 }) else { return }
        throw .failed(name, location: "memory", StorageFailure(.transient, "get", reason: "cut"))
      })
    #expect(throws: StorageError.self) { try repository.backUp(Self.data, with: try repository.opened(in: failing)) }
    #expect(try repository.reopened().archives().count == 1)
  }

  // MARK: - What it must know

  @Test("A feature that this program does not know keeps it from writing, not from reading")
  func features() throws {
    #expect(repository.repository.header.features == ["rounds", "log-needs"])
    #expect(repository.repository.guardsLogNeeds)
    let archive = try repository.backUp(Self.data)
    var json =
      try JSONSerialization.jsonObject(with: JSONEncoder().encode(repository.repository.header)) as! [String: Any]
    json["features"] = ["rounds", "log-needs", "tides"]
    let header = try JSONDecoder().decode(
      RepositoryHeader.self, from: try JSONSerialization.data(withJSONObject: json))
    let bytes = try header.encoded(indexKey: repository.context.keys.indexKey)
    repository.store.tamper(RepositoryHeader.configName) { $0 = bytes }
    let opened = try repository.reopened()
    #expect(try repository.contents(of: archive) == Self.data)
    #expect(try opened.archives().count == 1)
    for write: (Repository) throws -> Void in [
      { _ = try $0.beginSession(cancellation: try Cancellation()) }, { try $0.delete(archive) },
      { try $0.addWriteOnlyKey(passphrase: TestRepository.thief, passphraseCost: 5) },
      { _ = try $0.check(.tables, repairs: true, cancellation: try Cancellation()) },
    ] {
      #expect(throws: RepositoryError.self) { try write(opened) }
    }
    #expect(try opened.archives().count == 1)
    let export = try opened.exportKey()
    let key = try #require(KeyName(opened.context.keys.id).object)
    let record = try repository.store.get(key)
    #expect(try !Repository.importKey(export, in: repository.store, surroundings: TestRepository.surroundings))
    try repository.store.delete(key)
    #expect(throws: RepositoryError.self) {
      try Repository.importKey(export, in: repository.store, surroundings: TestRepository.surroundings)
    }
    #expect(try repository.store.list("keys").isEmpty)
    try repository.store.put(key, record)
    json["features"] = nil
    let older = try JSONDecoder().decode(
      RepositoryHeader.self, from: try JSONSerialization.data(withJSONObject: json))
    #expect(older.features == nil)
    let olderBytes = try older.encoded(indexKey: repository.context.keys.indexKey)
    repository.store.tamper(RepositoryHeader.configName) { $0 = olderBytes }
    #expect(try repository.backUp(Self.data, name: "old", with: try repository.reopened()).statistics.newSize == 0)
    #expect(try !repository.reopened().guardsLogNeeds)
  }
}
