import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

/// What a pack is to the archives.
enum PackRole: CaseIterable {
  case full, base, delta, tree
}

/// What happens to files on disks.
enum FileDamage: CaseIterable {
  case changedByte, cutShort, gone, exchanged
}

@Suite("Damage heals: what was lost is stored again, and every archive reads it")
struct HealingTests {
  private static let old = dumpLikeBytes(900_000)
  private static let edited: [UInt8] = {
    var bytes = old
    for place in stride(from: 100_000, to: 800_000, by: 100_000) {
      bytes.replaceSubrange(place..<place + 12, with: Array("edited bytes".utf8))
    }
    return bytes
  }()
  private static let alone = noise(600_000, seed: 9)

  /// Two archives, of which the second is stored as differences.
  private func made() throws -> FolderRepository {
    let repository = try FolderRepository()
    try repository.backUp(["dump": Self.old, "alone": Self.alone], name: "first")
    try repository.backUp(["dump": Self.edited], name: "second")
    return repository
  }

  private static let content: [String: [String: [UInt8]?]?] = [
    "first": ["dump": old, "alone": alone], "second": ["dump": edited],
  ]

  private static let healed: [String: [String: [UInt8]?]?] = {
    var all = content
    all["third"] = all["first"]
    all["fourth"] = all["second"]
    return all
  }()

  /// What both archives hold comes by again, their lists of files too.
  private func backUpAgain(_ repository: FolderRepository) throws -> [Archive] {
    [
      try repository.backUp(["dump": Self.old, "alone": Self.alone], name: "third"),
      try repository.backUp(["dump": Self.edited], name: "fourth"),
    ]
  }

  /// A pack of the kind that is asked for, and where its blocks end.
  private func pack(_ role: PackRole, of repository: FolderRepository) throws -> (name: ObjectName, blocksEnd: Int) {
    let context = try repository.opened().context
    let readers = try IndexLoader(context: context).existingPacks().keys.sorted().map {
      try PackReader($0, context: context)
    }
    let bases = readers.reduce(into: Set<Digest256>()) { $0.formUnion($1.directory.basePacks) }
    let fitting = readers.filter { reader in
      let isDelta = reader.directory.blocks.contains { $0.coding == .delta }
      return switch role {
      case .tree: reader.header.kind == .tree
      case .delta: reader.header.kind == .data && isDelta
      case .base: bases.contains(reader.digest)
      case .full: reader.header.kind == .data && !isDelta && !bases.contains(reader.digest)
      }
    }
    // Which of several comes first, nobody knows; the largest holds more than lists of files.
    let reader = try #require(fitting.max { $0.size < $1.size }, "\(role)")
    let last = try #require(reader.directory.blocks.last)
    return (reader.name, last.offset + last.storedLength)
  }

  private func harm(_ repository: FolderRepository, _ role: PackRole, _ damage: FileDamage) throws -> ObjectName {
    let (name, blocksEnd) = try pack(role, of: repository)
    switch damage {
    case .changedByte: try repository.change(name) { $0[(PackHeader.size + blocksEnd) / 2] ^= 0x10 }
    case .cutShort: try repository.change(name) { $0.removeLast($0.count / 2) }
    case .gone: try FileManager.default.removeItem(atPath: repository.path(name))
    case .exchanged:
      let other = try pack(role == .full ? .tree : .full, of: repository).name
      let files = FileManager.default
      try files.moveItem(atPath: repository.path(name), toPath: repository.folder + "-aside")
      try files.moveItem(atPath: repository.path(other), toPath: repository.path(name))
      try files.moveItem(atPath: repository.folder + "-aside", toPath: repository.path(other))
    }
    return name
  }

  @Test("Whatever happens to a pack of whatever kind, a check finds it and the next backup heals every archive")
  func byCheck() throws {
    let whole = try made()
    defer { whole.remove() }
    #expect(try whole.everything() == Self.content)
    for role in PackRole.allCases {
      for damage in FileDamage.allCases {
        let repository = try whole.copied()
        defer { repository.remove() }
        let name = try harm(repository, role, damage)
        let cancellation = try Cancellation()
        let found = try repository.opened().check(.content, cancellation: cancellation)
        #expect(found.findings.contains { $0.object.begins(with: "archive ") }, "\(role) \(damage)")
        #expect(
          damage == .gone || found.findings.contains { $0.object.isSame(as: name.path) }, "\(role) \(damage)")
        let names = Set(try repository.store.list("").map(\.name))
        _ = try backUpAgain(repository)
        #expect(try repository.everything() == Self.healed, "\(role) \(damage)")
        let after = try repository.opened().check(.content, cancellation: cancellation)
        #expect(after.findings == [], "\(role) \(damage)")
        #expect(names.isSubset(of: try repository.store.list("").map(\.name)), "nothing is removed")
      }
    }
  }

  @Test("A block that a restore finds damaged is stored again by the next backup, of whatever kind it is")
  func byReading() throws {
    let whole = try made()
    defer { whole.remove() }
    for role in PackRole.allCases {
      let repository = try whole.copied()
      defer { repository.remove() }
      let name = try harm(repository, role, .changedByte)
      #expect(try repository.everything() != Self.content, "\(role)")
      #expect(try repository.store.list("quarantine").map(\.name.lastPart) == [name.lastPart], "\(role)")
      _ = try backUpAgain(repository)
      #expect(try repository.everything() == Self.healed, "\(role)")
    }
  }

  @Test("A pack that is gone, or short, is stored again by the next backup without anybody having looked")
  func byWriting() throws {
    let whole = try made()
    defer { whole.remove() }
    for role in PackRole.allCases {
      for damage in [FileDamage.gone, .cutShort] {
        let repository = try whole.copied()
        defer { repository.remove() }
        _ = try harm(repository, role, damage)
        _ = try backUpAgain(repository)
        #expect(try repository.everything() == Self.healed, "\(role) \(damage)")
      }
    }
  }

  @Test("A check says which bytes of which file are lost, and which are read from another copy")
  func ranges() throws {
    let repository = try made()
    defer { repository.remove() }
    _ = try harm(repository, .full, .changedByte)
    let cancellation = try Cancellation()
    let report = try repository.opened().check(.content, cancellation: cancellation)
    let lost = report.findings.compactMap(\.item)
    #expect(Set(lost.map(\.item.path.text)).isSubset(of: ["alone", "dump"]) && !lost.isEmpty)
    for item in lost {
      #expect(ByteRanges.count(item.lost) > 0 && ByteRanges.count(item.lost) < item.item.size)
      #expect(item.healed.isEmpty)
    }
    try repository.backUp(["old": Self.old, "alone": Self.alone], name: "third")
    let after = try repository.opened().check(.content, cancellation: cancellation)
    #expect(after.findings.isEmpty)
    let healed = after.healed.filter { $0.archive.name.isSame(as: "first") }
    #expect(healed.map(\.lost) == healed.map { _ in [] })
    #expect(healed.flatMap(\.healed) == lost.filter { $0.archive.name.isSame(as: "first") }.flatMap(\.lost))
  }

  @Test("Index objects that are gone or damaged are made anew by a repair, which removes nothing")
  func index() throws {
    let whole = try made()
    defer { whole.remove() }
    let cancellation = try Cancellation()
    for isGone in [true, false] {
      let repository = try whole.copied()
      defer { repository.remove() }
      for status in try repository.store.list("index") {
        if isGone {
          try repository.store.delete(status.name)
        } else {
          try repository.change(status.name) { $0[$0.count / 2] ^= 1 }
        }
      }
      let names = Set(try repository.store.list("").map(\.name))
      let packs = try repository.store.list("packs").count
      #expect(try repository.opened().check(.content, cancellation: cancellation).findings.isEmpty == isGone)
      let repaired = try repository.opened().check(.recipes, repairs: true, cancellation: cancellation)
      #expect(repaired.indexedAgain == packs && repaired.leftUnindexed == 0)
      #expect(names.isSubset(of: try repository.store.list("").map(\.name)))
      #expect(try repository.opened().leftovers().unindexedPacks == 0)
      #expect(try repository.opened().check(.content, cancellation: cancellation).findings == [])
      #expect(try repository.opened().check(.recipes, repairs: true, cancellation: cancellation).indexedAgain == 0)
      #expect(try repository.everything() == Self.content)
      #expect(try backUpAgain(repository).map(\.statistics.newSize) == [0, 0])
    }
  }

  @Test("A repair takes a write-only key's word for what is in a pack only when every chunk was compared with its id")
  func trust() throws {
    let repository = try TestRepository()
    try repository.repository.addWriteOnlyKey(passphrase: SecretBytes(passphrase: "writer"), passphraseCost: 5)
    let writer = try repository.reopened(passphrase: SecretBytes(passphrase: "writer"))
    try repository.backUp(["dump": Self.alone], with: writer)
    for status in try repository.store.list("index") { try repository.store.delete(status.name) }
    let packs = try repository.store.list("packs").count
    let cancellation = try Cancellation()
    #expect(throws: RepositoryError.self) { try writer.check(.tables, repairs: true, cancellation: cancellation) }
    let trusting = try repository.reopened().check(.recipes, repairs: true, cancellation: cancellation)
    #expect(trusting.indexedAgain == 0 && trusting.leftUnindexed == packs)
    let verified = try repository.reopened().check(.content, repairs: true, cancellation: cancellation)
    #expect(verified.indexedAgain == packs && verified.leftUnindexed == 0)
  }
}
