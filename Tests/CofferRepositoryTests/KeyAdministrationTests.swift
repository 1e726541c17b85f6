import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

private let first = TestRepository.passphrase
private let second = SecretBytes(passphrase: "second")
private let third = SecretBytes(passphrase: "third")

extension Repository {
  @discardableResult
  fileprivate func addKey(
    _ role: KeyRole, _ passphrase: SecretBytes, label: String = "", file: String? = nil
  ) throws -> String {
    try addKey(
      NewKey(role: role, label: label, hostname: "host-1", file: file, passphraseCost: 5), passphrase: passphrase
    ).id
  }

  fileprivate func change(to passphrase: SecretBytes) throws -> Bool {
    try changePassphrase(to: passphrase, passphraseCost: 5)
  }
}

@Suite("Keys that are added, changed and removed")
struct KeyAdministrationTests {
  private static let data = ["dump": dumpLikeBytes(200_000)]

  private func names(_ repository: TestRepository, _ folder: String = "keys") throws -> [String] {
    try repository.store.list(folder).map(\.name.lastPart)
  }

  private func opens(_ repository: TestRepository, _ passphrase: SecretBytes) throws -> Bool {
    do {
      _ = try repository.reopened(passphrase: passphrase)
      return true
    } catch RepositoryError.wrongPassphrase {
      return false
    }
  }

  /// Calls `body` on a repository that is killed after every number of calls in turn, and `look` on what is left.
  private func killed(
    prepare: (TestRepository) throws -> Void = { _ in }, _ body: (Repository) throws -> Void,
    look: (TestRepository) throws -> Void
  ) throws {
    var count = 0
    var isDone = false
    while !isDone {
      for doesLast in [false, true] {
        let repository = try TestRepository()
        try prepare(repository)
        let store = StoppingStore(repository.store, after: count, doesLast: doesLast)
        do {
          let opened = try Repository.open(
            in: store, passphrase: first, surroundings: TestRepository.surroundings(clock: repository.clock))
          try body(opened)
        } catch let error as StorageError {
          #expect(error.kind == .transient)
        }
        isDone = !store.hasStopped
        try look(repository)
      }
      count += 1
    }
    #expect(count > 5)
  }

  // MARK: - Adding

  @Test("A second full key opens, reads, deletes and adds keys, and both deduplicate against each other")
  func secondFull() throws {
    let repository = try TestRepository()
    let archive = try repository.backUp(Self.data, name: "first")
    try repository.repository.addKey(.full, second, label: "safe")
    let other = try repository.reopened(passphrase: second)
    #expect(other.role == .full)
    #expect(try repository.backUp(Self.data, name: "second", with: other).statistics.newSize == 0)
    #expect(try repository.contents(of: archive) == Self.data)
    try other.delete(archive)
    try other.addKey(.writeOnly, third)
    let (own, others) = (repository.repository.context.keys, other.context.keys)
    #expect(own.dataPrivate?.copied() == others.dataPrivate?.copied())
    #expect(own.rootPrivate?.copied() == others.rootPrivate?.copied())
    #expect(own.id != others.id && own.signingPublic != others.signingPublic)
  }

  @Test("A list names every key with its label and machine, which whoever stores the repository cannot read")
  func list() throws {
    let repository = try TestRepository()
    let id = try repository.repository.addKey(.writeOnly, second, label: "café \u{1b}[31m")
    let keys = try repository.reopened(passphrase: second).keys()
    #expect(keys.map(\.role) == [.full, .writeOnly] || keys.map(\.role) == [.writeOnly, .full])
    let added = try #require(keys.first { $0.id == id })
    #expect(added.label == "café \u{1b}[31m" && added.hostname == "host-1" && added.isInUse && added.removed == nil)
    for status in try repository.store.list("keys") {
      let bytes = try repository.store.get(status.name)
      #expect(!String(decoding: bytes, as: UTF8.self).contains("host-1"))
    }
  }

  @Test("A label that somebody changes takes the key's signature with it")
  func forgedLabel() throws {
    let repository = try TestRepository()
    let id = try repository.repository.addKey(.writeOnly, second, label: "web")
    let description = try KeyDescription(label: "backup of the boss", hostname: "x").sealed(
      for: try #require(KeyID(hex: id)), indexKey: repository.repository.context.keys.indexKey, random: .system)
    repository.store.tamper(try #require(ObjectName("keys/\(id)"))) { bytes in
      let text = String(decoding: bytes[12...], as: UTF8.self)
      let start = 12 + text.utf8.distance(from: text.startIndex, to: text.range(of: "description\":\"")!.upperBound)
      bytes.replaceSubrange(start..<start + 40, with: Array(Hexadecimal.encode(description.prefix(20)).utf8))
    }
    #expect(try repository.reopened().keys().map(\.id).contains(id) == false)
  }

  @Test("A passphrase that opens a key already makes no second one, and no key of another role")
  func samePassphrase() throws {
    let repository = try TestRepository()
    let id = try repository.repository.addKey(.writeOnly, second)
    let again = try repository.repository.addKey(NewKey(role: .writeOnly, passphraseCost: 5), passphrase: second)
    #expect(again == (id, false))
    #expect(throws: RepositoryError.passphraseInUse(location: "memory", key: id)) {
      try repository.repository.addKey(.full, second)
    }
    #expect(try names(repository).count == 2)
  }

  @Test("An addition that is killed at any call can be made again, and leaves one key of the passphrase")
  func killedAddition() throws {
    try killed {
      try $0.addKey(.writeOnly, second)
    } look: { repository in
      #expect(try opens(repository, first))
      try repository.reopened().addKey(.writeOnly, second)
      #expect(try opens(repository, second))
      #expect(try names(repository).count == 2)
    }
  }

  // MARK: - Another passphrase

  @Test("After a change the new passphrase opens the same key and the old one nothing")
  func change() throws {
    let repository = try TestRepository()
    let archive = try repository.backUp(Self.data, name: "before")
    let id = repository.repository.context.keys.id
    #expect(try repository.repository.change(to: second))
    #expect(try !opens(repository, first))
    let opened = try repository.reopened(passphrase: second)
    #expect(opened.context.keys.id == id)
    #expect(try names(repository) == ["\(id)-1"])
    #expect(try repository.backUp(Self.data, name: "after", with: opened).statistics.newSize == 0)
    #expect(try opened.archives().map(\.id).contains(archive.id))
    #expect(try !opened.change(to: second))
    #expect(try opened.change(to: first))
    #expect(try names(repository) == ["\(id)-2"])
    #expect(try repository.contents(of: archive) == Self.data)
    #expect(try repository.reopened().check(.tables, cancellation: try Cancellation()).findings.isEmpty)
  }

  @Test("Whoever has a write-only key changes its passphrase himself, and nobody's else")
  func ownChange() throws {
    let repository = try TestRepository()
    try repository.repository.addKey(.writeOnly, second)
    #expect(try repository.reopened(passphrase: second).change(to: third))
    #expect(try opens(repository, first) && opens(repository, third) && !opens(repository, second))
    #expect(try repository.reopened(passphrase: third).role == .writeOnly)
    #expect(throws: RepositoryError.self) { try repository.reopened(passphrase: third).change(to: first) }
  }

  @Test("A change that is killed at any call leaves what the old or the new passphrase opens, and can be made again")
  func killedChange() throws {
    try killed {
      _ = try $0.change(to: second)
    } look: { repository in
      let (old, new) = try (opens(repository, first), opens(repository, second))
      #expect(old != new)
      let opened = try repository.reopened(passphrase: new ? second : first)
      _ = try opened.change(to: second)
      #expect(try opens(repository, second) && !opens(repository, first))
      #expect(try names(repository).count == 1)
    }
  }

  @Test("An old wrapping that is brought back opens nothing, and one that the key has not signed is passed over")
  func replayedWrapping() throws {
    let repository = try TestRepository()
    let id = repository.repository.context.keys.id
    let name = try #require(KeyName(id).object)
    let old = try repository.store.get(name)
    _ = try repository.repository.change(to: second)
    try repository.store.put(name, old)
    #expect(try !opens(repository, first) && opens(repository, second))
    let entry = try #require(try repository.reopened(passphrase: second).keyInventory().standing.first)
    let forged = try entry.record.rewrapping(
      repository.repository.context.keys.another(.full, random: .system), revision: 7, passphrase: third, logN: 5,
      random: .system)
    try repository.store.put(try #require(KeyName(id, revision: 7).object), forged.bytes)
    #expect(try !opens(repository, third) && opens(repository, second))
    let opened = try repository.reopened(passphrase: second)
    #expect(try opened.change(to: first))
    #expect(try opens(repository, first) && !opens(repository, second))
    let report = try repository.reopened().check(.tables, cancellation: try Cancellation())
    #expect(report.findings.map(\.object) == ["keys/\(id)-7"])
  }

  @Test("Of two changes at the same moment one counts, and the other says so")
  func concurrentChange() throws {
    let repository = try TestRepository()
    let other = try repository.reopened()
    let inventory = try other.keyInventory()
    #expect(try repository.repository.change(to: second))
    let name = try #require(KeyName(other.context.keys.id, revision: 1).object)
    let late = try #require(inventory.standing.first).record.rewrapping(
      other.context.keys, revision: 1, passphrase: third, logN: 5, random: .system)
    #expect(throws: StorageError.occupied(name, location: "memory")) { try other.context.store.put(name, late.bytes) }
    #expect(try opens(repository, second) && !opens(repository, third))
  }

  @Test("A key that stays open is not opened by its old passphrase, nor when it was removed")
  func openedKeys() throws {
    let repository = try TestRepository()
    let keeper = MemoryKeeper()
    func open(_ passphrase: SecretBytes) throws -> Repository {
      try Repository.open(
        in: repository.store, passphrase: passphrase,
        surroundings: RepositorySurroundings(
          clock: .system, random: .system, keyFolder: "", openedKeys: OpenedKeys(keeper: keeper, seconds: 60),
          workers: 1))
    }
    let id = try open(first).addKey(.full, second)
    _ = try open(second)
    #expect(keeper.all.count == 2)
    #expect(try open(first).change(to: third))
    #expect(throws: RepositoryError.wrongPassphrase(location: "memory")) { try open(first) }
    try open(third).removeKey(id)
    #expect(throws: RepositoryError.wrongPassphrase(location: "memory")) { try open(second) }
  }

  // MARK: - Removal

  @Test("A removed full key opens nothing, and what it signed reads and is leaned on as before")
  func removedFull() throws {
    let repository = try TestRepository()
    let id = try repository.repository.addKey(.full, second)
    let other = try repository.reopened(passphrase: second)
    let archive = try repository.backUp(Self.data, name: "other", with: other)
    #expect(try repository.reopened().removeKey(String(id.prefix(8))) == id)
    #expect(try !opens(repository, second))
    #expect(try names(repository).count == 1)
    let left = try repository.reopened()
    #expect(try repository.contents(of: archive) == Self.data)
    #expect(try repository.backUp(Self.data, name: "again", with: left).statistics.newSize == 0)
    #expect(try left.archives().map(\.name).sorted() == ["again", "other"])
    #expect(try left.check(.content, cancellation: try Cancellation()).findings.isEmpty)
    #expect(try left.keys().first { $0.id == id }?.removed != nil)
  }

  @Test("What a write-only key signed before it was removed counts, and what it signs afterwards does not")
  func removedWriteOnly() throws {
    let repository = try TestRepository()
    let id = try repository.repository.addKey(.writeOnly, second)
    let thief = try repository.reopened(passphrase: second)
    let before = try repository.backUp(Self.data, name: "before", with: thief)
    try repository.reopened().removeKey(id)
    #expect(try !opens(repository, second))
    #expect(throws: RepositoryError.keyRemoved(location: "memory", key: id)) {
      try repository.backUp(["dump": noise(10_000)], name: "after", with: thief)
    }
    let left = try repository.reopened()
    #expect(try left.archives().map(\.name) == ["before"])
    #expect(try repository.contents(of: before) == Self.data)
    let forged = try #require(try repository.store.list("archives").map(\.name.lastPart).first { $0 != before.id })
    let report = try left.check(.recipes, cancellation: try Cancellation())
    #expect(report.findings.count == 1)
    #expect(report.findings.allSatisfy { $0.problem.contains(forged) && $0.problem.contains(id) })
    #expect(try left.isUnreadable(forged))
    try left.deleteUnreadable(forged)
    #expect(try repository.reopened().check(.content, cancellation: try Cancellation()).findings.isEmpty)
  }

  @Test("What a machine remembers of archives does not make one count that a removed key has signed since")
  func remembered() throws {
    let repository = try TestRepository()
    let folder = NSTemporaryDirectory() + "coffer-removed-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let surroundings = TestRepository.surroundings(clock: repository.clock, cacheFolder: folder)
    func open() throws -> Repository {
      try Repository.open(in: repository.store, passphrase: first, surroundings: surroundings)
    }
    let id = try repository.repository.addKey(.writeOnly, second)
    let thief = try repository.reopened(passphrase: second)
    try repository.backUp(Self.data, name: "before", with: thief)
    let stale = try open()
    try open().removeKey(id)
    _ = try? repository.backUp(["dump": noise(10_000)], name: "after", with: thief)
    // It opened the repository before the key was removed, and remembers all that it sees.
    #expect(try stale.archives().map(\.name) == ["before", "after"])
    #expect(try open().archives().map(\.name) == ["before"])
  }

  @Test("A removal that is killed at any call keeps every archive, leaves what a full key opens, and can be carried on")
  func killedRemoval() throws {
    for role in [KeyRole.full, .writeOnly] {
      var id = ""
      let prepare = { (repository: TestRepository) in
        id = try repository.repository.addKey(role, second)
        try repository.backUp(
          ["a": Array("content".utf8)], name: "kept", with: try repository.reopened(passphrase: second))
      }
      try killed(prepare: { try prepare($0) }) {
        try $0.removeKey(id)
      } look: { repository in
        let left = try repository.reopened()
        #expect(try left.archives().map(\.name) == ["kept"])
        #expect(try left.removeKey(id) == id)
        let after = try repository.reopened()
        #expect(try after.archives().map(\.name) == ["kept"])
        #expect(try !opens(repository, second))
        #expect(try names(repository).count == 1)
        #expect(try names(repository, "removed").count == (role == .full ? 1 : 2))
        #expect(try repository.contents(of: try #require(try after.archives().first)) == ["a": Array("content".utf8)])
        #expect(try after.check(.content, cancellation: try Cancellation()).findings.isEmpty)
      }
    }
  }

  @Test("The key in use is never removed, and two that remove each other leave one full key")
  func lastFull() throws {
    let repository = try TestRepository()
    let own = "\(repository.repository.context.keys.id)"
    #expect(throws: RepositoryError.keyInUse(location: "memory", key: own)) { try repository.repository.removeKey(own) }
    let id = try repository.repository.addKey(.full, second)
    let other = try repository.reopened(passphrase: second)
    try repository.repository.removeKey(id)
    #expect(throws: RepositoryError.lastFullKey(location: "memory")) { try other.removeKey(own) }
    #expect(try opens(repository, first) && !opens(repository, second))
    #expect(try repository.reopened().keys().filter { $0.removed == nil }.map(\.id) == [own])
  }

  @Test("Removals that would leave no full key do not count where the key's object stands")
  func removalsOfAll() throws {
    let repository = try TestRepository()
    let keys = repository.repository.context.keys
    let entry = try #require(try repository.repository.keyInventory().standing.first)
    let removal = KeyRemoval(of: entry.record, signer: entry.signer, at: Date())
    try repository.store.put(
      try #require(KeyRemoval.objectName(keys.id)), removal.encoded(rootPrivate: try #require(keys.rootPrivate)))
    #expect(try opens(repository, first))
  }

  @Test(
    "A write-only key removes nobody, and what the root has not signed in removed/ says nothing and is in nobody's way")
  func forgedRemoval() throws {
    let repository = try TestRepository()
    let id = try repository.repository.addKey(.writeOnly, second)
    let host = try repository.reopened(passphrase: second)
    #expect(throws: RepositoryError.needsFullKey(location: "memory", action: "remove keys")) {
      try host.removeKey("\(repository.repository.context.keys.id)")
    }
    let stranger = try KeyBundle.generate(random: .system)
    let entry = try #require(
      try repository.repository.keyInventory().standing.first { "\($0.signer.id)" == id })
    let forged = try KeyRemoval(of: entry.record, signer: entry.signer, at: Date())
      .encoded(rootPrivate: try #require(stranger.rootPrivate))
    let name = try #require(KeyRemoval.objectName(entry.signer.id))
    try repository.store.put(name, forged)
    #expect(try opens(repository, second))
    try repository.backUp(["a": [1]], name: "host", with: host)
    #expect(
      try repository.reopened().check(.tables, cancellation: try Cancellation()).findings.map(\.object) == [name.path])
    try repository.reopened().removeKey(id)
    #expect(try !opens(repository, second))
    #expect(try repository.reopened().archives().map(\.name) == ["host"])
  }

  @Test(
    "One changed bit in a removal, or in its list of archives, is found and named, and makes nothing count that did not"
  )
  func damagedRemoval() throws {
    let repository = try TestRepository()
    let id = try repository.repository.addKey(.writeOnly, second)
    try repository.backUp(["a": [1]], name: "host", with: try repository.reopened(passphrase: second))
    try repository.reopened().removeKey(id)
    for status in try repository.store.list("removed") {
      for position in stride(from: 0, to: status.size, by: 7) {
        repository.store.tamper(status.name) { $0[position] ^= 1 }
        defer { repository.store.tamper(status.name) { $0[position] ^= 1 } }
        let opened = try repository.reopened()
        let findings = try opened.check(.tables, cancellation: try Cancellation()).findings
        #expect(findings.contains { $0.object == status.name.path }, "\(status.name) byte \(position)")
        #expect(try !opens(repository, second))
      }
    }
  }

  @Test(
    "A change of the passphrase that fails when the new one may count already says so",
    arguments: [false, true], [StorageFailure.Kind.transient, .permanent])
  func doubtfulChange(isLastDone: Bool, kind: StorageFailure.Kind) throws {
    var told = 0
    for limit in 0... {
      let repository = try TestRepository()
      let store = StoppingStore(repository.store, after: limit, doesLast: isLastDone, kind: kind)
      let said = Monitor<[String]>([])
      guard let opened = try? repository.open(store, said: said) else { continue }
      let isDone = (try? opened.changePassphrase(to: second, passphraseCost: 5)) != nil
      let counts = (try? repository.reopened(passphrase: second)) != nil
      let isTold = said.update { $0 }.contains { $0.contains("may count already") }
      #expect(isDone ? counts : isTold || !counts, "\(limit)")
      told += isTold && counts ? 1 : 0
      if isDone { break }
    }
    #expect(told > 0)
  }

  @Test("A passphrase is tried on full keys first, and last on those on which it takes longest")
  func expensiveWrapping() throws {
    let repository = try TestRepository()
    for number in 0..<4 { try repository.repository.addKey(.writeOnly, SecretBytes(passphrase: "host \(number)")) }
    func order() throws -> [KeyRole] {
      let context = repository.repository.context
      let ring = KeyRing(
        header: context.header, store: context.store, surroundings: context.surroundings, remarks: context.remarks)
      return try ring.candidates(repository.repository.keyInventory()).map(\.clear.role)
    }
    #expect(try order() == [.full, .writeOnly, .writeOnly, .writeOnly, .writeOnly])
    #expect(try repository.repository.changePassphrase(to: second, passphraseCost: 6))
    #expect(try order() == [.writeOnly, .writeOnly, .writeOnly, .writeOnly, .full])
  }
}
