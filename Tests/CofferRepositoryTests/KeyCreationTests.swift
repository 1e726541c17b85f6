import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("Making a repository")
struct KeyCreationTests {
  private let folder = NSTemporaryDirectory() + "coffer-creation-\(UUID().uuidString)"

  private func surroundings() -> RepositorySurroundings {
    RepositorySurroundings(clock: ManualClock().clock, random: .system, keyFolder: folder, workers: 2)
  }

  @discardableResult
  private func create(in store: any ObjectStore, _ mode: EncryptionMode) throws -> Repository {
    try Repository.create(
      in: store, options: CreationOptions(mode: mode, passphraseCost: 5), passphrase: TestRepository.passphrase,
      surroundings: surroundings())
  }

  @Test(
    "One that is killed at any call of the store can be made again or is there, and opens",
    arguments: EncryptionMode.allCases)
  func killed(mode: EncryptionMode) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var count = 0
    var isDone = false
    while !isDone {
      for doesLast in [false, true] {
        let store = MemoryStore()
        let stopping = StoppingStore(store, after: count, doesLast: doesLast)
        do {
          try create(in: stopping, mode)
        } catch let error as StorageError {
          #expect(error.kind == .transient)
        }
        isDone = !stopping.hasStopped
        if try Repository.header(in: store) == nil { try create(in: store, mode) }
        let opened = try Repository.open(
          in: store, passphrase: TestRepository.passphrase, surroundings: surroundings())
        let session = try opened.beginSession(cancellation: try Cancellation())
        session.add(.file("a", try session.store(MemorySource([1, 2, 3]))))
        _ = try session.commit(.named("a"))
        #expect(try opened.check(.content, cancellation: try Cancellation()).findings.isEmpty)
        #expect(try opened.keys().count == 1)
        #expect(try store.list("keys").count == 1)
      }
      count += 1
    }
    #expect(count > 5)
  }

  @Test(
    "Of several at the same moment one stays, and opens with its own passphrase", arguments: EncryptionMode.allCases)
  func concurrent(mode: EncryptionMode) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for _ in 0..<5 {
      let store = MemoryStore()
      let made = Monitor<[String: String]>([:])
      let threads = try (0..<4).map { number in
        try WorkerThread(name: "create \(number)") {
          let passphrase = "horse \(number)"
          let repository = try? Repository.create(
            in: store, options: CreationOptions(mode: mode, passphraseCost: 5),
            passphrase: SecretBytes(passphrase: passphrase), surroundings: surroundings())
          if let repository { made.update { $0[passphrase] = repository.header.id } }
        }
      }
      for thread in threads { thread.join() }
      let winners = made.update { $0 }
      #expect(winners.count == 1)
      let (passphrase, id) = try #require(winners.first)
      let opened = try Repository.open(
        in: store, passphrase: SecretBytes(passphrase: passphrase), surroundings: surroundings())
      #expect(opened.header.id == id)
      #expect(try opened.keys().count == 1)
    }
  }

  @Test("Tidying up behind a creation leaves a key alone that was added in between")
  func addedMeanwhile() throws {
    let store = MemoryStore()
    let second = SecretBytes(passphrase: "second")
    // The put of the header is the moment from which on others can open the repository.
    let watching = RecordingStore(
      store,
      afterPut: { name throws(StorageError) in
        guard name == RepositoryHeader.configName else { return }
        do {
          let opened = try Repository.open(
            in: store, passphrase: TestRepository.passphrase, surroundings: TestRepository.surroundings)
          _ = try opened.addKey(NewKey(role: .writeOnly, passphraseCost: 5), passphrase: second)
        } catch {
          Issue.record(error)
        }
      })
    try create(in: watching, .repokey)
    #expect(
      try Repository.open(in: store, passphrase: second, surroundings: surroundings()).role == .writeOnly)
  }
}
