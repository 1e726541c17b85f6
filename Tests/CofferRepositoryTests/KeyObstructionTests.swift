import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

private let first = TestRepository.passphrase
private let second = SecretBytes(passphrase: "second")
private let third = SecretBytes(passphrase: "third")

@Suite("Keys, against somebody who can put objects and not delete any")
struct KeyObstructionTests {
  private func name(_ path: String) throws -> ObjectName { try #require(ObjectName(path)) }

  private func addKey(_ role: KeyRole, _ passphrase: SecretBytes, _ repository: Repository) throws -> String {
    try repository.addKey(NewKey(role: role, passphraseCost: 5), passphrase: passphrase).id
  }

  /// In a folder, where a name below another one's makes a folder of that.
  private func onDisk(_ body: (_ store: LocalDirectoryStore, _ repository: Repository) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "coffer-obstructed-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let store = LocalDirectoryStore(root: folder)
    let repository = try Repository.create(
      in: store, options: CreationOptions(mode: .repokey, packTarget: 1 << 18, passphraseCost: 5), passphrase: first,
      surroundings: TestRepository.surroundings)
    try body(store, repository)
  }

  private func open(_ store: any ObjectStore, _ passphrase: SecretBytes) throws -> Repository {
    try Repository.open(in: store, passphrase: passphrase, surroundings: TestRepository.surroundings)
  }

  @Test("An object of any size where a removal, or its list of archives, belongs keeps neither from its place")
  func largeObjects() throws {
    for suffix in ["", "-archives"] {
      for size in [1, ObjectLimit.key + 1, ObjectLimit.archive + 1] {
        let repository = try TestRepository()
        let id = try addKey(.writeOnly, second, repository.repository)
        let thief = try repository.reopened(passphrase: second)
        let before = try repository.backUp(["a": [1]], name: "before", with: thief)
        try repository.store.put(name("removed/\(id)\(suffix)"), [UInt8](repeating: 7, count: size))
        #expect(try repository.reopened().removeKey(id) == id)
        _ = try? repository.backUp(["a": noise(10_000)], name: "after", with: thief)
        let left = try repository.reopened()
        #expect(try left.archives().map(\.name) == ["before"], "\(suffix) \(size)")
        #expect(try repository.contents(of: before) == ["a": [1]])
        #expect(throws: RepositoryError.wrongPassphrase(location: "memory")) {
          try repository.reopened(passphrase: second)
        }
      }
    }
  }

  @Test("An object below the name of a removal, or of its list, keeps neither from its place")
  func belowRemoval() throws {
    for suffix in ["", "-archives"] {
      try onDisk { store, repository in
        let id = try addKey(.writeOnly, second, repository)
        try store.put(name("removed/\(id)\(suffix)/x"), [1])
        try store.put(name("removed/\(id)\(suffix)/y"), [1])
        #expect(try open(store, first).removeKey(id) == id)
        let names = try store.list("removed").map(\.name.path).sorted()
        #expect(names == ["removed/\(id)", "removed/\(id)-archives"])
        #expect(throws: RepositoryError.wrongPassphrase(location: store.location)) { try open(store, second) }
        let inventory = try open(store, first).keyInventory()
        #expect(inventory.removed[try #require(KeyID(hex: id))]?.counting != nil)
      }
    }
  }

  @Test("An object below the name of a removal fails nobody's backups")
  func belowOwnRemoval() throws {
    try onDisk { store, repository in
      let id = try addKey(.writeOnly, second, repository)
      try store.put(name("removed/\(id)/x"), [1])
      let session = try open(store, second).beginSession(cancellation: try Cancellation())
      session.add(.file("a", try session.store(MemorySource([1]))))
      _ = try session.commit(.named("first"))
      #expect(try open(store, first).archives().map(\.name) == ["first"])
    }
  }

  @Test("An object below the name of the next wrapping keeps nobody from another passphrase")
  func belowWrapping() throws {
    try onDisk { store, repository in
      let id = repository.context.keys.id
      for revision in [1, 2, 4] { try store.put(name("keys/\(id)-\(revision)/x"), [1]) }
      // A folder that nothing is listed of.
      try FileManager.default.createDirectory(
        atPath: "\(store.location)/keys/\(id)-3", withIntermediateDirectories: false)
      #expect(try repository.changePassphrase(to: second, passphraseCost: 5))
      #expect(throws: RepositoryError.wrongPassphrase(location: store.location)) { try open(store, first) }
      #expect(try open(store, second).keyInventory().standing.map(\.name.revision) == [5])
    }
  }

  @Test("An object that is named like a list of archives and lies deeper takes nothing from the list")
  func deeperList() throws {
    let repository = try TestRepository()
    let id = try addKey(.writeOnly, second, repository.repository)
    let thief = try repository.reopened(passphrase: second)
    try repository.backUp(["a": [1]], name: "before", with: thief)
    try repository.reopened().removeKey(id)
    for folder in ["0", "zz"] { try repository.store.put(name("removed/\(folder)/\(id)-archives"), [1]) }
    _ = try? repository.backUp(["a": noise(10_000)], name: "after", with: thief)
    #expect(try repository.reopened().archives().map(\.name) == ["before"])
  }

  @Test("A list of archives names what is named as archives are, and no more than it can hold")
  func longList() throws {
    let repository = try TestRepository()
    let id = try addKey(.writeOnly, second, repository.repository)
    try repository.backUp(["a": [1]], name: "before", with: try repository.reopened(passphrase: second))
    let lost = "20261121t043709z-0123456789abcdef"
    for path in [
      "archives/\(lost)", "archives/x", "archives/x/20261121t043709z-0123456789abcde0", "archives/x-0123456789abcdef",
      "archives/20261121t043709z-0123456789abcdeg", "archives/20261121t043709z-0123456789abcdef0",
    ] {
      try repository.store.put(name(path), [1])
    }
    try repository.reopened().removeKey(id)
    let inventory = try repository.reopened().keyInventory()
    let archive = try #require(try repository.reopened().archives().first)
    #expect(inventory.removed[try #require(KeyID(hex: id))]?.counting?.ids == [ExactName(archive.id), ExactName(lost)])
    let seed = try #require(repository.repository.context.keys.rootPrivate)
    func size(_ count: Int) throws -> Int {
      let list = CountingArchives((0..<count).map { "20261121t043709z-0123456789" + String($0 + 100_000) })
      return try list.encoded(of: try #require(KeyID(hex: id)), rootPrivate: seed).count
    }
    let (few, more) = (try size(10), try size(1010))
    #expect((more - few) % 1000 == 0)
    #expect(few + (more - few) / 1000 * (CountingArchives.most - 10) <= ObjectLimit.archive)
  }

  @Test("However many objects are passed over, ten are named and the others counted")
  func warnings() throws {
    let repository = try TestRepository()
    for number in 0..<15 {
      try repository.store.put(name("keys/junk-\(number)"), [1])
      try repository.store.put(name("removed/" + String(repeating: "0", count: 30) + "\(number + 10)"), [1])
    }
    let said = Monitor<[Diagnosis]>([])
    _ = try Repository.open(
      in: repository.store, passphrase: first,
      surroundings: RepositorySurroundings(
        clock: .system, random: .system, keyFolder: "", workers: 1,
        warn: { diagnosis in said.update { $0.append(diagnosis) } }))
    let problems = said.update { $0 }.map(\.problem)
    #expect(problems.count == 11)
    #expect(problems.last == "20 more objects in keys/ and removed/ are passed over")
    let report = try repository.reopened().check(.tables, cancellation: try Cancellation())
    #expect(report.findings.count == 30)
  }
}

@Suite("Removals that met each other")
struct MutualRemovalTests {
  private struct Ground {
    let repository: TestRepository
    let a: String
    let b: String

    /// Two full keys.
    init() throws {
      repository = try TestRepository()
      a = "\(repository.repository.context.keys.id)"
      b = try repository.repository.addKey(NewKey(role: .full, passphraseCost: 5), passphrase: second).id
    }

    /// What is left when the holders of both have removed each other, and were killed.
    func removeBoth() throws {
      let removals = try [a, b].map { id in
        try #require(try repository.repository.keyInventory().standing.first { "\($0.signer.id)" == id })
      }
      let seed = try #require(repository.repository.context.keys.rootPrivate)
      for entry in removals {
        try repository.store.put(
          try #require(KeyRemoval.objectName(entry.signer.id)),
          try KeyRemoval(of: entry.record, signer: entry.signer, at: Date()).encoded(rootPrivate: seed))
      }
    }

    var standing: Set<String> {
      get throws { Set(try repository.reopened().keys().filter { $0.removed == nil }.map(\.id)) }
    }
  }

  @Test("One of two that have removed each other removes the other, and is not locked out")
  func carriedOn() throws {
    let ground = try Ground()
    try ground.removeBoth()
    #expect(try ground.standing == [ground.a, ground.b])
    #expect(try ground.repository.reopened().removeKey(ground.b) == ground.b)
    #expect(try ground.standing == [ground.a])
    #expect(throws: RepositoryError.wrongPassphrase(location: "memory")) {
      try ground.repository.reopened(passphrase: second)
    }
    #expect(try ground.repository.store.list("removed").map(\.name.lastPart) == [ground.b])
  }

  @Test("Where two have removed each other a write-only key is removed, and both stay")
  func writeOnly() throws {
    let ground = try Ground()
    let host = try ground.repository.repository.addKey(
      NewKey(role: .writeOnly, passphraseCost: 5), passphrase: third
    ).id
    try ground.removeBoth()
    #expect(try ground.repository.reopened(passphrase: second).removeKey(host) == host)
    #expect(try ground.standing == [ground.a, ground.b])
    #expect(throws: RepositoryError.wrongPassphrase(location: "memory")) {
      try ground.repository.reopened(passphrase: third)
    }
  }

  @Test(
    "A key that was removed long ago is removed again without losing what it signed, whatever others have done since")
  func longAgo() throws {
    let ground = try Ground()
    let old = try ground.repository.repository.addKey(NewKey(role: .full, passphraseCost: 5), passphrase: third).id
    let data = ["a": dumpLikeBytes(50_000)]
    let archive = try ground.repository.backUp(
      data, name: "old", with: try ground.repository.reopened(passphrase: third))
    try ground.repository.reopened().removeKey(old)
    try ground.removeBoth()
    #expect(try ground.repository.reopened().removeKey(old) == old)
    #expect(try ground.standing == [ground.a, ground.b])
    #expect(try ground.repository.reopened().archives().map(\.name) == ["old"])
    #expect(try ground.repository.contents(of: archive) == data)
    #expect(
      try ground.repository.reopened().check(.content, cancellation: try Cancellation()).findings.isEmpty)
  }
}
