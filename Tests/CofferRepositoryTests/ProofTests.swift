import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("Proofs in the repository")
struct ProofTests {
  private let ground: TestRepository
  private let folder = NSTemporaryDirectory() + "coffer-proofs-\(UInt64.random(in: 0 ... .max))"
  private let said = Monitor<[String]>([])

  init() throws {
    ground = try TestRepository()
  }

  private func cleanUp() { try? FileManager.default.removeItem(atPath: folder) }

  private func proof(of archive: Archive, _ database: String = "shop", isProven: Bool = true) -> Proof {
    var proof = Proof(
      hook: "postgresql_databases", place: "localhost", database: database,
      dump: "postgresql_databases/localhost/\(database)", archive: archive.name, archiveID: archive.id,
      origin: archive.draft.hostname, time: ground.clock.clock.now(), hostname: "db1", isProven: isProven,
      source: "15.6", program: "0.1.0", bytes: 100)
    proof.problem = isProven ? nil : "It is broken"
    proof.server = "PostgreSQL 15"
    proof.seconds = 1.5
    proof.tables = 3
    proof.rows = 12
    proof.isCompared = true
    proof.comparedTables = 2
    return proof
  }

  private func open(
    _ store: (any ObjectStore)? = nil, passphrase: SecretBytes = TestRepository.passphrase, cacheFolder: String? = nil
  ) throws -> Repository {
    try ground.open(store, passphrase: passphrase, cacheFolder: cacheFolder, said: said)
  }

  private func thief() throws -> Repository { try ground.thief(said: said) }

  private var names: [ObjectName] { get throws { try ground.store.list("proofs").map(\.name) } }

  @Test("What one machine has proven, every other reads as it was said, with any key, and once")
  func everywhere() throws {
    defer { cleanUp() }
    let archive = try ground.backUp(["a": [1]])
    let proofs = [proof(of: archive), proof(of: archive, "it's \"odd\" \\ \n\u{301}", isProven: false)]
    try ground.repository.put(proofs, of: archive.id)
    #expect(try names.count == 1)
    _ = try thief()
    for passphrase in [TestRepository.passphrase, SecretBytes(passphrase: "thief")] {
      defer { cleanUp() }
      let store = WatchedStore(ground.store)
      let other = try open(store, passphrase: passphrase, cacheFolder: folder)
      #expect(try other.proofs(of: [archive]) == proofs)
      let before = store.calls.count
      #expect(try other.proofs(of: [archive]) == proofs)
      #expect(store.calls[before...].map(\.request) == [.list], "\(store.calls)")
    }
    #expect(try open().proofs(of: []) == [])
    #expect(said.update { $0 }.isEmpty)
  }

  @Test("Proofs of other archives are not read, and many of one archive go into several objects")
  func chosen() throws {
    let (first, second) = (try ground.backUp(["a": [1]], name: "one"), try ground.backUp(["a": [2]], name: "two"))
    let many = (0..<130).map { proof(of: first, "db\($0)") }
    try ground.repository.put(many, of: first.id)
    #expect(try names.count == 3)
    try ground.repository.put([proof(of: second)], of: second.id)
    let store = WatchedStore(ground.store)
    let other = try open(store)
    let before = store.calls.count
    #expect(try other.proofs(of: [second]) == [proof(of: second)])
    #expect(store.calls[before...].count(where: { $0.request == .get }) == 1)
    #expect(Set(try other.proofs(of: [first]).map(\.database)) == Set(many.map(\.database)))
  }

  @Test("A write-only key cannot put a proof, and what it forges, copies or litters is believed by nobody and bounded")
  func forged() throws {
    let archive = try ground.backUp(["a": [1]], name: "one")
    let other = try ground.backUp(["a": [2]], name: "two")
    try ground.repository.put([proof(of: archive)], of: archive.id)
    let genuine = try names[0]
    let thief = try thief()
    #expect(throws: RepositoryError.self) { try thief.put([proof(of: other)], of: other.id) }
    // Its own word, under a name that looks right.
    let tag = String(repeating: "ab", count: 16)
    let forged = try #require(ObjectName("proofs/\(other.id)-0123456789abcdef-\(tag)"))
    let payload = Array(try RecordJSON.encoder.encode(["proofs": [proof(of: other)]]))
    let envelope = thief.context.envelope
    try ground.store.put(
      forged,
      try envelope.seal(payload, purpose: .proof, context: Array(forged.path.utf8), random: .system))
    // A full key's word under the name of another archive.
    let copy = try #require(ObjectName("proofs/\(other.id)-1123456789abcdef-\(tag)"))
    try ground.store.put(copy, try ground.store.get(genuine, limit: 1 << 20))
    for number in 0..<1_100 {
      let litter = "proofs/\(other.id)-\(String(format: "%016x", number))-\(tag)"
      try ground.store.put(try #require(ObjectName(litter)), [1, 2, 3])
    }
    try ground.store.put(ObjectName(wellFormed: "proofs/nothing"), [1])
    let store = WatchedStore(ground.store)
    let owner = try open(store)
    let before = store.calls.count
    #expect(try owner.proofs(of: [archive, other]) == [proof(of: archive)])
    // A full key does not even look at what it has not named.
    #expect(store.calls[before...].count(where: { $0.request == .get }) == 1)
    #expect(said.update { $0 }.isEmpty)
    let watched = WatchedStore(ground.store)
    let host = try open(watched, passphrase: SecretBytes(passphrase: "thief"))
    let start = watched.calls.count
    #expect(try host.proofs(of: [other]) == [])
    #expect(watched.calls[start...].count(where: { $0.request == .get }) == 1_000)
    #expect(said.update { $0.count } == 2, "\(said.update { $0 })")
    #expect(try owner.check(.tables, cancellation: try Cancellation()).findings.isEmpty)
    #expect(try owner.compact(cancellation: try Cancellation()).removedProofs == 1_103)
    #expect(try names == [genuine])
  }

  @Test("A damaged proof is passed over and said once, found by a check, and stops nothing")
  func damaged() throws {
    let archive = try ground.backUp(["a": [1]])
    for database in ["one", "two", "three"] {
      try ground.repository.put([proof(of: archive, database)], of: archive.id)
    }
    for name in try names.prefix(2) {
      var bytes = try ground.store.get(name, limit: 1 << 20)
      bytes[bytes.count - 20] ^= 1
      try ground.store.delete(name)
      try ground.store.put(name, bytes)
    }
    let owner = try open()
    #expect(try owner.proofs(of: [archive]).count == 1)
    let words = said.update { $0 }
    #expect(words.count == 1 && words[0].contains("and so are 1 more"), "\(words)")
    #expect(try owner.check(.tables, cancellation: try Cancellation()).findings.count == 2)
    #expect(try ground.backUp(["a": [1]], name: "next", with: owner).name == "next")
  }

  @Test("A full key's proof with impossible times or sizes is passed over, and no clock makes one newer")
  func implausible() throws {
    let archive = try ground.backUp(["a": [1]])
    var endless = proof(of: archive)
    endless.seconds = 1e300
    var huge = proof(of: archive)
    huge.rows = .max
    var ahead = proof(of: archive)
    ahead.time = ground.clock.clock.now() + 86400
    for proof in [endless, huge, ahead] { try ground.repository.put([proof], of: archive.id) }
    let found = try open().proofs(of: [archive])
    #expect(found.map(\.time) == [ground.clock.clock.now()])
    // Of another archive than its name says.
    let other = try ground.backUp(["a": [2]], name: "other")
    try ground.repository.put([proof(of: archive)], of: other.id)
    #expect(try open().proofs(of: [other]).isEmpty)
  }

  @Test("Proofs of deleted archives go with a compaction, also where nothing else is to do; the others stay")
  func compacted() throws {
    let archives = try ["one", "two"].map { try ground.backUp(["a": dumpLikeBytes(100_000)], name: $0) }
    for archive in archives { try ground.repository.put([proof(of: archive)], of: archive.id) }
    try ground.repository.delete(archives[0])
    let left = try names.filter { $0.path.contains(archives[1].id) }
    let dry = try ground.repository.compact(CompactionOptions(isDryRun: true), cancellation: try Cancellation())
    #expect(dry.removedProofs == 0)
    #expect(try names.count == 2)
    #expect(try ground.repository.compact(cancellation: try Cancellation()).removedProofs == 1)
    #expect(try names == left)
    #expect(try open().proofs(of: archives) == [proof(of: archives[1])])
  }

  @Test("The youngest proof of a database outlives its archive, until there is a younger one")
  func outliving() throws {
    let first = try ground.backUp(["a": [1]], name: "one")
    let old = [proof(of: first), proof(of: first, "users")]
    try ground.repository.put([old[0]], of: first.id)
    try ground.repository.put([old[1]], of: first.id)
    let second = try ground.backUp(["a": [2]], name: "two")
    let young = proof(of: second)
    let failed = proof(of: second, "users", isProven: false)
    try ground.repository.put([young, failed], of: second.id)
    try ground.repository.delete(first)
    #expect(try ground.repository.compact(cancellation: try Cancellation()).removedProofs == 1)
    let left = try open().proofs()
    #expect(left.count == 3 && [old[1], young, failed].allSatisfy { left.contains($0) }, "\(left)")
    #expect(try open().proofs(of: [second]) == [young, failed])
  }

  @Test("Of many trials of a dump, its last one and its last proof stay")
  func superseded() throws {
    let archive = try ground.backUp(["a": [1]], name: "one")
    var put: [Proof] = []
    for isProven in [true, true, false, false] {
      ground.clock.advance(60)
      put.append(proof(of: archive, isProven: isProven))
      try ground.repository.put([put[put.count - 1]], of: archive.id)
    }
    // Of another database, and in one object with it.
    ground.clock.advance(60)
    let other = [proof(of: archive, "users"), proof(of: archive, isProven: false)]
    try ground.repository.put(other, of: archive.id)
    #expect(try ground.repository.compact(cancellation: try Cancellation()).removedProofs == 3)
    let left = try open().proofs()
    #expect(left.count == 3 && (other + [put[1]]).allSatisfy { left.contains($0) }, "\(left)")
    #expect(try ground.repository.compact(cancellation: try Cancellation()).removedProofs == 0)
  }

  @Test("A backup neither lists nor reads proofs")
  func unread() throws {
    let archive = try ground.backUp(["a": [1]])
    try ground.repository.put([proof(of: archive)], of: archive.id)
    let store = WatchedStore(ground.store)
    try ground.backUp(["a": [1]], name: "next", with: try open(store))
    #expect(!store.calls.contains { $0.name.hasPrefix("proofs") }, "\(store.calls)")
  }
}
