import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("Copies of keys, and storage in which somebody may delete")
struct KeyCopyTests {
  private static let first = TestRepository.passphrase
  private static let second = SecretBytes(passphrase: "second")
  private static let data = ["dump": dumpLikeBytes(100_000)]

  private func opens(_ repository: TestRepository, _ passphrase: SecretBytes) throws -> Bool {
    do {
      _ = try repository.reopened(passphrase: passphrase)
      return true
    } catch RepositoryError.wrongPassphrase {
      return false
    }
  }

  /// The key objects that stand, by their names.
  private func keys(_ repository: TestRepository) throws -> [ObjectName: [UInt8]] {
    try repository.store.list("keys").reduce(into: [:]) { $0[$1.name] = try repository.store.get($1.name) }
  }

  @Test("A removal counts as long as it stands: whoever deletes it and kept the key's object has the key back")
  func deletedRemoval() throws {
    let repository = try TestRepository()
    let key = try repository.repository.addKey(NewKey(role: .writeOnly, passphraseCost: 5), passphrase: Self.second)
    let kept = try keys(repository)
    let thief = try repository.reopened(passphrase: Self.second)
    try repository.reopened().removeKey(key.id)
    #expect(throws: RepositoryError.keyRemoved(location: "memory", key: key.id)) {
      try repository.backUp(Self.data, name: "after", with: thief)
    }
    for (name, bytes) in kept where try repository.store.list("keys").allSatisfy({ $0.name != name }) {
      try repository.store.put(name, bytes)
    }
    // As long as the removal stands the key's object brings nothing back.
    #expect(try !opens(repository, Self.second))
    #expect(try repository.reopened().archives().isEmpty)
    for status in try repository.store.list("removed") { try repository.store.delete(status.name) }
    #expect(try opens(repository, Self.second))
    #expect(try repository.reopened().archives().map(\.name) == ["after"])
  }

  @Test("An old passphrase opens a copy of the key's object from before its change, and by that all there is")
  func copiedWrapping() throws {
    let repository = try TestRepository()
    let kept = try keys(repository)
    #expect(try repository.repository.changePassphrase(to: Self.second, passphraseCost: 5))
    let archive = try repository.backUp(
      Self.data, name: "later", with: try repository.reopened(passphrase: Self.second))
    #expect(try !opens(repository, Self.first))
    // In a copy of the repository nobody sees that there is a newer wrapping.
    for status in try repository.store.list("keys") { try repository.store.delete(status.name) }
    for (name, bytes) in kept { try repository.store.put(name, bytes) }
    #expect(try !opens(repository, Self.second))
    #expect(try repository.contents(of: archive) == Self.data)
  }

  @Test("A printed page opens with the passphrase that it was printed with all that was stored since")
  func printedPage() throws {
    let repository = try TestRepository()
    let page = try repository.repository.exportKey().paper.joined(separator: "\n")
    #expect(try repository.repository.changePassphrase(to: Self.second, passphraseCost: 5))
    let archive = try repository.backUp(
      Self.data, name: "later", with: try repository.reopened(passphrase: Self.second))
    let surroundings = TestRepository.surroundings(clock: repository.clock)
    let export = try KeyExport(reading: Array(page.utf8))
    // The repository itself has the newer wrapping, and takes no older one.
    #expect(throws: RepositoryError.self) {
      try Repository.importKey(export, in: repository.store, surroundings: surroundings)
    }
    for status in try repository.store.list("keys") { try repository.store.delete(status.name) }
    #expect(try Repository.importKey(export, in: repository.store, surroundings: surroundings))
    #expect(try !opens(repository, Self.second))
    #expect(try repository.contents(of: archive) == Self.data)
  }
}
