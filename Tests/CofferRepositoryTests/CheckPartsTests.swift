import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("Checks that are made in parts, beside others, and of repositories that have lost everything")
struct CheckPartsTests {
  private static let data = ["dump": dumpLikeBytes(1_200_000), "other": noise(400_000, seed: 3)]

  /// Runs checks that look at one pack or archive each, until one comes to its end.
  private func parts(of repository: TestRepository, _ level: CheckLevel) throws -> [CheckReport] {
    var reports: [CheckReport] = []
    var progress: CheckProgress?
    repeat {
      let report = try repository.reopened().check(
        level, limit: CheckLimit(duration: 0, progress: progress), cancellation: try Cancellation())
      reports.append(report)
      let bytes = try JSONEncoder().encode(report.progress)
      progress = try JSONDecoder().decode(CheckProgress?.self, from: bytes)
      #expect(progress == report.progress)
      try #require(reports.count < 100)
    } while progress != nil
    return reports
  }

  @Test("A check with a limit goes on where the one before it stopped, and looks at everything once")
  func goesOn() throws {
    let repository = try TestRepository()
    for number in 0..<3 { try repository.backUp(Self.data, name: "\(number)", with: try repository.reopened()) }
    let packs = try repository.store.list("packs").count
    for level in [CheckLevel.objects, .tables, .recipes, .content] {
      let reports = try parts(of: repository, level)
      #expect(reports.count == packs + (level >= .recipes ? 2 : 0), "level \(level)")
      #expect(reports.flatMap(\.findings) == [])
      #expect(reports[0].progress?.packCount == 1 && reports[0].progress?.packTotal == packs)
    }
  }

  private final class Watch: CheckWatch {
    var stages: [(stage: CheckStage, total: UInt64, done: UInt64)] = []

    func begins(_ stage: CheckStage, total: UInt64) { stages.append((stage, total, 0)) }

    func isThrough(_ bytes: UInt64) { stages[stages.count - 1].done += bytes }
  }

  @Test("A check tells how far it is, up to all that it has said there is")
  func watched() throws {
    let repository = try TestRepository()
    for number in 0..<2 { try repository.backUp(Self.data, name: "\(number)", with: try repository.reopened()) }
    let watch = Watch()
    _ = try repository.reopened().check(.content, watch: watch, cancellation: try Cancellation())
    #expect(watch.stages.map(\.stage) == [.packs, .archives])
    #expect(watch.stages.map(\.done) == watch.stages.map(\.total))
    let packs = try repository.store.list("packs").reduce(0) { $0 + UInt64($1.size) }
    #expect(watch.stages.first?.total == packs)
    let archives = try repository.reopened().archives().reduce(0) { $0 + $1.statistics.originalSize }
    #expect(watch.stages.last?.total == archives)
  }

  @Test("What a part of a check has found is told then, and counts when the archives are judged at the end")
  func damage() throws {
    let repository = try TestRepository()
    try repository.backUp(Self.data, name: "first")
    for (number, status) in try repository.store.list("packs").enumerated() where status.size > 1 << 16 {
      repository.store.tamper(status.name) { $0[$0.count / 2] ^= 1 }
      let reports = try parts(of: repository, .content)
      // Each part looks at one pack; the last one's goes on to the archives.
      #expect(reports[number].findings.contains { $0.object.isSame(as: status.name.path) })
      #expect(reports.flatMap(\.findings).contains { $0.object.begins(with: "archive first") })
      repository.store.tamper(status.name) { $0[$0.count / 2] ^= 1 }
      let again = try parts(of: repository, .content)
      #expect(again.flatMap(\.findings) == [])
      #expect(try repository.store.list("quarantine").isEmpty)
    }
  }

  @Test("A pack that cannot be read in a part of a check is looked at again at its end, which is no success without it")
  func unreadable() throws {
    let repository = try TestRepository()
    try repository.backUp(Self.data, name: "first")
    let packs = try repository.store.list("packs")
    for (pack, level) in packs.dropLast().flatMap({ pack in [CheckLevel.recipes, .content].map { (pack.name, $0) } }) {
      let store = RecordingStore(
        repository.store,
        beforeGet: { name throws(StorageError) in
          guard name == pack else { return }
          throw .failed(name, location: "memory", StorageFailure(.permanent, "read", reason: "Input/output error"))
        })
      var reports: [CheckReport] = []
      repeat {
        let opened = try repository.opened(in: store)
        reports.append(
          try opened.check(
            level, limit: CheckLimit(duration: 0, progress: reports.last?.progress), cancellation: try Cancellation()))
        try #require(reports.count < 100)
      } while reports.last?.progress != nil
      let last = try #require(reports.last)
      #expect(reports.count > 1)
      #expect(last.findings.contains { $0.object.isSame(as: pack.path) }, "level \(level)")
      #expect(try repository.store.list("quarantine").isEmpty)
    }
  }

  @Test("A check of another level begins anew, whatever an earlier one has noted")
  func otherLevel() throws {
    let repository = try TestRepository()
    try repository.backUp(Self.data)
    var progress = CheckProgress(level: .objects)
    progress.lastPack = "packs/ff/\(String(repeating: "f", count: 64))"
    let report = try repository.reopened().check(
      .tables, limit: CheckLimit(duration: 0, progress: progress), cancellation: try Cancellation())
    #expect(report.progress?.packCount == 1)
  }

  @Test("A check after every put of a backup raises no alarm")
  func besideBackup() throws {
    let repository = try TestRepository()
    try repository.backUp(Self.data, name: "before")
    var edited = Self.data
    edited["dump"]?.replaceSubrange(500_000..<500_010, with: Array("0123456789".utf8))
    edited["more"] = noise(300_000, seed: 8)
    let reports = Monitor<[CheckReport]>([])
    let store = RecordingStore(repository.store) { (_) throws(StorageError) in
      let report = try? repository.reopened().check(.content, cancellation: try Cancellation())
      reports.update { if let report { $0.append(report) } }
    }
    let opened = try Repository.open(
      in: store, passphrase: TestRepository.passphrase,
      surroundings: TestRepository.surroundings(clock: repository.clock))
    try repository.backUp(edited, name: "beside", with: opened)
    let all = reports.update { $0 }
    #expect(all.count >= 5)
    #expect(all.flatMap(\.findings) == [] && all.flatMap(\.remarks) == [])
  }

  /// Checks while something happens at the n-th read, for every n.
  private func check(
    _ level: CheckLevel, _ happening: @escaping @Sendable (TestRepository) throws -> Void
  ) throws -> [CheckReport] {
    var reports: [CheckReport] = []
    for number in 1...10_000 {
      let repository = try TestRepository()
      try repository.backUp(["dump": noise(300_000, seed: 1)], name: "goes")
      try repository.backUp(["dump": noise(300_000, seed: 2)], name: "stays", with: try repository.reopened())
      let count = Monitor(0)
      let store = RecordingStore(
        repository.store,
        beforeGet: { _ throws(StorageError) in
          let isNow = count.update { count in
            count += 1
            return count == number
          }
          guard isNow else { return }
          #expect(throws: Never.self) { try happening(repository) }
        })
      let opened = try Repository.open(
        in: store, passphrase: TestRepository.passphrase,
        surroundings: TestRepository.surroundings(clock: repository.clock))
      reports.append(try opened.check(level, cancellation: try Cancellation()))
      if count.update({ $0 < number }) { break }
    }
    return reports
  }

  @Test("A backup at any moment of a check raises no alarm", arguments: [CheckLevel.tables, .content])
  func backupBeside(level: CheckLevel) throws {
    let reports = try check(level) { repository in
      try repository.backUp(["dump": noise(300_000, seed: 3)], name: "new", with: try repository.reopened())
    }
    #expect(reports.count > 10)
    #expect(reports.flatMap(\.findings) == [])
  }

  @Test(
    "An archive that goes at any moment of a check, with everything that only it needs, raises no alarm",
    arguments: [CheckLevel.tables, .content])
  func deletionBeside(level: CheckLevel) throws {
    let reports = try check(level) { repository in
      let opened = try repository.reopened()
      guard let archive = try opened.archives().first(where: { $0.name.isSame(as: "goes") }) else { return }
      let loader = try IndexLoader(context: opened.context)
      let history = repository.store.history
      let end = try #require(history.firstIndex { $0.lastPart.isSame(as: archive.id) })
      try opened.delete(archive)
      for name in history[..<end] where name.parts[0].isSame(as: "index") {
        let packs = try loader.read(name).packs
        try repository.store.delete(name)
        for pack in packs { try repository.store.delete(try #require(pack.digest.packName)) }
      }
    }
    #expect(reports.count > 10)
    #expect(reports.flatMap(\.findings) == [] && reports.flatMap(\.remarks) == [])
  }

  @Test("A repository that has lost all but its header is not whole for a machine that has seen archives in it")
  func emptied() throws {
    let cache = NSTemporaryDirectory() + "coffer-cache-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: cache) }
    let repository = try TestRepository()
    func opened() throws -> Repository {
      try Repository.open(
        in: repository.store, passphrase: TestRepository.passphrase,
        surroundings: TestRepository.surroundings(clock: repository.clock, cacheFolder: cache))
    }
    let cancellation = try Cancellation()
    #expect(try opened().check(.content, cancellation: cancellation).findings.isEmpty)
    let first = try repository.backUp(Self.data, name: "first", with: try opened())
    let second = try repository.backUp(Self.data, name: "second", with: try opened())
    #expect(try opened().archives().count == 2)
    for archive in [first, second] { try opened().delete(archive) }
    #expect(try opened().check(.content, cancellation: cancellation).findings.isEmpty, "this machine has deleted them")
    try repository.backUp(Self.data, name: "third", with: try opened())
    #expect(try opened().archives().count == 1)
    for folder in ["packs", "index", "archives"] {
      for status in try repository.store.list(folder) { try repository.store.delete(status.name) }
    }
    for level in [CheckLevel.tables, .recipes, .content] {
      let findings = try opened().check(level, cancellation: cancellation).findings
      #expect(findings.count == 1 && findings[0].problem.holds("seen 1 here, the last of them 'third'"))
    }
    try repository.backUp(Self.data, name: "fourth", with: try opened())
    #expect(try opened().check(.content, cancellation: cancellation).findings.isEmpty)
  }

  @Test("Archives whose packs and index objects are gone altogether are not whole, also when no archive is followed")
  func lostPacks() throws {
    let repository = try TestRepository()
    try repository.backUp(Self.data, name: "first")
    for folder in ["packs", "index"] {
      for status in try repository.store.list(folder) { try repository.store.delete(status.name) }
    }
    let report = try repository.reopened().check(.tables, cancellation: try Cancellation())
    #expect(report.findings.map(\.object) == ["archive first"])
  }
}
