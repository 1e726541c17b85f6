import CofferStorage
import CofferSystem
import Synchronization
import TestSupport
import Testing

@testable import CofferRepository

/// Keeps secrets until it is told that time has passed.
final class MemoryKeeper: SecretKeeper {
  private let secrets = Mutex<[String: [UInt8]]>([:])

  func secret(named name: String) -> [UInt8]? { secrets.withLock { $0[name] } }

  func keep(_ secret: [UInt8], named name: String, seconds: Int) {
    #expect(seconds == 60)
    secrets.withLock { $0[name] = secret }
  }

  var all: [String: [UInt8]] {
    get { secrets.withLock { $0 } }
    set { secrets.withLock { $0 = newValue } }
  }
}

@Suite("Keys that stay open")
struct OpenedKeysTests {
  private let keeper = MemoryKeeper()
  private let repository: TestRepository

  init() throws {
    repository = try TestRepository()
  }

  private func open(_ passphrase: String = "correct horse") throws -> Repository {
    try Repository.open(
      in: repository.store, passphrase: SecretBytes(passphrase: passphrase),
      surroundings: RepositorySurroundings(
        clock: .system, random: .system, keyFolder: "", openedKeys: OpenedKeys(keeper: keeper, seconds: 60), workers: 1)
    )
  }

  private func record() throws -> KeyRecord {
    let name = try #require(try repository.store.list(KeyName.folder).first).name
    return try KeyRecord(decoding: try repository.store.get(name), object: name.path, location: "")
  }

  @Test("A key that was opened is found again with its passphrase, and holds what it held")
  func kept() throws {
    _ = try open()
    #expect(keeper.all.count == 1)
    let passphrase = SecretBytes(passphrase: "correct horse")
    let opened = OpenedKeys(keeper: keeper, seconds: 60)
    let bundle = try #require(opened.bundle(of: try record(), passphrase: passphrase))
    #expect(try record().unwrap(passphrase: passphrase)?.encoded() == bundle.encoded())
    let before = keeper.all
    let archive = try repository.backUp(["a": Array("content".utf8)], with: try open())
    #expect(try repository.contents(of: archive) == ["a": Array("content".utf8)])
    // It was not opened anew, and so not kept anew.
    #expect(keeper.all == before)
  }

  @Test("Whoever makes a repository need not stretch the passphrase once more")
  func made() throws {
    let store = MemoryStore()
    let passphrase = SecretBytes(passphrase: "correct horse")
    let surroundings = RepositorySurroundings(
      clock: .system, random: .system, keyFolder: "", openedKeys: OpenedKeys(keeper: keeper, seconds: 60), workers: 1)
    _ = try Repository.create(
      in: store, options: CreationOptions(mode: .repokey, passphraseCost: 10), passphrase: passphrase,
      surroundings: surroundings)
    let before = keeper.all
    #expect(before.count == 1)
    _ = try Repository.open(in: store, passphrase: passphrase, surroundings: surroundings)
    #expect(keeper.all == before)
  }

  @Test("A wrong passphrase opens nothing, however lately the right one was there")
  func wrongPassphrase() throws {
    _ = try open()
    #expect(throws: RepositoryError.wrongPassphrase(location: repository.store.location)) { try open("wrong horse") }
    let empty = SecretBytes(passphrase: "")
    #expect(OpenedKeys(keeper: keeper, seconds: 60).bundle(of: try record(), passphrase: empty) == nil)
  }

  @Test("Neither key nor passphrase can be read from what is kept")
  func sealed() throws {
    _ = try open()
    let passphrase = SecretBytes(passphrase: "correct horse")
    let bundle = try #require(try record().unwrap(passphrase: passphrase))
    let kept = try #require(keeper.all.values.first)
    for secret in [bundle.chunkIDKey.copied(), bundle.signingSeed.copied(), Array("correct horse".utf8)] {
      #expect(!kept.indices.contains { kept[$0...].starts(with: secret) })
    }
  }

  @Test("What was changed or cut, or was kept of another record, is passed over", arguments: [0, 20, 40, 200])
  func damage(position: Int) throws {
    _ = try open()
    let (name, kept) = try #require(keeper.all.first)
    var changed = kept
    changed[position] ^= 1
    for bytes in [changed, Array(kept[..<position]), []] {
      keeper.all = [name: bytes]
      _ = try open()
      #expect(keeper.all[name] != bytes)
    }
    let other = try TestRepository()
    let foreign = try #require(try other.store.list(KeyName.folder).first).name
    let record = try KeyRecord(decoding: try other.store.get(foreign), object: foreign.path, location: "")
    let passphrase = SecretBytes(passphrase: "correct horse")
    #expect(OpenedKeys(keeper: keeper, seconds: 60).bundle(of: record, passphrase: passphrase) == nil)
  }
}
