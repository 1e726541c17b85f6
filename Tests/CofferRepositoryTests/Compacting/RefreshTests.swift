import CofferStorage
import CofferSystem
import Testing

@testable import CofferRepository

@Suite("Compaction for the sake of restores")
struct RefreshTests {
  /// What restoring the newest archive takes, all packs together.
  private func cost(_ ground: CompactionGround) throws -> RestoreCosts.Cost {
    let cancellation = try Cancellation()
    let context = try ground.open().context
    let survey = try RoundSurvey.make(
      context, round: try Rounds.load(context).newest + 1, before: try Rounds.load(context).sweep,
      cancellation: cancellation, progress: { _ in })
    let costs = try NewestArchives(context, survey, cancellation).costs()
    return costs.packs.values.reduce(into: RestoreCosts.Cost()) {
      $0.restored += $1.restored
      $0.coded += $1.coded
      $0.decoded += $1.decoded
    }
  }

  /// What restoring one archive takes.
  private func cost(of name: String, _ ground: CompactionGround) throws -> RestoreCosts.Cost {
    let cancellation = try Cancellation()
    let repository = try ground.open()
    let context = repository.context
    let catalogue = try PackCatalogue(
      context, names: try IndexLoader(context: context).objectNames(),
      standing: try IndexLoader(context: context).existingPacks())
    let reader = try StreamReader(context: context, index: RenewedIndex(fixed: ChunkIndex(runs: catalogue.runs)))
    let archive = try #require(try repository.archives().first { $0.name == name })
    var costs = RestoreCosts(context, catalogue.runs, cancellation)
    for stream in try NewestStreams(context, reader, cancellation).streams(of: [archive]) {
      try costs.add(stream, reader)
    }
    return costs.packs.values.reduce(into: RestoreCosts.Cost()) {
      $0.restored += $1.restored
      $0.coded += $1.coded
      $0.decoded += $1.decoded
    }
  }

  private func directories(_ ground: CompactionGround) throws -> [Digest256: PackDirectory] {
    let context = try ground.open().context
    return try Dictionary(
      uniqueKeysWithValues: IndexLoader(context: context).existingPacks().keys.map {
        ($0, try PackReader($0, context: context).directory)
      })
  }

  @Test("Days of edits are given up for the newest archive in full and older ones as differences to it")
  func refreshes() throws {
    let ground = try CompactionGround.edited()
    let before = try cost(ground)
    #expect(before.ratio > 1.4, "\(before)")
    #expect(before.coded * 4 > before.restored, "\(before)")
    let size = try ground.size()
    let report = try ground.compact()
    #expect(report.outcome == .done)
    #expect(report.refreshedPacks > 0 && report.refreshedSize > 0)
    #expect(report.damagedPacks == [] && report.pardonedPacks == 0)
    try ground.expectWhole()
    let after = try cost(ground)
    #expect(after.restored == before.restored && after.coded == 0, "\(after)")
    #expect(after.ratio < 1.1, "\(after)")
    let rewritten = try ground.size()
    #expect(rewritten < size + size / 10, "\(size) \(rewritten)")
    // Older archives' data leans on full blocks, and on nothing that is not there.
    let packs = try directories(ground)
    let leaning = packs.values.flatMap { $0.blocks.filter { $0.coding == .delta } }
    #expect(leaning.reduce(0) { $0 + $1.plainLength } > before.coded / 2)
    for segment in leaning.flatMap(\.prefix) {
      #expect(packs[segment.pack]?.blocks[segment.block].coding == .zstd)
    }
  }

  @Test("The newest archive's list lies beside its data: a restore opens no pack of differences for it")
  func listBesideData() throws {
    let ground = try CompactionGround.edited()
    let before = try directories(ground)
    #expect(try ground.compact().refreshedPacks > 0)
    let packs = try directories(ground)
    let repository = try ground.open()
    let context = repository.context
    let index = try IndexLoader(context: context).load(for: .reading)
    let reader = try StreamReader(context: context, index: RenewedIndex(fixed: index))
    let newest = try #require(try repository.archives().max { $0.order < $1.order })
    var count = 0
    try reader.forEachChunk(
      of: newest.items,
      { entry in
        let pack = try #require(index.location(of: entry.id)).pack
        #expect(before[pack] == nil)
        #expect(try #require(packs[pack]).blocks.allSatisfy { $0.coding != .delta })
        count += 1
      })
    #expect(count > 0)
    #expect(packs.values.contains { $0.blocks.contains { $0.coding == .delta } })
    try ground.expectWhole()
  }

  @Test("What is written anew in full takes less than a backup, which is waited for, has made of it")
  func takesLess() throws {
    let ground = try CompactionGround.edited()
    let before = try fullShare(ground)
    try ground.compact()
    let after = try fullShare(ground)
    #expect(after < before * 0.97, "\(before) \(after)")
    try ground.expectWhole()
  }

  @Test("What is written anew in full is searched more thoroughly than zstd's level does it")
  func isSearchedThoroughly() throws {
    let ground = try CompactionGround.edited()
    try ground.compact()
    let reader = try BlockReader(context: try ground.open().context, cache: ReadCache(blockCount: 4), for: .base)
    let output = UnsafeMutableRawBufferPointer.allocate(byteCount: BlockCompressor.bound(1 << 20), alignment: 64)
    defer { output.deallocate() }
    var count = 0
    for (pack, directory) in try directories(ground) {
      for (number, block) in directory.blocks.enumerated() where block.coding == .zstd && block.plainLength > 256 << 10
      {
        let lengths = try reader.block(number, of: pack).bytes.withUnsafeBytes { plain in
          try [MatchSearch.quick, .thorough].map { search in
            let level = CompactionOptions().rewriteLevel
            return try BlockCompressor().compress(plain, prefix: nil, search: search, level: level, into: output)
          }
        }
        #expect(lengths[1] < lengths[0])
        #expect((block.storedLength - AuthenticatedCipher.tagSize) * 2 < lengths[0] + lengths[1], "\(block) \(lengths)")
        count += 1
      }
    }
    #expect(count > 0)
    try ground.expectWhole()
  }

  /// Stored bytes for each plain one of the blocks that are compressed in full.
  private func fullShare(_ ground: CompactionGround) throws -> Double {
    let blocks = try directories(ground).values.flatMap { $0.blocks.filter { $0.coding == .zstd } }
    let (stored, plain) = blocks.reduce((0, 0)) { ($0.0 + $1.storedLength, $0.1 + $1.plainLength) }
    return Double(stored) / Double(plain)
  }

  @Test(
    "The level of what is written anew goes by that of backups, and is never below it",
    arguments: [(1, 4), (2, 8), (3, 11), (10, 11), (11, 11), (12, 12), (19, 19)])
  func levels(ofBackups level: Int, ofRewriting expected: Int) {
    #expect(CompactionOptions(compressionLevel: level).rewriteLevel == expected)
  }

  @Test("What was written anew is not written another time, and days that follow begin at the beginning again")
  func settles() throws {
    let ground = try CompactionGround.edited()
    try ground.compact()
    let names = try ground.names("")
    #expect(try ground.compact().outcome == .nothing)
    #expect(try ground.names("") == names)
    var dump = try #require(ground.expected["day4"]?["dump"])
    for position in stride(from: 60_000, to: dump.count - 100, by: 85_000) {
      dump.replaceSubrange(position..<position + 6, with: Array("<day5>".utf8))
    }
    try ground.backUp(["dump": dump], "day5")
    let day = try cost(ground)
    #expect(day.coded > 0 && day.ratio < 1.4, "\(day)")
    #expect(try ground.compact().refreshedPacks == 0)
    try ground.expectWhole()
  }

  @Test("Refreshed again and again, between backups and deletions, everything is whole, and old packs are gone")
  func weeks() throws {
    let ground = try CompactionGround.edited()
    var dump = try #require(ground.expected["day4"]?["dump"])
    var sizes: [Int] = []
    for day in 5..<17 {
      dump = CompactionGround.edit(dump, day: day)
      try ground.backUp(["dump": dump, "small": noise(2000, seed: UInt64(day))], "day\(day)")
      try ground.delete("day\(day - 5)")
      if day.isMultiple(of: 2) { try ground.compact() }
      sizes.append(try ground.size())
      try ground.expectRestores("day \(day)")
    }
    try ground.expectWhole()
    #expect(try ground.open().leftovers().unindexedPacks == 0)
    #expect(sizes[11] < sizes[3] * 5 / 4, "\(sizes)")
  }

  @Test(
    "What old archives need lies together, however often it was written anew, so that their restores decode little else"
  )
  func oldArchives() throws {
    let ground = try CompactionGround(packTarget: 1 << 20)
    var dump = dumpLikeBytes(3_000_000)
    for day in 0..<13 {
      try ground.backUp(["dump": dump], "day\(day)")
      if day.isMultiple(of: 2) { try ground.compact() }
      for position in stride(from: 4000 + day * 5003, to: dump.count - 100, by: 37_000) {
        dump.replaceSubrange(position..<position + 6, with: Array("<\(100 + day)>!".utf8))
      }
    }
    try ground.expectWhole()
    for day in [0, 3, 6, 9] {
      let cost = try cost(of: "day\(day)", ground)
      #expect(cost.coded > cost.restored / 4, "day \(day): \(cost)")
      #expect(cost.ratio < 2.1, "day \(day): \(cost)")
    }
  }

  @Test("It is told which of the archives need a chunk that is to go, first and last")
  func ages() throws {
    let ground = try CompactionGround()
    let (early, late) = (noise(200_000, seed: 1), noise(200_000, seed: 2))
    for (day, files) in [["a": early], ["a": early, "b": late], ["b": late], ["b": late]].enumerated() {
      try ground.backUp(files, "day\(day)")
    }
    let cancellation = try Cancellation()
    let context = try ground.open().context
    let survey = try RoundSurvey.make(context, round: 1, before: nil, cancellation: cancellation, progress: { _ in })
    let newest = try NewestArchives(context, survey, cancellation)
    let ages = try newest.ages(survey.archives, of: Set(survey.standing.keys))
    var found: [[UInt8]: Int] = [:]
    for (run, entry) in survey.catalogue.runs.enumerated() {
      for number in 0..<entry.layout.chunkCount {
        let age = ages[IndexSlot(run: run, number: number)]
        found[[age.first, age.last], default: 0] += entry.length(number) ?? 0
      }
    }
    #expect(found[[1, 2]] == 200_000 && found[[2, 4]] == 200_000, "\(found)")
    #expect(Set(found.keys) == [[0, 0], [1, 2], [2, 4]])
    let none = try newest.ages(survey.archives, of: [])
    #expect(none[IndexSlot(run: 0, number: 0)] == NeededAges.Ages())
  }

  @Test("Of very many archives some are asked, the oldest and the newest among them")
  func chosen() {
    #expect(NeededAges.chosen(of: 0) == [])
    #expect(NeededAges.chosen(of: 3) == [0, 1, 2])
    for count in [64, 65, 100, 5000] {
      let chosen = NeededAges.chosen(of: count)
      #expect(chosen.count == NeededAges.archiveLimit && chosen.first == 0 && chosen.last == count - 1)
      #expect(zip(chosen, chosen.dropFirst()).allSatisfy { $0 < $1 })
    }
  }

  @Test("The limit for what is written anew holds for this too, and a dry run says what would be")
  func bounded() throws {
    let ground = try CompactionGround.edited()
    let names = try ground.names("")
    let planned = try ground.compact(CompactionOptions(isDryRun: true))
    #expect(planned.outcome == .planned)
    #expect(planned.refreshedPacks > 0 && planned.refreshedSize > 0 && planned.bytesWritten == 0)
    #expect(planned.movedPacks >= planned.refreshedPacks)
    #expect(try ground.names("") == names)
    #expect(try ground.compact(CompactionOptions(repackSize: 10_000)).outcome == .nothing)
    #expect(try ground.names("") == names)
    let limit = Int(planned.movedSize) - 1
    let some = try ground.compact(CompactionOptions(repackSize: limit))
    #expect(some.movedSize <= UInt64(limit))
    try ground.expectWhole()
  }

  @Test("What a stream takes to restore is asked of full keys' archives only")
  func writeOnly() throws {
    let ground = try CompactionGround.edited()
    let secret = SecretBytes(passphrase: "thief")
    try ground.open().addWriteOnlyKey(passphrase: secret, passphraseCost: 5)
    for name in ground.expected.keys { try ground.delete(name) }
    let noise = noise(600_000, seed: 3)
    try ground.backUp(["dump": noise], "forged", with: try ground.open(passphrase: secret))
    #expect(try cost(ground).restored == 0)
  }

  @Test("A pack that was found damaged is not written anew for the sake of restores")
  func damaged() throws {
    let ground = try CompactionGround.edited()
    let context = try ground.open().context
    let base = try #require(try directories(ground).values.compactMap(\.basePacks.first).first)
    context.quarantine.add(base, "a test says so", context)
    let report = try ground.compact()
    #expect(report.damagedPacks == [])
    #expect(try directories(ground)[base] != nil)
    try ground.expectRestores()
  }

  @Test("The place of what was written anew is found by where it was, and what is around comes along")
  func places() throws {
    let old = try #require(Digest256(hex: String(repeating: "01", count: 32)))
    let new = try #require(Digest256(hex: String(repeating: "02", count: 32)))
    func place(_ block: Int, _ offset: Int) -> FullPlace {
      FullPlace(block: BlockPlace(pack: old, block: block), offset: offset)
    }
    var places = RewrittenPlaces()
    var directory = PackDirectory()
    var chunks: [BlockChunk] = []
    for number in 0..<10 {
      places.add(number == 9 ? nil : place(number / 5, number % 5 * 8000), length: 8000)
      chunks.append(BlockChunk(id: ChunkID.zero, length: 8000))
    }
    directory.append(storedLength: 100, plainLength: 80_000, coding: .zstd, prefix: [], chunks: chunks)
    places.settle([IndexedPack(digest: new, kind: .data, size: 100, directory: directory)])
    let found = try #require(places.base(at: place(0, 16_100), length: 5000))
    #expect(found.anchor == .init(pack: new, block: 0, offset: 16_100, length: 1))
    #expect(found.segments.map(\.offset) == [8000, 16_000, 24_000])
    #expect(places.base(at: place(0, 60_000), length: 100) == nil)
    #expect(places.base(at: place(7, 0), length: 100) == nil)
    let first = try #require(places.base(at: place(1, 0), length: 1000))
    #expect(first.anchor.offset == 40_000)
    #expect(first.segments.map(\.offset) == [40_000])
  }
}
