import CofferStorage
import CofferSystem
import Testing

@testable import CofferRepository

@Suite("Recipes as differences to the last ones")
struct RecipeDifferenceTests {
  /// A dump in which one chunk in seven or so has changed: others each day.
  private func edited(_ bytes: [UInt8], day: Int, from start: Int = 0) -> [UInt8] {
    var bytes = bytes
    for position in stride(from: start + 5000 + day * 7919, to: bytes.count - 100, by: 60_000) {
      bytes.replaceSubrange(position..<position + 6, with: Array("<\(10 + day)>!!".utf8))
    }
    return bytes
  }

  private func packs(_ repository: TestRepository) throws -> [Digest256: PackReader] {
    let context = try repository.reopened().context
    return try Dictionary(
      uniqueKeysWithValues: IndexLoader(context: context).existingPacks().keys.map {
        ($0, try PackReader($0, context: context))
      })
  }

  private func leaningTrees(_ packs: [Digest256: PackReader]) -> [Digest256: PackReader] {
    packs.filter { $1.header.kind == .tree && !$1.directory.basePacks.isEmpty }
  }

  @Test("Where every node changes a little each day, differences are stored, and all of it again when they have grown")
  func days() throws {
    let repository = try TestRepository(packTarget: 1 << 20, random: .seeded(1))
    var bytes = dumpLikeBytes(6_000_000)
    var contents: [(Archive, [UInt8])] = []
    var known: Set<Digest256> = []
    /// Bytes of the packs of recipes that each day adds.
    var sizes: [Int] = []
    for day in 0...6 {
      let archive = try repository.backUp(["dump": bytes], name: "\(day)", with: try repository.reopened())
      contents.append((archive, bytes))
      let new = try packs(repository).filter { known.insert($0).inserted && $1.header.kind == .tree }
      sizes.append(new.values.reduce(0) { $0 + $1.directory.blocks.reduce(0) { $0 + $1.storedLength } })
      bytes = edited(bytes, day: day + 1)
    }
    #expect(sizes[1] < sizes[0] / 3, "\(sizes)")
    #expect(sizes[1] < sizes[2] && sizes[2] < sizes[0] * 2 / 3, "\(sizes)")
    #expect(sizes.dropFirst().contains { $0 > sizes[0] * 3 / 4 }, "\(sizes)")
    #expect(sizes.reduce(0, +) < sizes[0] * 4, "\(sizes)")
    let packs = try packs(repository)
    let leaning = leaningTrees(packs)
    #expect(leaning.count > 2)
    for pack in packs.values {
      for segment in pack.directory.blocks.flatMap(\.prefix) {
        let base = try #require(packs[segment.pack])
        #expect(base.header.kind == pack.header.kind && base.directory.blocks[segment.block].coding != .delta)
        #expect(leaning[segment.pack] == nil)
      }
    }
    for (archive, expected) in contents { #expect(try repository.contents(of: archive)["dump"] == expected) }
    #expect(try repository.reopened().check(.content, cancellation: try Cancellation()).findings.isEmpty)
  }

  @Test("What is left of one stays a difference when it is moved, and one whose base goes is stored in full")
  func moved() throws {
    let repository = try TestRepository(packTarget: 1 << 20, random: .seeded(2))
    let (first, second) = (dumpLikeBytes(5_000_000), dumpLikeBytes(5_000_000, seed: 2))
    let changed = edited(first, day: 1)
    var files = ["a": first, "b": second]
    let base = try repository.backUp(files, name: "0", with: try repository.reopened())
    files = ["a": changed, "b": edited(second, day: 1)]
    let both = try repository.backUp(files, name: "1", with: try repository.reopened())
    let leaning = Set(leaningTrees(try packs(repository)).keys)
    #expect(leaning.count == 1)
    let half = ["a": changed, "b": edited(second, day: 1, from: 2_500_000)]
    let last = try repository.backUp(half, name: "2", with: try repository.reopened())
    let cancellation = try Cancellation()
    func compact() throws {
      let report = try repository.reopened().compact(CompactionOptions(threshold: 0), cancellation: cancellation)
      #expect(report.outcome == .done && report.damagedPacks == [] && report.pardonedPacks == 0)
      #expect(try repository.reopened().check(.content, cancellation: cancellation).findings.isEmpty)
    }
    try repository.reopened().delete(both)
    try compact()
    let after = leaningTrees(try packs(repository))
    #expect(leaning.isDisjoint(with: after.keys) && !after.isEmpty)
    #expect(try repository.contents(of: base) == ["a": first, "b": second])
    #expect(try repository.contents(of: last) == half)
    try repository.reopened().delete(base)
    try compact()
    #expect(try repository.contents(of: last) == half)
  }

  @Test("Where the nodes that it would lean on are damaged, a recipe is stored in full")
  func damaged() throws {
    let repository = try TestRepository(packTarget: 1 << 20, random: .seeded(3))
    let bytes = dumpLikeBytes(6_000_000)
    try repository.backUp(["dump": bytes], name: "0")
    for (digest, pack) in try packs(repository) where pack.header.kind == .tree {
      repository.store.tamper(try #require(digest.packName)) { $0[PackHeader.size + 100] ^= 1 }
    }
    let archive = try repository.backUp(["dump": edited(bytes, day: 1)], name: "1", with: try repository.reopened())
    #expect(leaningTrees(try packs(repository)).isEmpty)
    #expect(archive.statistics.newSize > 500_000)
  }

  @Test("Short recipes, and those of write-only keys, are stored in full")
  func inFull() throws {
    let repository = try TestRepository(random: .seeded(4))
    let bytes = dumpLikeBytes(1_000_000)
    try repository.backUp(["dump": bytes], name: "0")
    try repository.backUp(["dump": edited(bytes, day: 1)], name: "1", with: try repository.reopened())
    let passphrase = SecretBytes(passphrase: "host")
    try repository.repository.addWriteOnlyKey(passphrase: passphrase, passphraseCost: 5)
    let long = dumpLikeBytes(6_000_000, seed: 5)
    try repository.backUp(["long": long], name: "2")
    try repository.backUp(
      ["long": edited(long, day: 1)], name: "3", with: try repository.reopened(passphrase: passphrase))
    #expect(leaningTrees(try packs(repository)).isEmpty)
  }
}
