import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Keys")
struct KeyTests {
  @Test("A bundle comes back from its encoding, full or write-only")
  func bundles() throws {
    let full = try KeyBundle.generate(random: .system)
    for bundle in [full, try full.another(.writeOnly, random: .system), try full.another(.full, random: .system)] {
      let decoded = try bundle.encoded().withUnsafeBytes { try KeyBundle(decoding: $0) }
      #expect(decoded.id == bundle.id)
      #expect(decoded.role == bundle.role)
      #expect(decoded.encoded() == bundle.encoded())
      #expect((decoded.dataPrivate == nil) == (bundle.role == .writeOnly))
      #expect((decoded.rootPrivate == nil) == (bundle.role == .writeOnly))
      #expect(decoded.signingPublic == bundle.signingPublic)
    }
  }

  @Test("A wrong passphrase is told from everything else")
  func wrongPassphrase() throws {
    let repository = try TestRepository()
    #expect(throws: RepositoryError.wrongPassphrase(location: "memory")) {
      try repository.reopened(passphrase: SecretBytes(passphrase: "wrong horse"))
    }
  }

  private func open(_ ground: FolderRepository, _ said: Monitor<[String]>) throws -> Repository {
    try Repository.open(
      in: ground.store, passphrase: TestRepository.passphrase,
      surroundings: RepositorySurroundings(
        clock: .system, random: .system, keyFolder: "", workers: 1,
        warn: { diagnosis in said.update { $0.append("\(diagnosis.subject): \(diagnosis.problem)") } }))
  }

  @Test(
    "A key whose wrapped part is too long or too short is damaged, also for those who cannot open it",
    arguments: [-1, -100, 1, 900])
  func wrongSizes(change: Int) throws {
    for role in [KeyRole.full, .writeOnly] {
      let ground = try FolderRepository()
      defer { ground.remove() }
      let id = try ground.opened().addKey(
        NewKey(role: role, passphraseCost: 5), passphrase: SecretBytes(passphrase: "second")
      ).id
      let path = "\(ground.folder)/keys/\(id)"
      var bytes = Array(try #require(FileManager.default.contents(atPath: path)))
      bytes = change < 0 ? bytes.dropLast(-change) : bytes + [UInt8](repeating: 7, count: change)
      try FileManager.default.removeItem(atPath: path)
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      let said = Monitor<[String]>([])
      _ = try open(ground, said)
      #expect(said.update { $0 }.contains { $0.contains("keys/\(id)") }, "\(said.update { $0 })")
    }
  }

  @Test("Where no key opens, keys that have lost their bytes are named", arguments: StrangeEntry.allCases)
  func lostKeys(entry: StrangeEntry) throws {
    for others in [0, 1] {
      let ground = try FolderRepository()
      defer { ground.remove() }
      let first = try ground.opened().context.keys.id
      if others == 1 {
        try ground.opened().addWriteOnlyKey(passphrase: SecretBytes(passphrase: "second"), passphraseCost: 5)
      }
      try entry.replace("\(ground.folder)/keys/\(first)")
      let said = Monitor<[String]>([])
      #expect(throws: RepositoryError.self) { try open(ground, said) }
      let lost = "keys/\(first) is no file, or an empty one"
      #expect(said.update { $0 }.contains { $0.contains(lost) }, "\(said.update { $0 })")
    }
  }

  @Test("A write-only key adds and deduplicates, but can neither read nor delete")
  func writeOnly() throws {
    let repository = try TestRepository()
    let data = ["dump": dumpLikeBytes(1_000_000)]
    try repository.backUp(data, name: "full")
    let second = SecretBytes(passphrase: "database host")
    try repository.repository.addWriteOnlyKey(passphrase: second, passphraseCost: 5)
    let host = try repository.reopened(passphrase: second)
    #expect(host.role == .writeOnly)
    let archive = try repository.backUp(data, name: "host", with: host)
    #expect(archive.statistics.newSize < 1000)
    #expect(try host.archives().map(\.name) == ["full", "host"])
    #expect(throws: RepositoryError.needsFullKey(location: "memory", action: "read what was backed up")) {
      try host.reader()
    }
    #expect(throws: RepositoryError.needsFullKey(location: "memory", action: "delete archives")) {
      try host.delete(archive)
    }
    #expect(throws: RepositoryError.self) { try host.addWriteOnlyKey(passphrase: second, passphraseCost: 5) }
    #expect(try repository.contents(of: archive) == data)
  }

  @Test("Nobody's chunks are deduplicated against a write-only key of another host")
  func poisoning() throws {
    let repository = try TestRepository()
    let passphrases = ["one", "two"].map { SecretBytes(passphrase: $0) }
    for passphrase in passphrases {
      try repository.repository.addWriteOnlyKey(passphrase: passphrase, passphraseCost: 5)
    }
    let data = ["dump": dumpLikeBytes(500_000)]
    let one = try repository.backUp(data, name: "one", with: try repository.reopened(passphrase: passphrases[0]))
    let two = try repository.backUp(data, name: "two", with: try repository.reopened(passphrase: passphrases[1]))
    let full = try repository.backUp(data, name: "full", with: try repository.reopened())
    #expect(one.statistics.newSize > 490_000)
    #expect(two.statistics.newSize > 490_000)
    #expect(full.statistics.newSize > 490_000)
    let again = try repository.backUp(data, name: "again", with: try repository.reopened(passphrase: passphrases[0]))
    #expect(again.statistics.newSize < 1000)
  }

  @Test("A key that the root did not sign opens nothing, and keeps none of the repository's own from opening it")
  func foreignSigner() throws {
    let repository = try TestRepository()
    let stranger = try KeyBundle.generate(random: .system)
    let record = try KeyRecord(
      wrapping: stranger, rootPrivate: try #require(stranger.rootPrivate), passphrase: TestRepository.passphrase,
      logN: 5, created: Date(), random: .system)
    try repository.store.put(try #require(KeyName(stranger.id).object), record.bytes)
    let reopened = try repository.reopened()
    #expect(reopened.context.keys.id == repository.repository.context.keys.id)
    #expect(reopened.context.signers[stranger.id] == nil)
    try repository.store.delete(try #require(KeyName(repository.repository.context.keys.id).object))
    #expect(throws: RepositoryError.self) { try repository.reopened() }
  }

  @Test("The repository's parameters cannot be changed behind a key's back")
  func changedParameters() throws {
    let repository = try TestRepository()
    repository.store.tamper(RepositoryHeader.configName) { bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      let position = text.utf8.distance(from: text.utf8.startIndex, to: text.range(of: "8192")!.lowerBound)
      bytes.replaceSubrange(position..<position + 4, with: Array("4096".utf8))
    }
    #expect(throws: RepositoryError.self) { try repository.reopened() }
  }

  @Test("The key of a keyfile repository is in its file and not in the repository")
  func keyfile() throws {
    let repository = try TestRepository(mode: .keyfile)
    let data = ["a": dumpLikeBytes(100_000)]
    let archive = try repository.backUp(data)
    #expect(try repository.contents(of: archive) == data)
    let path = TestRepository.surroundings.keyFolder + "/" + repository.repository.header.id + ".key"
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    try FileManager.default.removeItem(atPath: path)
    #expect(throws: RepositoryError.keyFileMissing(location: "memory", path: path)) { try repository.reopened() }
  }
}
