import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("Whether this machine has made a backup before")
struct EarlierBackupsTests {
  private let folder = NSTemporaryDirectory() + "coffer-earlier-\(UInt64.random(in: 0 ... .max))"
  private let repository: TestRepository

  init() throws {
    repository = try TestRepository()
  }

  private func surroundings(isFar: Bool = true) -> RepositorySurroundings {
    RepositorySurroundings(
      clock: repository.clock.clock, random: .system, keyFolder: "", cacheFolder: folder, isFar: isFar, workers: 1)
  }

  private func backUp(isFar: Bool = true) throws {
    let opened = try Repository.open(
      in: repository.store, passphrase: TestRepository.passphrase, surroundings: surroundings(isFar: isFar))
    try repository.backUp(["noise": noise(5_000)], name: "\(UInt64.random(in: 0 ... .max))", with: opened)
  }

  @Test("It is remembered for each repository far away, and when the backup was made")
  func remembered() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func areKnown(at location: String? = nil) -> Bool {
      EarlierBackups(surroundings(), location: location ?? repository.store.location).areKnown
    }
    try backUp(isFar: false)
    #expect(!areKnown())
    repository.store.failPuts(after: 0)
    #expect(throws: StorageError.self) { try backUp() }
    repository.store.failPuts(after: nil)
    #expect(!areKnown())
    try backUp()
    #expect(areKnown() && !areKnown(at: "elsewhere"))
    let notes = "\(folder)/backups"
    let file = "\(notes)/\(try #require(try FileManager.default.contentsOfDirectory(atPath: notes).first))"
    try Data("something else".utf8).write(to: URL(filePath: file))
    #expect(!areKnown())
  }
}
