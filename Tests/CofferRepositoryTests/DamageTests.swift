import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Damage is found, located, and never becomes data")
struct DamageTests {
  private static let data = ["dump": dumpLikeBytes(700_000), "noise": noise(50_000)]

  /// Bytes to change: all of the small parts, samples of the large ones.
  private func positions(_ count: Int) -> [Int] {
    Array(stride(from: 0, to: count, by: max(count / 60, 1))) + [count - 1]
  }

  @Test("One changed bit in any object of any kind is found by the check and named (I5)")
  func flippedBits() throws {
    let repository = try TestRepository()
    try repository.backUp(Self.data)
    for status in try repository.store.list("") {
      for position in positions(status.size) {
        repository.store.tamper(status.name) { $0[position] ^= 0x04 }
        defer { repository.store.tamper(status.name) { $0[position] ^= 0x04 } }
        do {
          let opened = try repository.reopened()
          let report = try opened.check(.tables, cancellation: try Cancellation())
          #expect(
            report.findings.contains { $0.object == status.name.path }, "\(status.name) byte \(position)")
        } catch {
          // Objects that opening needs: config and keys.
          let isOpening = status.name.path == "config" || status.name.path.hasPrefix("keys/")
          #expect(isOpening, "\(status.name) byte \(position): \(error)")
        }
      }
    }
    #expect(try repository.reopened().check(.content, cancellation: try Cancellation()).findings.isEmpty)
  }

  @Test("A truncated object is found by the check and named (I5)")
  func truncation() throws {
    let repository = try TestRepository()
    try repository.backUp(Self.data)
    for status in try repository.store.list("")
    where !status.name.path.hasPrefix("keys/") && status.name.path != "config" {
      let whole = try repository.store.get(status.name)
      for length in [0, 10, whole.count / 2, whole.count - 1] {
        repository.store.tamper(status.name) { $0 = Array(whole[..<length]) }
        let report = try repository.reopened().check(.tables, cancellation: try Cancellation())
        #expect(report.findings.contains { $0.object == status.name.path }, "\(status.name) cut to \(length)")
      }
      repository.store.tamper(status.name) { $0 = whole }
    }
  }

  @Test("A key that has lost all behind its clear part is found and named, and what it has signed counts all the same")
  func keyWithoutBundle() throws {
    let repository = try TestRepository()
    let second = SecretBytes(passphrase: "second")
    _ = try repository.repository.addKey(NewKey(role: .full, passphraseCost: 5), passphrase: second)
    let archive = try repository.backUp(Self.data, name: "theirs", with: try repository.reopened(passphrase: second))
    let id = try repository.reopened(passphrase: second).context.keys.id
    let name = try #require(ObjectName("keys/\(id)"))
    repository.store.tamper(name) { bytes in
      let length = bytes[8..<12].reversed().reduce(0) { $0 << 8 | Int($1) }
      bytes = Array(bytes[..<(12 + length)])
    }
    let said = Monitor<[String]>([])
    let opened = try repository.open(said: said)
    #expect(said.update { $0 }.contains { $0.contains("its wrapped part is missing; its passphrase opens nothing") })
    let report = try opened.check(.tables, cancellation: try Cancellation())
    #expect(report.findings.map(\.object) == [name.path])
    #expect(try opened.archives().map(\.name) == ["theirs"])
    #expect(try repository.contents(of: archive) == Self.data)
    #expect(throws: RepositoryError.wrongPassphrase(location: "memory")) {
      try repository.reopened(passphrase: second)
    }
  }

  @Test("Bytes behind the header's end are found, though a machine that knows its size reads no more than that")
  func longHeader() throws {
    let cache = NSTemporaryDirectory() + "coffer-header-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: cache) }
    let repository = try TestRepository()
    try repository.backUp(Self.data)
    let said = Monitor<[String]>([])
    func findings() throws -> [String] {
      let opened = try repository.open(cacheFolder: cache, said: said)
      return try opened.check(.tables, cancellation: try Cancellation()).findings.map(\.object)
    }
    #expect(try findings() == [])
    repository.store.tamper(ObjectName(wellFormed: "config")) { $0 += [0] }
    #expect(try findings() == ["config"])
  }

  @Test("What has the place of an object and is none is found, though no list has it", arguments: StrangeEntry.allCases)
  func strangeEntries(entry: StrangeEntry) throws {
    let repository = try FolderRepository()
    defer { repository.remove() }
    try repository.backUp(["a": [1, 2, 3]], name: "first")
    let archive = try repository.backUp(["b": [4, 5, 6]], name: "second")
    let path = "archives/\(archive.id)"
    try entry.replace("\(repository.folder)/\(path)")
    let others = ["gc", "keys", "logs/segments", "pins", "proofs", "quarantine", "removed", "sessions"].map {
      "\($0)/strange"
    }
    for other in others {
      let place = "\(repository.folder)/\(other)"
      try FileManager.default.createDirectory(
        atPath: String(place.dropLast("/strange".count)), withIntermediateDirectories: true)
      try entry.replace(place)
    }
    for level in [CheckLevel.tables, .content] {
      let report = try repository.opened().check(level, cancellation: try Cancellation())
      #expect(report.findings.map(\.object) == ([path] + others).sorted())
      #expect(report.findings.first?.problem.contains("lost its bytes") == true)
    }
  }

  @Test(
    "An index object that has lost its bytes is told, as damage only where a pack is named by no other",
    arguments: StrangeEntry.allCases)
  func strangeIndex(entry: StrangeEntry) throws {
    let repository = try FolderRepository()
    defer { repository.remove() }
    try repository.backUp(["a": [1, 2, 3]], name: "first")
    let name = try #require(FileManager.default.contentsOfDirectory(atPath: "\(repository.folder)/index").first)
    try entry.replace("\(repository.folder)/index/\(name)")
    let damaged = try repository.opened().check(.content, cancellation: try Cancellation())
    #expect(damaged.findings.map(\.object) == ["index/\(name)"], "\(damaged)")
    _ = try repository.opened().check(.content, repairs: true, cancellation: try Cancellation())
    let mended = try repository.opened().check(.content, cancellation: try Cancellation())
    #expect(mended.findings.isEmpty && mended.remarks.map(\.object) == ["index/\(name)"], "\(mended)")
  }

  @Test("A machine that has seen a newer archive than there is says so once, unless it has deleted that itself")
  func putBack() throws {
    let ground = try TestRepository()
    let folder = NSTemporaryDirectory() + "coffer-back-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let said = Monitor<[String]>([])
    func seen() throws -> [String] {
      let repository = try Repository.open(
        in: ground.store, passphrase: TestRepository.passphrase,
        surroundings: RepositorySurroundings(
          clock: ground.clock.clock, random: .system, keyFolder: "/nowhere", cacheFolder: folder, workers: 2,
          warn: { diagnosis in said.update { $0.append(diagnosis.problem) } }))
      return try repository.archives().map(\.name)
    }
    for name in ["one", "two", "three"] {
      try ground.backUp(["a": Array(name.utf8)], name: name)
      ground.clock.advance(60)
    }
    #expect(try seen() == ["one", "two", "three"])
    // An older one is taken away by whoever prunes.
    try ground.repository.delete(try #require(ground.repository.archives().first))
    #expect(try seen() == ["two", "three"] && said.update { $0 }.isEmpty)
    try ground.repository.delete(try #require(ground.repository.archives().last))
    #expect(try seen() == ["two"])
    #expect(said.update { $0 }.count == 1 && said.update { $0 }[0].contains("'three', is gone"))
    #expect(try seen() == ["two"] && said.update { $0 }.count == 1)
    // A partial archive goes before a whole one that is older.
    let session = try ground.repository.beginSession(cancellation: try Cancellation())
    ground.clock.advance(60)
    var draft = ArchiveDraft.named("partial")
    draft.missingDumps = ["shop"]
    let partial = try session.commit(draft)
    #expect(try seen() == ["two", "partial"])
    try ground.repository.delete(partial)
    #expect(try seen() == ["two"] && said.update { $0 }.count == 1)
  }

  @Test("An archive of a clock that was ahead is not taken for one that is newer than itself, and not asked for")
  func clockAhead() throws {
    let ground = try TestRepository()
    let folder = NSTemporaryDirectory() + "coffer-ahead-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let clock = ManualClock()
    clock.advance(100)
    try ground.backUp(
      ["a": [1]], name: "one",
      with: try Repository.open(
        in: ground.store, passphrase: TestRepository.passphrase, surroundings: TestRepository.surroundings(clock: clock)
      ))
    let store = WatchedStore(ground.store)
    for _ in 0..<2 {
      #expect(try ground.open(store, cacheFolder: folder, said: Monitor([])).archives().map(\.name) == ["one"])
    }
    #expect(!store.calls.contains { $0.request == .status && $0.name.hasPrefix("archives/") })
  }

  @Test("An empty file that a run has for a moment where it puts a record is no finding")
  func passingRecord() throws {
    let repository = try FolderRepository()
    defer { repository.remove() }
    try repository.backUp(["a": [1, 2, 3]], name: "first")
    let path = "\(repository.folder)/archives/ab"
    try #require(FileManager.default.createFile(atPath: path, contents: nil))
    let store = WatchedStore(repository.store) { _, store in
      if store.calls.count(where: { $0.request == .unlistedEntries && $0.name == "archives" }) == 2 { unlink(path) }
    }
    #expect(try repository.opened(store).check(.tables, cancellation: try Cancellation()).findings.isEmpty)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test("Reading a damaged stream throws before its end, and tells the pack")
  func reading() throws {
    let repository = try TestRepository()
    let archive = try repository.backUp(Self.data)
    for status in try repository.store.list("packs") {
      for position in positions(status.size) {
        repository.store.tamper(status.name) { $0[position] ^= 0x80 }
        defer { repository.store.tamper(status.name) { $0[position] ^= 0x80 } }
        do {
          let contents = try repository.contents(of: archive)
          // What was changed then is padding or a part that this archive does not need.
          #expect(contents == Self.data)
        } catch let error as RepositoryError {
          if case .damaged(let object, _, _) = error { #expect(object == status.name.path) }
        }
      }
    }
  }

  @Test("A missing pack is found with the archives and items it takes along")
  func missingPack() throws {
    let repository = try TestRepository()
    try repository.backUp(Self.data, name: "hit")
    for status in try repository.store.list("packs") { try repository.store.delete(status.name) }
    try repository.backUp(["other": dumpLikeBytes(100_000, seed: 77)], name: "whole", with: try repository.reopened())
    let report = try repository.reopened().check(.recipes, cancellation: try Cancellation())
    #expect(report.findings.contains { $0.object.hasPrefix("archive hit") })
    #expect(!report.findings.contains { $0.object.hasPrefix("archive whole") })
  }

  @Test("Without its index the repository reads as before, and a backup stores anew: nobody leans on unnamed packs")
  func lostIndex() throws {
    let repository = try TestRepository()
    let archive = try repository.backUp(Self.data)
    for status in try repository.store.list("index") { try repository.store.delete(status.name) }
    #expect(try repository.contents(of: archive) == Self.data)
    let again = try repository.backUp(Self.data, name: "again", with: try repository.reopened())
    #expect(again.statistics.newSize > 700_000)
    #expect(try repository.contents(of: again) == Self.data)
    #expect(try repository.contents(of: archive) == Self.data)
  }

  @Test("What is damaged heals when its data comes by again after the pack is set aside")
  func healing() throws {
    let repository = try TestRepository()
    let archive = try repository.backUp(Self.data, name: "first")
    for status in try repository.store.list("packs") { try repository.store.delete(status.name) }
    try repository.backUp(Self.data, name: "second", with: try repository.reopened())
    for status in try repository.store.list("index") {
      let segment = try IndexLoader(context: repository.repository.context).read(status.name)
      let packs = try IndexLoader(context: repository.repository.context).existingPacks()
      if segment.packs.contains(where: { packs[$0.digest] == nil }) { try repository.store.delete(status.name) }
    }
    let contents = try repository.contents(of: archive)
    #expect(contents["dump"] == Self.data["dump"])
  }
}
