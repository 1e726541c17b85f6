import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("A memory of files that the repository is not like")
struct FilesCacheTrustTests {
  private let ground: FilesCacheGround

  init() throws {
    ground = try FilesCacheGround()
    ground.files = [
      "large": .init(noise(300_000, seed: 3), inode: 11), "small": .init(Array("a few words".utf8), inode: 12),
      "dump": .init(dumpLikeBytes(150_000), inode: 14),
    ]
  }

  private var all: Set<String> { Set(ground.files.keys) }

  // MARK: - The file

  private func change(_ body: (inout Data) -> Void) throws {
    let place = URL(fileURLWithPath: try ground.path())
    var bytes = try Data(contentsOf: place)
    body(&bytes)
    try bytes.write(to: place)
    chmod(place.path, 0o600)
  }

  @Test(
    "Whatever byte of it was changed, or wherever it ends: all is read, all is right, and it is said once",
    arguments: stride(from: 0.0, through: 1, by: 0.125).map { $0 })
  func changed(at share: Double) throws {
    try ground.run()
    try change { bytes in
      let place = min(bytes.count - 1, Int(Double(bytes.count) * share))
      bytes[place] ^= 0x40
    }
    #expect(try ground.run().unread == [])
    #expect(try ground.run().unread == all)
    try change { $0 = $0.prefix(Int(Double($0.count) * min(share, 0.999))) }
    #expect(try ground.run().unread == [])
    try ground.expectWhole()
    #expect(ground.said.update { $0.filter { $0.contains("cache of files") }.count } == 2)
  }

  @Test("One of another repository, one that everybody may write, and one that is a link are not believed")
  func foreign() throws {
    try ground.run()
    let other = try FilesCacheGround()
    other.files = ground.files
    try other.run()
    let (path, theirs) = (try ground.path(), try other.path())
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.copyItem(atPath: theirs, toPath: path)
    #expect(try ground.run().unread == [])
    chmod(try ground.path(), 0o666)
    #expect(try ground.run().unread == [])
    let moved = try ground.path() + ".moved"
    try FileManager.default.moveItem(atPath: try ground.path(), toPath: moved)
    symlink(moved, moved.replacing(".moved", with: ""))
    #expect(try ground.run().unread == [])
    #expect(try ground.run().unread == all)
    try ground.expectWhole()
  }

  @Test("One that is cut short or changed while a run uses it is none from there on")
  func cutWhileOpen() throws {
    // More than is held of it at a time.
    for number in 0..<300 {
      var file = FilesCacheGround.File(Array("\(number)".utf8), inode: UInt64(number))
      file.extras.attributes = [.init(name: Array("user.long".utf8), value: noise(4000, seed: UInt64(number + 1)))]
      ground.files["file\(number)"] = file
    }
    try ground.run()
    let session = try ground.session()
    truncate(try ground.path(), 5000)
    #expect(try ground.store(in: session).isEmpty)
    _ = try session.commit(.named("cut"))
    #expect(ground.said.update { $0.filter { $0.contains("cache of files") }.count } == 1)
    #expect(try ground.run().unread == all)
  }

  // MARK: - The repository

  @Test("What compaction has given up after prune is read again")
  func compacted() throws {
    let first = try ground.run()
    ground.files["large"] = nil
    try ground.run()
    try ground.delete(first.archive)
    _ = try ground.open().compact(CompactionOptions(), cancellation: try Cancellation())
    ground.files["large"] = .init(noise(300_000, seed: 3), inode: 11)
    let third = try ground.run()
    #expect(!third.unread.contains("large"))
    try ground.expectWhole()
    #expect(try ground.run().unread == all)
    try ground.expectWhole()
  }

  @Test("A root that stays for others' sake is no word for what it leads to")
  func rootWithoutChunks() throws {
    // Nodes of both are in one pack, their chunks are not.
    ground.files = [
      "gone": .init(noise(1_200_000, seed: 5), inode: 1), "kept": .init(noise(1_200_000, seed: 6), inode: 2),
    ]
    let first = try ground.run()
    let items = try ground.open().reader().items(of: first.archive, cancellation: try Cancellation())
    let root = try #require(items.first { $0.path.text == "gone" }?.content.stream?.root)
    ground.files["gone"] = nil
    try ground.run()
    try ground.delete(first.archive)
    var options = CompactionOptions()
    options.threshold = 90
    _ = try ground.open().compact(options, cancellation: try Cancellation())
    let index = try IndexLoader(context: ground.open().context).load(for: .reading)
    #expect(index.location(of: root) != nil)
    ground.files["gone"] = .init(noise(1_200_000, seed: 5), inode: 1)
    let third = try ground.run()
    #expect(!third.unread.contains("gone"))
    try ground.expectWhole()
  }

  @Test("A store that is put back from an earlier copy gets all files that it does not have")
  func putBack() throws {
    let kept = ground.files["large"]
    ground.files["large"] = nil
    try ground.run()
    let earlier = try ground.store.list("").map { ($0.name, try ground.store.get($0.name)) }
    ground.files["large"] = kept
    let second = try ground.run()
    for status in try ground.store.list("") { try ground.store.delete(status.name) }
    for (name, bytes) in earlier { try ground.store.put(name, bytes) }
    let third = try ground.run()
    #expect(third.unread == all.subtracting(["large"]))
    #expect(try ground.open().archives().map(\.name) == ["run1", third.archive.name])
    #expect(second.archive.name != third.archive.name)
    let report = try ground.open().check(.content, cancellation: try Cancellation())
    #expect(report.findings == [])
  }

  @Test("A pack that is gone, too short or in quarantine makes its files be read, and stored again")
  func damagedPacks() throws {
    for damage in ["gone", "short", "quarantined"] {
      let ground = try FilesCacheGround()
      ground.files = ["large": .init(noise(300_000, seed: 3), inode: 11), "small": .init([1, 2, 3], inode: 12)]
      try ground.run()
      let pack = try #require(try ground.store.list("packs").max { $0.size < $1.size })
      switch damage {
      case "gone": try ground.store.delete(pack.name)
      case "short": ground.store.tamper(pack.name) { $0.removeLast(100) }
      default:
        ground.store.tamper(pack.name) { $0[$0.count / 2] ^= 1 }
        _ = try ground.open().check(.content, cancellation: try Cancellation())
      }
      let second = try ground.run()
      #expect(!second.unread.contains("large"), "\(damage)")
      #expect(second.archive.statistics.newSize > 10_000, "\(damage)")
      let sink = MemorySink()
      let reader = try ground.open().reader()
      let items = try reader.items(of: second.archive, cancellation: try Cancellation())
      try reader.read(try #require(items[0].content.stream), into: sink, cancellation: try Cancellation())
      #expect(sink.bytes == ground.files["large"]?.content, "\(damage)")
      #expect(try ground.run().unread == ["large", "small"], "\(damage)")
    }
  }

  @Test("A repository made anew knows nothing")
  func anew() throws {
    try ground.run()
    let other = try FilesCacheGround()
    // The folder of the old one's cache, under the new one's id.
    let (old, new) = (try ground.open().header.id, try other.open().header.id)
    try FileManager.default.createDirectory(atPath: other.folder, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: "\(ground.folder)/\(old)", toPath: "\(other.folder)/\(new)")
    other.files = ground.files
    #expect(try other.run().unread == [])
    try other.expectWhole()
  }

  @Test("What another key that may only write has stored is read again, for nobody leans on it")
  func writeOnly() throws {
    let passphrases = ["battery", "staple"].map { SecretBytes(passphrase: $0) }
    for passphrase in passphrases { _ = try ground.open().addWriteOnlyKey(passphrase: passphrase, passphraseCost: 5) }
    var unread: [Set<String>] = []
    for (number, passphrase) in [0, 0, 1, 1].map({ ($0, passphrases[$0]) }) {
      let repository = try ground.open(passphrase: passphrase)
      let session = try ground.session(in: repository)
      unread.append(try ground.store(in: session))
      ground.clock.advance(1)
      _ = try session.commit(.named("run \(unread.count) of \(number)"))
    }
    #expect(unread == [[], all, [], all])
    // What a full key has stored counts for everybody.
    #expect(try ground.run().unread == [])
    let session = try ground.session(in: try ground.open(passphrase: passphrases[0]))
    #expect(try ground.store(in: session) == all)
    session.abandon()
    let report = try ground.open().check(.content, cancellation: try Cancellation())
    #expect(report.findings == [])
  }
}
