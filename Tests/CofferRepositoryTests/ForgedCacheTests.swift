import CofferSystem
import Foundation
import Testing

@testable import CofferRepository

@Suite("An index cache that is not what was written")
struct ForgedCacheTests {
  private let folder = NSTemporaryDirectory() + "coffer-forged-\(UInt64.random(in: 0 ... .max))"
  private static let data = ["dump": noise(600_000, seed: 9)]

  private func open(_ repository: TestRepository, _ said: Monitor<[String]>) throws -> Repository {
    try Repository.open(
      in: repository.store, passphrase: TestRepository.passphrase,
      surroundings: RepositorySurroundings(
        clock: repository.clock.clock, random: .system, keyFolder: "", cacheFolder: folder, workers: 2,
        warn: { diagnosis in said.update { $0.append(diagnosis.problem) } }))
  }

  /// The file of the only run.
  private func file(_ repository: TestRepository) throws -> String {
    let place = "\(folder)/\(repository.repository.header.id)"
    let names = try FileManager.default.contentsOfDirectory(atPath: place).filter { $0.hasSuffix(".index") }
    return "\(place)/\(try #require(names.first))"
  }

  @Test(
    "Whatever byte of it was changed: everything is read, nothing is stored for nothing, and it is said once",
    arguments: stride(from: 0.003, to: 1, by: 0.09).map { $0 })
  func changed(at share: Double) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let said = Monitor<[String]>([])
    let repository = try TestRepository()
    let archive = try repository.backUp(Self.data, name: "first", with: try open(repository, said))
    _ = try open(repository, said).reader()
    let path = try file(repository)
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    for offset in 0..<min(64, bytes.count) {
      bytes[min(bytes.count - 1, Int(Double(bytes.count) * share) + offset)] ^= 0xff
    }
    try bytes.write(to: URL(fileURLWithPath: path))
    let reader = try open(repository, said).reader()
    let cancellation = try Cancellation()
    for item in try reader.items(of: archive, cancellation: cancellation) {
      guard case .file(let stream) = item.content else { continue }
      let sink = MemorySink()
      try reader.read(stream, into: sink, cancellation: cancellation)
      #expect(sink.bytes == Self.data["dump"])
    }
    let again = try repository.backUp(Self.data, name: "second", with: try open(repository, said))
    #expect(try repository.contents(of: again) == Self.data)
    #expect(said.update { $0.filter { $0.contains("cache") }.count } <= 1)
  }

  @Test("One that is cut short while it is open is damage like any other, and ends nothing")
  func cutWhileOpen() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let said = Monitor<[String]>([])
    let repository = try TestRepository()
    let archive = try repository.backUp(Self.data, name: "first", with: try open(repository, said))
    _ = try open(repository, said).reader()
    let reader = try open(repository, said).reader()
    truncate(try file(repository), 5000)
    let sink = MemorySink()
    let cancellation = try Cancellation()
    for item in try reader.items(of: archive, cancellation: cancellation) {
      guard case .file(let stream) = item.content else { continue }
      try reader.read(stream, into: sink, cancellation: cancellation)
    }
    #expect(sink.bytes == Self.data["dump"])
  }

  @Test("A run of another repository, or one that everybody may write, is not believed")
  func foreign() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let signer = KeyID([UInt8](repeating: 7, count: KeyID.size))
    let theirs = IndexCache(
      folder: CacheFolder(folder), key: SecretBytes(copying: [UInt8](repeating: 9, count: 32)), random: .system)
    _ = try theirs.make(of: [pack(1, 0..<500)], signer: signer, sources: [])
    let ours = IndexCache(folder: CacheFolder(folder), key: testCacheKey, random: .system)
    #expect(theirs.entries().count == 1)
    #expect(ours.entries().isEmpty)
    let made = try #require(try ours.make(of: [pack(1, 0..<500)], signer: signer, sources: []))
    chmod("\(folder)/\(try #require(made.name))", 0o666)
    #expect(ours.entries().isEmpty)
    chmod(folder, 0o777)
    #expect(CacheFolder(folder) == nil)
  }

  @Test("Of a chunk that several packs hold every copy is known, and those in avoided packs last")
  func copies() throws {
    let signer = KeyID([UInt8](repeating: 7, count: KeyID.size))
    let made = try #require(
      try IndexCache.inMemory().make(of: [pack(1, 0..<20), pack(2, 5..<15)], signer: signer, sources: []))
    let index = ChunkIndex(runs: [made.run.avoiding([0])])
    #expect(try index.copies(of: id(7)).map(\.pack) == [digest(2), digest(1)])
    #expect(index.location(of: id(7))?.pack == digest(2))
    #expect(index.location(of: id(1)) == nil)
    #expect(index.claim(id(1)).isNew)
    #expect(try index.copies(of: id(2)).map(\.pack) == [digest(1)])
  }
}
