import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("A machine that loses its power at any moment")
struct CrashTests {
  private typealias Trial = CrashTrial

  @Test("repo-create: there is a repository that opens, or one can be made")
  func creating() throws {
    func create(_ store: any ObjectStore) throws {
      _ = try Repository.create(
        in: store, options: Trial.creation, passphrase: Trial.passphrase, surroundings: Trial.surroundings)
    }
    try Trial.crash(nil, create) { store, isDone in
      if try Repository.header(in: store) == nil {
        #expect(!isDone)
        try create(store)
      }
      try Trial.examine(store, [:])
    }
  }

  @Test("create: the archive is there and whole if the command said so, and every older one is")
  func backup() throws {
    let before = try Trial.prepared { try Trial.backUp(Trial.old, "before", in: $0) }
    defer { try? FileManager.default.removeItem(atPath: before) }
    try Trial.crash(before, { try Trial.backUp(Trial.new, "made", in: $0) }) { store, isDone in
      let names = try Trial.examine(store, ["before": Trial.old, "made": Trial.new])
      #expect(names.contains("before") && (names.contains("made") || !isDone))
    }
  }

  @Test("delete, as prune does it: what is to stay is there and whole, what was said to be gone is")
  func deleting() throws {
    let before = try Trial.prepared { store in
      for name in ["first", "second", "stays"] {
        try Trial.backUp(name == "first" ? Trial.old : Trial.new, name, in: store)
      }
    }
    defer { try? FileManager.default.removeItem(atPath: before) }
    let contents = ["first": Trial.old, "second": Trial.new, "stays": Trial.new]
    func delete(_ store: any ObjectStore) throws {
      let repository = try Trial.open(store)
      for archive in try repository.archives() where !archive.name.isSame(as: "stays") {
        try repository.delete(archive)
      }
    }
    try Trial.crash(before, delete, atLeast: 2) { store, isDone in
      let names = try Trial.examine(store, contents)
      #expect(names.contains("stays") && (!isDone || names == ["stays"]))
    }
  }

  /// A repository in which a pack was changed, and what a check of it does.
  private func checking(repairs: Bool, losing: Bool) throws {
    let before = try Trial.prepared { store in
      try Trial.backUp(Trial.old, "before", in: store)
      try Trial.backUp(Trial.new, "second", in: store)
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
      _ = try Trial.open(store).check(.content, repairs: repairs, cancellation: try Cancellation())
    }
    try Trial.crash(before, check) { store, _ in
      let cancellation = try Cancellation()
      let report = try Trial.open(store).check(.content, repairs: repairs, cancellation: cancellation)
      #expect(report.findings.contains { $0.object.begins(with: "archive ") })
      #expect(try store.list("quarantine").count == 1)
      if losing && repairs { #expect(try Trial.open(store).leftovers().unindexedPacks <= 1) }
      try Trial.backUp(Trial.old, "old again", in: store)
      try Trial.backUp(Trial.new, "new again", in: store)
      try Trial.examine(
        store, ["before": Trial.old, "second": Trial.new, "old again": Trial.old, "new again": Trial.new])
    }
  }

  @Test("check: what it has found is remembered, or found again, and heals")
  func check() throws { try checking(repairs: false, losing: false) }

  @Test("check --repair: index objects are there or made again, and nothing is taken away")
  func repair() throws { try checking(repairs: true, losing: true) }

  @Test("compact: every archive is there and whole, what was deleted stays so, and the next run ends what was begun")
  func compacting() throws {
    let before = try Trial.prepared { store in
      try Trial.backUp(Trial.old, "goes", in: store)
      // A part of what this needs stands in the packs of the first one: that is moved.
      try Trial.backUp(Array(Trial.old[..<40_000]), "stays", in: store)
      let repository = try Trial.open(store)
      for archive in try repository.archives() where archive.name.isSame(as: "goes") { try repository.delete(archive) }
    }
    defer { try? FileManager.default.removeItem(atPath: before) }
    func compact(_ store: any ObjectStore) throws -> CompactionReport {
      try Trial.open(store).compact(CompactionOptions(threshold: 0), cancellation: try Cancellation())
    }
    var moved = 0
    try Trial.crash(before, { moved = try compact($0).movedPacks }, atLeast: 20) { store, _ in
      let contents = ["stays": Array(Trial.old[..<40_000])]
      let names = try Trial.examine(store, contents)
      #expect(names == ["stays"])
      #expect([.done, .nothing].contains(try compact(store).outcome))
      let after = try Trial.open(store)
      #expect(try after.check(.content, cancellation: try Cancellation()).findings == [])
      try Trial.readAll(after, contents.merging(["afterwards": Trial.new]) { $1 })
      #expect(try after.leftovers().unindexedPacks == 0)
    }
    #expect(moved > 0)
  }
}
