import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("Changes of keys on a machine that loses its power at any moment")
struct KeyCrashTests {
  private typealias Trial = CrashTrial

  private static let second = SecretBytes(passphrase: "second")
  private static let small = Array(CrashTrial.old[..<20_000])

  private static func open(_ store: any ObjectStore, _ passphrase: SecretBytes) throws -> Repository? {
    do {
      return try Repository.open(in: store, passphrase: passphrase, surroundings: Trial.surroundings)
    } catch RepositoryError.wrongPassphrase {
      return nil
    }
  }

  /// A repository with an archive, and one with a second key and an archive of that.
  private func prepared(_ role: KeyRole? = nil) throws -> (folder: String, key: String) {
    var key = ""
    let folder = try Trial.prepared { store in
      try Trial.backUp(Self.small, "kept", in: store)
      guard let role else { return }
      key = try Trial.open(store).addKey(NewKey(role: role, passphraseCost: 5), passphrase: Self.second).id
      let other = try #require(try Self.open(store, Self.second))
      let session = try other.beginSession(cancellation: try Cancellation())
      session.add(.file("dump", try session.store(MemorySource(Self.small))))
      _ = try session.commit(.named("other's"))
    }
    return (folder, key)
  }

  private func expectWhole(_ store: any ObjectStore, _ passphrase: SecretBytes, _ names: [String]) throws {
    let repository = try #require(try Self.open(store, passphrase))
    #expect(try Set(repository.archives().map(\.name)) == Set(names))
    try Trial.readAll(repository, ["kept": Self.small, "other's": Self.small])
    #expect(try repository.check(.content, cancellation: try Cancellation()).findings == [])
  }

  @Test(
    "key add: the key opens if the command said so, it can be made again, and the first one opens all along",
    arguments: [KeyRole.full, .writeOnly])
  func adding(_ role: KeyRole) throws {
    let before = try prepared().folder
    defer { try? FileManager.default.removeItem(atPath: before) }
    func add(_ store: any ObjectStore) throws {
      _ = try Trial.open(store).addKey(NewKey(role: role, passphraseCost: 5), passphrase: Self.second)
    }
    try Trial.crash(before, add, atLeast: 3) { store, isDone in
      try expectWhole(store, Trial.passphrase, ["kept"])
      #expect(try !isDone || Self.open(store, Self.second)?.role == role)
      try add(store)
      #expect(try Self.open(store, Self.second)?.role == role)
      #expect(try Trial.open(store).keys().count == 2)
      try expectWhole(store, Trial.passphrase, ["kept"])
    }
  }

  @Test("key change-passphrase: the old or the new one opens, the new one if the command said so, and never none")
  func changing() throws {
    let before = try prepared().folder
    defer { try? FileManager.default.removeItem(atPath: before) }
    try Trial.crash(
      before, { _ = try Trial.open($0).changePassphrase(to: Self.second, passphraseCost: 5) }, atLeast: 3
    ) { store, isDone in
      let isChanged = try Self.open(store, Self.second) != nil
      #expect(isChanged || !isDone)
      let passphrase = isChanged ? Self.second : Trial.passphrase
      try expectWhole(store, passphrase, ["kept"])
      let repository = try #require(try Self.open(store, passphrase))
      _ = try repository.changePassphrase(to: Self.second, passphraseCost: 5)
      #expect(try Self.open(store, Trial.passphrase) == nil)
      try expectWhole(store, Self.second, ["kept"])
    }
  }

  @Test(
    "key remove: every archive that the key made before counts, and the command can be given again",
    arguments: [KeyRole.full, .writeOnly])
  func removing(_ role: KeyRole) throws {
    let (before, key) = try prepared(role)
    defer { try? FileManager.default.removeItem(atPath: before) }
    try Trial.crash(before, { _ = try Trial.open($0).removeKey(key) }, atLeast: 3) { store, isDone in
      #expect(try Set(Trial.open(store).archives().map(\.name)) == ["kept", "other's"])
      if isDone { #expect(try Self.open(store, Self.second) == nil) }
      #expect(try Trial.open(store).removeKey(key) == key)
      #expect(try Self.open(store, Self.second) == nil)
      try expectWhole(store, Trial.passphrase, ["kept", "other's"])
    }
  }

  @Test("key import: the key opens if the command said so, and can be imported again")
  func importing() throws {
    let (before, key) = try prepared(.full)
    defer { try? FileManager.default.removeItem(atPath: before) }
    let store = LocalDirectoryStore(root: before)
    let export = try Trial.open(store).exportKey(key)
    let name = try #require(KeyID(hex: key).flatMap { KeyName($0).object })
    try store.delete(name)
    func take(_ store: any ObjectStore) throws {
      _ = try Repository.importKey(export, in: store, surroundings: Trial.surroundings)
    }
    try Trial.crash(before, take, atLeast: 3) { store, isDone in
      #expect(try !isDone || Self.open(store, Self.second) != nil)
      try take(store)
      try expectWhole(store, Self.second, ["kept", "other's"])
      try expectWhole(store, Trial.passphrase, ["kept", "other's"])
    }
  }
}
