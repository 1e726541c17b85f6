import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Passphrases that are stretched on the way")
struct StretchedAheadTests {
  private let folder = NSTemporaryDirectory() + "coffer-stretched-\(UInt64.random(in: 0 ... .max))"
  private let repository: TestRepository
  private let keeper = MemoryKeeper()

  init() throws {
    repository = try TestRepository()
  }

  private func cleanUp() {
    try? FileManager.default.removeItem(atPath: folder)
  }

  private func surroundings(isFar: Bool = true, keepsOpen: Bool = false) -> RepositorySurroundings {
    RepositorySurroundings(
      clock: .system, random: .system, keyFolder: "", cacheFolder: folder,
      openedKeys: keepsOpen ? OpenedKeys(keeper: keeper, seconds: 60) : nil, isFar: isFar, workers: 1)
  }

  private func begin(
    _ passphrase: SecretBytes = TestRepository.passphrase, _ surroundings: RepositorySurroundings? = nil
  ) throws -> StretchedAhead? {
    try StretchedAhead(of: repository.store.location, surroundings ?? self.surroundings()) { passphrase }
  }

  @discardableResult
  private func open(
    _ passphrase: SecretBytes = TestRepository.passphrase, _ ahead: StretchedAhead? = nil,
    _ surroundings: RepositorySurroundings? = nil
  ) throws -> Repository {
    let surroundings = surroundings ?? self.surroundings()
    let locked = try #require(try LockedRepository(in: repository.store, surroundings))
    return try locked.open(passphrase, surroundings, ahead)
  }

  private func wrapping() throws -> KeyRecord.Wrapping {
    let name = try #require(try repository.store.list(KeyName.folder).first).name
    return try KeyRecord(decoding: try repository.store.get(name), object: name.path, location: "").clear.wrapping
  }

  /// What is remembered.
  private var file: String {
    get throws {
      "\(folder)/last-keys/\(try #require(try FileManager.default.contentsOfDirectory(atPath: folder + "/last-keys").first))"
    }
  }

  @Test("Who has opened a repository begins with its key the next time, and has what the record asks for")
  func begun() throws {
    defer { cleanUp() }
    #expect(try begin() == nil)
    try open()
    let ahead = try #require(try begin())
    let wrapping = try wrapping()
    let key = try #require(ahead.key(of: TestRepository.passphrase, by: wrapping))
    #expect(key.copied() == (try wrapping.key(of: TestRepository.passphrase)).copied())
    #expect(try open(TestRepository.passphrase, ahead).header.id == repository.repository.header.id)
  }

  @Test("It counts for no other passphrase and no other wrapping")
  func others() throws {
    defer { cleanUp() }
    try open()
    let ahead = try #require(try begin())
    let wrapping = try wrapping()
    #expect(ahead.key(of: SecretBytes(passphrase: "other"), by: wrapping) == nil)
    let other = KeyRecord.Wrapping(logN: wrapping.logN, r: 8, p: 1, salt: String(wrapping.salt.reversed()))
    #expect(ahead.key(of: TestRepository.passphrase, by: other) == nil)
    let wrong = SecretBytes(passphrase: "wrong")
    #expect(throws: RepositoryError.wrongPassphrase(location: repository.store.location)) {
      try open(wrong, try begin(wrong))
    }
  }

  @Test("A key that got another passphrase meanwhile opens with that one, and is what is remembered then")
  func rewrapped() throws {
    defer { cleanUp() }
    let opened = try open()
    let new = SecretBytes(passphrase: "another horse")
    let before = try wrapping()
    try opened.changePassphrase(to: new, passphraseCost: 5)
    let ahead = try #require(try begin(new))
    #expect(ahead.key(of: new, by: before) != nil)
    try open(new, ahead)
    #expect(try begin(new)?.key(of: new, by: try wrapping()) != nil)
  }

  @Test("A key that is open already, and a repository on this machine, ask for no passphrase")
  func notNeeded() throws {
    defer { cleanUp() }
    try open(TestRepository.passphrase, nil, surroundings(keepsOpen: true))
    for surroundings in [surroundings(keepsOpen: true), surroundings(isFar: false)] {
      let ahead = try StretchedAhead(of: repository.store.location, surroundings) {
        Issue.record("It was asked for")
        return nil
      }
      #expect(ahead == nil)
    }
    #expect(try begin() != nil)
  }

  @Test(
    "Whatever stands in the file, the repository opens",
    arguments: [
      "", "{", #"{"keptName":"","wrapping":{"logN":63,"p":4,"r":16,"salt":"00"}}"#,
      #"{"keptName":"","wrapping":{"logN":-1,"p":0,"r":0,"salt":"no"}}"#,
      #"{"keptName":"","wrapping":{"logN":9223372036854775807,"p":1,"r":8,"salt":""}}"#,
    ])
  func nonsense(_ text: String) throws {
    defer { cleanUp() }
    try open()
    try Data(text.utf8).write(to: URL(fileURLWithPath: try file))
    try open(TestRepository.passphrase, try begin())
    #expect(try begin()?.key(of: TestRepository.passphrase, by: try wrapping()) != nil)
  }
}
