import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("Index objects that say false things of packs")
struct FalseIndexTests {
  private static let host = SecretBytes(passphrase: "host")
  private static let thief = SecretBytes(passphrase: "thief")
  private static let files = ["dump": dumpLikeBytes(400_000), "noise": noise(200_000, seed: 4)]

  /// A repository with an archive of a write-only key.
  private func ground() throws -> CompactionGround {
    let ground = try CompactionGround()
    for secret in [Self.host, Self.thief] {
      try ground.open().addWriteOnlyKey(passphrase: secret, passphraseCost: 5)
    }
    try ground.backUp(Self.files, "host", with: try ground.open(passphrase: Self.host))
    return ground
  }

  private func put(_ packs: [IndexedPack], by secret: SecretBytes, in ground: CompactionGround) throws {
    let context = try ground.open(passphrase: secret).context
    let bytes = try context.envelope.seal(IndexSegment.encode(packs), purpose: .index, context: [], random: .system)
    let digest = try bytes.withUnsafeBytes { try ContentHasher.hash($0) }
    try ground.store.put(try #require(IndexSegment.objectName(digest)), bytes)
  }

  private func stated(_ ground: CompactionGround) throws -> [IndexedPack] {
    let loader = try IndexLoader(context: ground.open().context)
    return try loader.objectNames().flatMap { try loader.read($0).packs }
  }

  private static func empty(_ pack: IndexedPack) -> IndexedPack {
    IndexedPack(
      digest: pack.digest, kind: pack.kind, size: pack.size, plainSize: pack.plainSize, entries: [], bases: pack.bases)
  }

  /// The same chunks, each in another block.
  private static func displaced(_ pack: IndexedPack) -> IndexedPack {
    let entries = pack.entries.map { IndexedPack.Entry(id: $0.id, length: $0.length, block: $0.block + 1) }
    return IndexedPack(
      digest: pack.digest, kind: pack.kind, size: pack.size, plainSize: pack.plainSize, entries: entries,
      bases: pack.bases)
  }

  @Test(
    "Whatever a write-only key's index objects say of packs, beside or instead of true ones, every archive restores",
    arguments: [host, thief], [true, false])
  func restores(_ liar: SecretBytes, _ keepsTrueOnes: Bool) throws {
    for lie in [Self.empty, Self.displaced] {
      let ground = try ground()
      let packs = try stated(ground)
      if !keepsTrueOnes {
        for name in try ground.names("index") { try ground.store.delete(try #require(ObjectName(name))) }
      }
      try put(packs.map(lie), by: liar, in: ground)
      try ground.expectRestores()
    }
  }

  @Test("Objects of one key that contradict each other hide nothing, also when many are merged in a machine's cache")
  func contradiction() throws {
    let ground = try ground()
    let folder = NSTemporaryDirectory() + "coffer-false-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let packs = try stated(ground)
    for number in 0..<packs.count + 8 {
      let lies = [Self.empty(packs[number % packs.count])] + packs.prefix(number % 2).map(Self.displaced)
      try put(lies, by: Self.host, in: ground)
      let repository = try Repository.open(
        in: ground.store, passphrase: TestRepository.passphrase,
        surroundings: TestRepository.surroundings(clock: ground.clock, cacheFolder: folder))
      let archive = try #require(try repository.archives().first)
      let reader = try repository.reader()
      let cancellation = try Cancellation()
      for item in try reader.items(of: archive, cancellation: cancellation) {
        guard case .file(let stream) = item.content else { continue }
        let sink = MemorySink()
        try reader.read(stream, into: sink, cancellation: cancellation)
        #expect(sink.bytes == Self.files[item.path.text], "\(number)")
      }
    }
  }
}
