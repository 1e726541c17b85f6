import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

/// A repository with a few archives, of some of which parts are not needed any more, and what each of them holds.
final class CompactionGround {
  typealias Files = [String: [UInt8]]

  let store: MemoryStore
  let clock: ManualClock
  /// What archives should hold, by their names.
  private(set) var expected: [String: Files] = [:]

  /// An empty repository.
  init() throws {
    // Where chunks end, and so what is worth moving, goes by the repository's key.
    let made = try TestRepository(packTarget: 1 << 16, random: .seeded(1))
    (clock, store) = (made.clock, made.store)
  }

  /// The same repository as it is now.
  init(copying other: CompactionGround) throws {
    clock = other.clock
    store = MemoryStore(now: clock.clock.now)
    for status in try other.store.list("") { try store.put(status.name, try other.store.get(status.name)) }
    expected = other.expected
  }

  /// Days of a dump of which a little changes, beside files that come and go; then some days are deleted, so that packs are
  /// needed in whole, in part, by edits only, or not at all.
  static func aged() throws -> CompactionGround {
    let ground = try CompactionGround()
    var dump = dumpLikeBytes(500_000)
    for day in 0..<4 {
      var files: Files = ["dump": dump, "file\(day)": noise(120_000, seed: UInt64(day + 1))]
      if day > 0 { files["mixed"] = noise(60_000, seed: 9) + noise(60_000, seed: UInt64(day + 20)) }
      try ground.backUp(files, "day\(day)")
      for position in stride(from: 4000 + day * 7000, to: dump.count - 100, by: 40_000) {
        dump.replaceSubrange(position..<position + 6, with: Array("<\(day)>abc".utf8))
      }
    }
    try ground.delete("day0")
    try ground.delete("day2")
    return ground
  }

  /// Days of a dump, all of them kept, in which so much changes that the newest day is mostly stored as differences.
  static func edited() throws -> CompactionGround {
    let ground = try CompactionGround()
    var dump = dumpLikeBytes(500_000)
    for day in 0..<5 {
      try ground.backUp(["dump": dump], "day\(day)")
      dump = edit(dump, day: day + 1)
    }
    return ground
  }

  /// A dump on the next day: in half of the chunks, others each day, some bytes have changed.
  static func edit(_ dump: [UInt8], day: Int) -> [UInt8] {
    var dump = dump
    for position in stride(from: 4000 + day * 5000, to: dump.count - 100, by: 17_000) {
      dump.replaceSubrange(position..<position + 6, with: Array("<\(100 + day)>!".utf8))
    }
    return dump
  }

  func open(_ other: (any ObjectStore)? = nil, passphrase: SecretBytes = TestRepository.passphrase) throws -> Repository
  {
    try Repository.open(
      in: other ?? store, passphrase: passphrase, surroundings: TestRepository.surroundings(clock: clock))
  }

  @discardableResult
  func backUp(_ files: Files, _ name: String, with repository: Repository? = nil) throws -> Archive {
    let session = try (repository ?? open()).beginSession(cancellation: try Cancellation())
    return try commit(files, name, session)
  }

  @discardableResult
  func commit(_ files: Files, _ name: String, _ session: BackupSession) throws -> Archive {
    for (path, bytes) in files.sorted(by: { $0.key < $1.key }) {
      session.add(.file(path, try session.store(MemorySource(bytes))))
    }
    clock.advance(1)
    let archive = try session.commit(.named(name))
    expected[name] = files
    return archive
  }

  /// Says what an archive should hold that somebody else has put.
  func expect(_ files: Files, _ name: String) { expected[name] = files }

  func delete(_ name: String) throws {
    let repository = try open()
    for archive in try repository.archives() where archive.name == name { try repository.delete(archive) }
    expected[name] = nil
  }

  @discardableResult
  func compact(
    _ options: CompactionOptions = CompactionOptions(), over other: (any ObjectStore)? = nil
  ) throws -> CompactionReport {
    try open(other).compact(options, cancellation: try Cancellation())
  }

  func size() throws -> Int { try store.list("").reduce(0) { $0 + $1.size } }

  func names(_ folder: String) throws -> [String] { try store.list(folder).map(\.name.path) }

  /// Compares the whole contents of all archives that should be there, and checks every byte.
  func expectWhole(_ comment: Comment? = nil, location: SourceLocation = #_sourceLocation) throws {
    try expectRestores(comment, location: location)
    let report = try open().check(.content, cancellation: try Cancellation())
    #expect(report.findings == [], comment, sourceLocation: location)
  }

  /// Compares the whole contents of all archives that should be there.
  func expectRestores(_ comment: Comment? = nil, location: SourceLocation = #_sourceLocation) throws {
    let repository = try open()
    let archives = try repository.archives()
    #expect(Set(archives.map(\.name)) == Set(expected.keys), comment, sourceLocation: location)
    let reader = try repository.reader()
    let cancellation = try Cancellation()
    for archive in archives {
      #expect(archive.standing != .void, comment, sourceLocation: location)
      var files: Files = [:]
      for item in try reader.items(of: archive, cancellation: cancellation) {
        guard case .file(let stream) = item.content else { continue }
        let sink = MemorySink()
        try reader.read(stream, into: sink, cancellation: cancellation)
        files[item.path.text] = sink.bytes
      }
      #expect(files == expected[archive.name], comment, sourceLocation: location)
    }
  }
}
