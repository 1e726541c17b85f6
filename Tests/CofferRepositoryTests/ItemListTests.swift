import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Lists of items that are long")
struct ItemListTests {
  private struct Full: Error {}

  private static func item(_ number: Int) -> ArchiveItem {
    let path = ItemPath("folder \(number / 100)/" + String(repeating: "long ", count: 40) + "\(number)")
    return switch number % 4 {
    case 0: ArchiveItem(path: path, content: .directory, mode: 0o755, user: "me", modified: Int64(number))
    case 1: ArchiveItem(path: path, content: .symbolicLink(target: ItemPath("x")), mode: 0o777, modified: -1)
    case 2:
      ArchiveItem(
        path: path, content: .fifo, mode: 0o600, modified: 0,
        extras: ItemExtras(attributes: [.init(name: Array("user.a".utf8), value: noise(200))]))
    default: ArchiveItem(path: path, content: .device(isBlock: false, major: 1, minor: 3), mode: 0, modified: 5)
    }
  }

  private static let items = (0..<4000).map(item)
  private static let encoded: [UInt8] = {
    var writer = ByteWriter()
    for item in items { item.encode(into: &writer) }
    return writer.bytes
  }()

  @Test("A list that is stored while it grows has every item in order, and counts for nothing of what was read")
  func stored() throws {
    let repository = try TestRepository()
    let session = try repository.repository.beginSession(cancellation: try Cancellation())
    let file = noise(50_000)
    let stream = try session.store(MemorySource(file))
    session.add(.file("first", stream))
    for item in Self.items { session.add(item) }
    let archive = try session.commit(.named("long"))
    #expect(archive.items.size > 1 << 20 && archive.statistics.itemCount == 4001)
    #expect(archive.statistics.originalSize == 50_000)
    let reader = try repository.reopened().reader()
    let cancellation = try Cancellation()
    #expect(try reader.items(of: archive, cancellation: cancellation) == [.file("first", stream)] + Self.items)
    // Streams may be read meanwhile.
    var found: [ArchiveItem] = []
    try reader.forEachItem(of: archive, cancellation: cancellation) { item in
      found.append(item)
      guard let stream = item.content.stream else { return }
      let sink = MemorySink()
      try reader.read(stream, into: sink, cancellation: cancellation)
      #expect(sink.bytes == file)
    }
    #expect(found == [.file("first", stream)] + Self.items)
    let chosen = try reader.items(of: archive, cancellation: cancellation) { $0.content == .directory }
    #expect(chosen == Self.items.filter { $0.content == .directory })
    #expect(throws: Full.self) { try reader.forEachItem(of: archive, cancellation: cancellation) { _ in throw Full() } }
    let report = try repository.reopened().check(.content, cancellation: cancellation)
    #expect(report.findings == [])
  }

  @Test("A list of several pieces comes whole; one that is not what its record describes ends with an error")
  func otherHash() throws {
    let repository = try TestRepository()
    let cancellation = try Cancellation()
    let session = try repository.repository.beginSession(cancellation: cancellation)
    let stream = try session.store(MemorySource(noise(1000)))
    let items = (0..<4).flatMap { _ in Self.items }
    for item in items { session.add(item) }
    let archive = try session.commit(.named("long"))
    #expect(archive.items.size > 3 << 20)
    let reader = try repository.reopened().reader()
    #expect(try reader.items(of: archive, cancellation: cancellation) == items)
    var other = archive
    other.items.hash = stream.hash
    var found: [ArchiveItem] = []
    #expect(throws: RepositoryError.self) {
      try reader.forEachItem(of: other, cancellation: cancellation) { found.append($0) }
    }
    #expect(!found.isEmpty && found == Array(items.prefix(found.count)))
  }

  @Test("Items that are packed come back as they were, with the paths that they are given")
  func packed() {
    var packed = PackedItems()
    for item in Self.items { packed.append(item) }
    #expect(packed.count == Self.items.count)
    for (number, item) in Self.items.enumerated() { #expect(packed.item(number, at: item.path) == item) }
  }

  @Test("A store that takes no more of a long list ends the run without an archive, and without waiting")
  func failing() throws {
    let list = ItemListWriter(pieceSize: 1000)
    for item in Self.items { list.add(item) { _ in throw Full() } }
    #expect(throws: Full.self) { try list.finish { _ in throw RunCancelled() } }
    // One that ends a run in the middle of its list.
    let other = ItemListWriter(pieceSize: 1000)
    let read = Monitor(0)
    let store: @Sendable (any ByteSource) throws -> StreamReference = { source in
      var buffer = [UInt8](repeating: 0, count: 500)
      while true {
        let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
        guard count > 0 else { throw Full() }
        read.update { $0 += count }
      }
    }
    for item in Self.items.prefix(100) { other.add(item, store: store) }
    other.abandon()
    other.join()
    #expect(throws: (any Error).self) { try other.finish(store: store) }
    #expect(read.update { $0 } > 0)
  }

  @Test("A store that takes no more of a long list is waited for as long as the caller wants, and makes no list")
  func hanging() throws {
    let list = ItemListWriter(pieceSize: 1000)
    let isOver = Monitor(false)
    let store: @Sendable (any ByteSource) throws -> StreamReference = { _ in
      isOver.wait(until: { $0 }) { _ in }
      throw Full()
    }
    var looks = 0
    let taken = Self.items.prefix { item in
      list.add(
        item,
        orUntil: {
          looks += 1
          return looks == 3
        }, store: store)
    }
    #expect(looks == 3 && taken.count < Self.items.count)
    isOver.update { $0 = true }
    #expect(throws: Full.self) { try list.finish(store: store) }
  }

  @Test(
    "In pieces of whatever size the same items come, and what is no list ends with an error", arguments: [1, 7, 4096])
  func pieces(_ size: Int) throws {
    let encoded = Array(Self.encoded.prefix(size == 1 ? 20_000 : .max))
    var decoder = ItemListDecoder(limit: 1 << 16)
    var found: [ArchiveItem] = []
    for start in stride(from: 0, to: encoded.count, by: size) {
      try encoded[start..<min(start + size, encoded.count)].withUnsafeBytes { bytes in
        try decoder.take(bytes) { found.append($0) }
      }
    }
    #expect(found == Array(Self.items.prefix(found.count)) && found.count > 50)
    if encoded.count == Self.encoded.count {
      try decoder.finish { _ in }
      #expect(found.count == Self.items.count)
    } else {
      #expect(throws: ByteReader.Malformed.self) { try decoder.finish { _ in } }
    }
    var endless = ItemListDecoder(limit: 1 << 16)
    #expect(throws: ByteReader.Malformed.self) {
      for _ in 0..<200 { try [UInt8](repeating: 0, count: 1000).withUnsafeBytes { try endless.take($0) { _ in } } }
    }
  }
}
