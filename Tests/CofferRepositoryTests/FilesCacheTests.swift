import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Files that were read before")
struct FilesCacheTests {
  private let ground: FilesCacheGround

  init() throws {
    ground = try FilesCacheGround()
    ground.files = [
      "large": .init(noise(300_000, seed: 3), inode: 11), "small": .init(Array("a few words".utf8), inode: 12),
      "empty": .init([], inode: 13), "dump": .init(dumpLikeBytes(150_000), inode: 14),
    ]
  }

  private var all: Set<String> { Set(ground.files.keys) }

  @Test("Many more files than wait for one pack are all remembered, those of many packs too")
  func manyPending() throws {
    for number in 0..<9000 { ground.files["\(number)"] = .init(Array("file \(number)".utf8)) }
    ground.files["long"] = .init((0..<400_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) })
    try ground.run()
    let again = try ground.run()
    #expect(again.unread == Set(ground.files.keys))
    try ground.expectWhole()
  }

  @Test("What is as it was is not read, and is in the archive all the same")
  func unchanged() throws {
    #expect(try ground.run().unread == [])
    let second = try ground.run()
    #expect(second.unread == all)
    let size = ground.files.values.reduce(0) { $0 + UInt64($1.content.count) }
    #expect(second.archive.statistics.originalSize == size && second.archive.statistics.itemCount == 4)
    #expect(second.archive.statistics.newSize < 4000)
    try ground.expectWhole()
  }

  private static let modes: [(title: String, comparison: FileComparison, notices: Set<String>)] = [
    ("ctime,size,inode", FileComparison(), ["size", "changed", "inode"]),
    ("mtime,size,inode", FileComparison(time: .modified), ["size", "modified", "inode"]),
    ("ctime,size", FileComparison(comparesInode: false), ["size", "changed"]),
    ("mtime,size", FileComparison(time: .modified, comparesInode: false), ["size", "modified"]),
    ("size", FileComparison(time: nil, comparesInode: false), ["size"]),
  ]

  @Test("Each mode notices what it compares, and nothing else", arguments: modes.indices)
  func eachMode(_ number: Int) throws {
    let mode = Self.modes[number]
    let names = ["size", "modified", "changed", "inode"]
    ground.files = Dictionary(uniqueKeysWithValues: names.map { ($0, .init(Array("\($0) of a file".utf8))) })
    try ground.run(mode.comparison)
    ground.files["size"] = .init(Array("longer than it was".utf8))
    ground.files["modified"]?.facts = FileFacts(size: 18, inode: 7, modified: 1001, changed: 2000)
    ground.files["changed"]?.facts = FileFacts(size: 17, inode: 7, modified: 1000, changed: 2001)
    ground.files["inode"]?.facts = FileFacts(size: 15, inode: 8, modified: 1000, changed: 2000)
    let second = try ground.run(mode.comparison)
    #expect(Set(names).subtracting(second.unread) == mode.notices, "\(mode.title)")
    #expect(try ground.run(mode.comparison).unread == Set(names), "\(mode.title)")
    try ground.expectWhole()
  }

  @Test("Reading all in any case remembers for runs that compare; without a cache nothing is asked or remembered")
  func rechunk() throws {
    #expect(try ground.run(FileComparison(comparesInode: false, readsAll: true)).unread == [])
    #expect(try ground.run(FileComparison(comparesInode: false, readsAll: true)).unread == [])
    #expect(try ground.run().unread == all)
    let session = try ground.open().beginSession(cancellation: try Cancellation())
    #expect(session.unchangedFile(try #require(ground.files["large"]).facts, at: ItemPath("large")) == nil)
    #expect(try session.storeFile(MemorySource([1]), at: ItemPath("x")).packs == nil)
    session.abandon()
  }

  @Test("A file swapped for one of the same size and time of change of its content is noticed by the system's time")
  func swapped() throws {
    try ground.run()
    ground.files["small"]?.content = Array("other words".utf8)
    ground.files["small"]?.facts = FileFacts(size: 11, inode: 12, modified: 1000, changed: 2001)
    #expect(try ground.run().unread == all.subtracting(["small"]))
    try ground.expectWhole()
  }

  @Test("A time of the last moments says nothing, and is read once more; one that is none says never anything")
  func lastMoments() throws {
    let limit: Int64 = 2000
    ground.files["large"]?.facts = FileFacts(size: 300_000, inode: 11, modified: 1000, changed: 1999)
    try ground.run(settledBefore: limit)
    #expect(try ground.run().unread == ["large"])
    #expect(try ground.run().unread == all)
    for (time, isUnread) in [(Int64(0), false), (-5, false), (.min, false), (.max, false), (1, true)] {
      ground.files["small"]?.facts = FileFacts(size: 11, inode: 12, modified: 1000, changed: time)
      try ground.run()
      #expect(try ground.run().unread.contains("small") == isUnread, "\(time)")
    }
    // That of the content may be any, for anybody may set it; but those that are too far away are all the same.
    for (time, isUnread) in [(Int64(0), true), (-5, true), (.min, false), (.max, false)] {
      ground.files["small"]?.facts = FileFacts(size: 11, inode: 12, modified: time, changed: 0)
      try ground.run(FileComparison(time: .modified))
      #expect(try ground.run(FileComparison(time: .modified)).unread.contains("small") == isUnread, "\(time)")
    }
  }

  @Test("What one time settled is not taken for settled by the other")
  func otherTime() throws {
    // The content is old, but its name was given a moment ago.
    ground.files["small"]?.facts = FileFacts(size: 11, inode: 12, modified: 10, changed: 2000)
    try ground.run(FileComparison(time: .modified), settledBefore: 1000)
    #expect(try ground.run().unread == [])
    #expect(try ground.run(FileComparison(time: .modified)).unread == all)
  }

  @Test("A file that is not found is remembered for some runs, and forgotten then")
  func aging() throws {
    let file = try #require(ground.files["large"])
    try ground.run(runLimit: 3)
    ground.files["large"] = nil
    for _ in 0..<2 { try ground.run(runLimit: 3) }
    ground.files["large"] = file
    #expect(try ground.run(runLimit: 3).unread == all)
    ground.files["large"] = nil
    for _ in 0..<3 { try ground.run(runLimit: 3) }
    ground.files["large"] = file
    #expect(try ground.run(runLimit: 3).unread == all.subtracting(["large"]))
  }

  @Test("Each configuration remembers its own files, and one that is not used any more goes")
  func configurations() throws {
    try ground.run(name: "one")
    #expect(try ground.run(name: "two").unread == [])
    #expect(try ground.run(name: "one").unread == all)
    let place = "\(ground.folder)/\(try ground.open().header.id)"
    func names() throws -> Set<String> {
      Set(try FileManager.default.contentsOfDirectory(atPath: place).filter { $0.hasPrefix("files-") })
    }
    let both = try names()
    #expect(both.count == 2)
    for name in both { utimes("\(place)/\(name)", [timeval(), timeval()]) }
    try ground.run(name: "one")
    #expect(try names().count == 1)
    #expect(try ground.run(name: "one").unread == all)
  }

  @Test("What a run without an archive has stored is remembered")
  func abandoned() throws {
    let session = try ground.session()
    try ground.store(in: session)
    session.abandon()
    // The last packs were not full, and are not stored: what is in them is read again.
    #expect(!(try ground.run().unread.isEmpty))
    #expect(try ground.run().unread == all)
    try ground.expectWhole()
  }

  @Test("Attributes and holes are remembered, as long as nothing was done to the file")
  func extras() throws {
    var extents = FileExtents()
    extents.append(hole: 4096, data: 11)
    extents.append(hole: 100, data: 0)
    var extras = ItemExtras(
      attributes: [.init(name: Array("user.a".utf8), value: [1, 2])], flags: 64, accessed: 5,
      link: .init(device: 1, inode: 2), extents: extents)
    ground.files = ["sparse": .init(Array("a few words".utf8))]
    ground.files["sparse"]?.facts = FileFacts(size: 4207, inode: 7, modified: 1000, changed: 2000)
    ground.files["sparse"]?.extras = extras
    try ground.run()
    let session = try ground.session(FileComparison(time: .modified))
    defer { session.abandon() }
    let facts = FileFacts(size: 4207, inode: 7, modified: 1000, changed: 2000)
    let file = try #require(session.unchangedFile(facts, at: ItemPath("sparse")))
    (extras.accessed, extras.link) = (nil, nil)
    #expect(file.extras == extras && file.knowsAttributes(facts) && file.knowsFlags(facts))
    let touched = FileFacts(size: 4207, inode: 7, modified: 1000, changed: 2001)
    let other = try #require(session.unchangedFile(touched, at: ItemPath("sparse")))
    #expect(!other.knowsAttributes(touched) && !other.knowsFlags(touched))
  }

  @Test("Facts that do not fit what was stored are not remembered")
  func inconsistent() throws {
    ground.files["small"]?.facts = FileFacts(size: 12, inode: 12, modified: 1000, changed: 2000)
    try ground.run()
    #expect(try ground.run().unread == all.subtracting(["small"]))
  }

  @Test("More files than a block has are found in any order")
  func many() throws {
    ground.files = Dictionary(
      uniqueKeysWithValues: (0..<3000).map { ("folder/file\($0)", .init(Array("\($0 % 50)".utf8), inode: UInt64($0))) })
    try ground.run()
    let session = try ground.session()
    defer { session.abandon() }
    let found = ground.files.allSatisfy { path, file in
      session.unchangedFile(file.facts, at: ItemPath(path))?.stream.size == file.facts.size
    }
    #expect(found)
    #expect(
      session.unchangedFile(FileFacts(size: 1, inode: 1, modified: 1000, changed: 2000), at: ItemPath("no")) == nil)
  }
}
