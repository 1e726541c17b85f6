import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("A machine that loses its power at any moment")
struct CrashTests {
  private static let passphrase = TestRepository.passphrase
  private static let surroundings = RepositorySurroundings(
    clock: .system, random: .system, keyFolder: "/nowhere", workers: 1)
  private static let old = dumpLikeBytes(150_000)
  private static let new: [UInt8] = {
    var bytes = old
    bytes.replaceSubrange(70_000..<70_010, with: Array("0123456789".utf8))
    return bytes + noise(60_000)
  }()
  private static let creation = CreationOptions(packTarget: 1 << 16, passphraseCost: 5)

  private static func open(_ store: any ObjectStore) throws -> Repository {
    try Repository.open(in: store, passphrase: passphrase, surroundings: surroundings)
  }

  private static func backUp(_ bytes: [UInt8], _ name: String, in store: any ObjectStore) throws {
    let session = try open(store).beginSession(cancellation: try Cancellation())
    do {
      session.add(.file("dump", try session.store(MemorySource(bytes))))
      _ = try session.commit(.named(name))
    } catch {
      session.abandon()
      throw error
    }
  }

  /// The repository that a command finds.
  private func prepared(_ steps: (LocalDirectoryStore) throws -> Void) throws -> String {
    let folder = NSTemporaryDirectory() + "coffer-crash-\(UUID().uuidString)"
    let store = LocalDirectoryStore(root: folder)
    _ = try Repository.create(
      in: store, options: Self.creation, passphrase: Self.passphrase, surroundings: Self.surroundings)
    try steps(store)
    return folder
  }

  /// Lets the power fail at each call of a command in turn.
  ///
  /// - Parameters:
  ///   - before: A folder; nil for none.
  ///   - calls: How many there are at least.
  ///   - look: Takes the store that is found afterwards, and whether the command had come to its end.
  private func crash(
    _ before: String?, _ command: (any ObjectStore) throws -> Void, atLeast calls: Int = 4,
    _ look: (LocalDirectoryStore, _ isDone: Bool) throws -> Void
  ) throws {
    var number = 0
    while true {
      let folder = NSTemporaryDirectory() + "coffer-crash-\(UUID().uuidString)"
      if let before { try FileManager.default.copyItem(atPath: before, toPath: folder) }
      let disk = try CrashingDisk(folder, callsUntilCrash: number)
      let outcome = Result { try command(disk.store) }
      if !disk.hasCrashed { _ = try outcome.get() }
      var random = SeededRandom(UInt64(number))
      for losesAll in [true, false] {
        guard let found = try disk.folderAfterCrash(&random, losesAll: losesAll) else { continue }
        defer { try? FileManager.default.removeItem(atPath: found) }
        do {
          try look(LocalDirectoryStore(root: found), !disk.hasCrashed || (try? outcome.get()) != nil)
        } catch {
          Issue.record("crash at call \(number), \(losesAll ? "everything" : "some") lost: \(error)")
        }
      }
      guard disk.hasCrashed else { break }
      number += 1
    }
    #expect(number >= calls)
  }

  /// What every repository must be after a crash: it opens, is whole, gives back all it lists, and takes a new backup.
  ///
  /// - Returns: The names of the archives that were found.
  @discardableResult
  private func examine(_ store: LocalDirectoryStore, _ contents: [String: [UInt8]]) throws -> Set<String> {
    let cancellation = try Cancellation()
    let repository = try Self.open(store)
    #expect(try repository.check(.content, cancellation: cancellation).findings == [])
    let names = Set(try repository.archives().map(\.name))
    try readAll(repository, contents)
    try Self.backUp(Self.new, "afterwards", in: store)
    let again = try Self.open(store)
    #expect(try again.check(.content, cancellation: cancellation).findings == [])
    try readAll(again, contents.merging(["afterwards": Self.new]) { $1 })
    return names
  }

  private func readAll(_ repository: Repository, _ contents: [String: [UInt8]]) throws {
    let cancellation = try Cancellation()
    let reader = try repository.reader()
    for archive in try repository.archives() {
      for item in try reader.items(of: archive, cancellation: cancellation) {
        guard case .file(let stream) = item.content else { continue }
        let sink = MemorySink()
        try reader.read(stream, into: sink, cancellation: cancellation)
        #expect(sink.bytes == contents[archive.name], "\(archive.name)")
      }
    }
  }

  @Test("repo-create: there is a repository that opens, or one can be made")
  func creating() throws {
    func create(_ store: any ObjectStore) throws {
      _ = try Repository.create(
        in: store, options: Self.creation, passphrase: Self.passphrase, surroundings: Self.surroundings)
    }
    try crash(nil, create) { store, isDone in
      if try Repository.header(in: store) == nil {
        #expect(!isDone)
        try create(store)
      }
      try examine(store, [:])
    }
  }

  @Test("create: the archive is there and whole if the command said so, and every older one is")
  func backup() throws {
    let before = try prepared { try Self.backUp(Self.old, "before", in: $0) }
    defer { try? FileManager.default.removeItem(atPath: before) }
    try crash(before, { try Self.backUp(Self.new, "made", in: $0) }) { store, isDone in
      let names = try examine(store, ["before": Self.old, "made": Self.new])
      #expect(names.contains("before") && (names.contains("made") || !isDone))
    }
  }

  @Test("delete, as prune does it: what is to stay is there and whole, what was said to be gone is")
  func deleting() throws {
    let before = try prepared { store in
      for name in ["first", "second", "stays"] {
        try Self.backUp(name == "first" ? Self.old : Self.new, name, in: store)
      }
    }
    defer { try? FileManager.default.removeItem(atPath: before) }
    let contents = ["first": Self.old, "second": Self.new, "stays": Self.new]
    func delete(_ store: any ObjectStore) throws {
      let repository = try Self.open(store)
      for archive in try repository.archives() where !archive.name.isSame(as: "stays") {
        try repository.delete(archive)
      }
    }
    try crash(before, delete, atLeast: 2) { store, isDone in
      let names = try examine(store, contents)
      #expect(names.contains("stays") && (!isDone || names == ["stays"]))
    }
  }

  /// A repository in which a pack was changed, and what a check of it does.
  private func checking(repairs: Bool, losing: Bool) throws {
    let before = try prepared { store in
      try Self.backUp(Self.old, "before", in: store)
      try Self.backUp(Self.new, "second", in: store)
    }
    defer { try? FileManager.default.removeItem(atPath: before) }
    let store = LocalDirectoryStore(root: before)
    if losing { for status in try store.list("index") { try store.delete(status.name) } }
    let pack = try #require(try store.list("packs").max { $0.size < $1.size })
    var bytes = try store.get(pack.name, range: nil)
    bytes[bytes.count / 3] ^= 1
    try FileManager.default.removeItem(atPath: "\(before)/\(pack.name)")
    try store.put(pack.name, bytes)
    func check(_ store: any ObjectStore) throws {
      _ = try Self.open(store).check(.content, repairs: repairs, cancellation: try Cancellation())
    }
    try crash(before, check) { store, _ in
      let cancellation = try Cancellation()
      let report = try Self.open(store).check(.content, repairs: repairs, cancellation: cancellation)
      #expect(report.findings.contains { $0.object.begins(with: "archive ") })
      #expect(try store.list("quarantine").count == 1)
      if losing && repairs { #expect(try Self.open(store).leftovers().unindexedPacks <= 1) }
      try Self.backUp(Self.old, "old again", in: store)
      try Self.backUp(Self.new, "new again", in: store)
      try examine(
        store, ["before": Self.old, "second": Self.new, "old again": Self.old, "new again": Self.new])
    }
  }

  @Test("check: what it has found is remembered, or found again, and heals")
  func check() throws { try checking(repairs: false, losing: false) }

  @Test("check --repair: index objects are there or made again, and nothing is taken away")
  func repair() throws { try checking(repairs: true, losing: true) }
}
