import CofferSystem
import TestSupport
import Testing

@testable import CofferHooks

@Suite("What comes of an oplog, entry by entry")
struct OplogParserTests {
  /// An insert, byte for byte as bsonspec.org has such a document.
  private static let insert: [UInt8] = {
    let fields: [[UInt8]] = [
      [0x51, 0, 0, 0], [0x02], Array("op".utf8), [0, 2, 0, 0, 0], Array("i".utf8), [0], [0x02], Array("ns".utf8),
      [0, 4, 0, 0, 0], Array("a.b".utf8), [0], [0x03], Array("o".utf8), [0, 14, 0, 0, 0, 0x10], Array("_id".utf8),
      [0, 7, 0, 0, 0, 0], [0x11], Array("ts".utf8), [0, 3, 0, 0, 0, 0x00, 0xF1, 0x53, 0x65], [0x12], Array("t".utf8),
      [0, 5, 0, 0, 0, 0, 0, 0, 0], [0x09], Array("wall".utf8), [0, 0, 0, 0, 0, 0, 0, 0, 0], [0],
    ]
    return fields.flatMap { $0 }
  }()

  /// Reads what comes in pieces.
  private static func read(_ bytes: [UInt8], piece: Int = 7) throws -> (items: [OplogParser.Item], isWhole: Bool) {
    var parser = OplogParser()
    var items: [OplogParser.Item] = []
    for start in stride(from: 0, to: bytes.count, by: piece) {
      bytes[start..<min(start + piece, bytes.count)].withUnsafeBytes { parser.append($0) }
      while let item = try parser.next() { items.append(item) }
    }
    return (items, parser.isAtBoundary)
  }

  @Test("An entry is known by its time, its term and its bytes")
  func fixture() throws {
    #expect(Self.insert.count == 0x51)
    let items = try Self.read(Self.insert).items
    let entry = try #require(items.first?.entry)
    #expect(entry.mark.time == OplogTime(seconds: 0x6553_F100, increment: 3))
    #expect(entry.mark.time.text == "1700000000:3")
    #expect(entry.mark.term == 5 && entry.mark.sum == MongoDBArchiveBuilder.checksum(Self.insert))
    #expect(entry.operation == "i" && entry.namespace == "a.b" && entry.command == nil && entry.obstacle == nil)
    #expect(items.count == 1 && items[0].bytes == Self.insert)
  }

  @Test("Entries come out whole, in whatever pieces they come", arguments: [1, 3, 4, 5, 64, 100_000])
  func pieces(piece: Int) throws {
    let entries = (1...20).map { OplogBuilder.insert($0, 100 + $0 / 4, 1 + $0 % 4, size: Int($0) * 100) }
    let bytes = entries.flatMap(\.bytes)
    let read = try Self.read(bytes, piece: piece)
    #expect(read.items.map(\.bytes) == entries.map(\.bytes) && read.isWhole)
    #expect(try Self.read(Array(bytes.dropLast()), piece: piece).items.count == 19)
    #expect(try !Self.read(Array(bytes.dropLast()), piece: piece).isWhole)
  }

  @Test("What is no document, says no time, or is out of order is not taken")
  func faults() throws {
    let (first, second) = (OplogBuilder.insert(1, 100, 1), OplogBuilder.insert(2, 100, 2))
    let after = OplogTime(seconds: 100, increment: 1)
    func fault(_ bytes: [UInt8]) -> OplogParser.Fault? {
      do {
        _ = try Self.read(bytes)
        return nil
      } catch {
        return error as? OplogParser.Fault
      }
    }
    for length: [UInt8] in [[0, 0, 0, 0], [4, 0, 0, 0], [255, 255, 255, 255], [1, 0, 16, 1]] {
      #expect(fault(first.bytes + length) == .document(after: after))
    }
    #expect(fault([0, 0, 0, 0]) == .document(after: nil))
    var open = second.bytes
    open[open.count - 1] = 1
    #expect(fault(first.bytes + open) == .document(after: after))
    let timeless = MongoDBArchiveBuilder.document([.text("op", "i"), .long("ts", 7)])
    #expect(fault(first.bytes + timeless) == .entry(after: after))
    #expect(fault(second.bytes + first.bytes) == .order(after, after: OplogTime(seconds: 100, increment: 2)))
    #expect(fault(first.bytes + first.bytes) == .order(after, after: after))
    // A nested document that is longer than what holds it.
    var torn = first.bytes
    let place = try #require(torn.indices.first { torn[$0...].starts(with: [0x03] + Array("o".utf8) + [0]) })
    torn[place + 3] = 255
    #expect(fault(torn) == .entry(after: nil))
  }

  @Test(
    "What mongorestore does not replay is known",
    arguments: [
      ("create", nil), ("commitTransaction", nil), ("dropDatabase", nil),
      ("importCollection", "the command importCollection"), ("", "the command "),
    ] as [(String, String?)])
  func obstacles(command: String, obstacle: String?) throws {
    let entry = OplogBuilder.entry("c", "shop.$cmd", [.text(command, "ledger")], 100, 1)
    #expect(try Self.read(entry.bytes).items.first?.entry.obstacle == obstacle)
    let version = OplogBuilder.entry("u", "admin.system.version", [.number("x", 1)], 100, 1)
    #expect(try Self.read(version.bytes).items.first?.entry.obstacle == "a change of admin.system.version")
  }

  @Test("Times are read as MongoDB's programs take them, and count on")
  func times() {
    #expect(OplogTime("1700000000:3") == OplogTime(seconds: 1_700_000_000, increment: 3))
    for text in ["", "1", "1:", ":1", "1:2:3", "-1:2", "+1:2", "1:4294967296", "1 :2"] {
      #expect(OplogTime(text) == nil, "\(text)")
    }
    #expect(OplogTime(seconds: 7, increment: .max).next == OplogTime(seconds: 8, increment: 0))
    #expect(OplogTime(seconds: 7, increment: 1).next == OplogTime(seconds: 7, increment: 2))
    #expect(OplogTime(seconds: .max, increment: .max).next == nil)
  }

  // MARK: - In archives

  private func archive(_ bytes: [UInt8], piece: Int = 5) -> MongoDBArchive {
    var archive = MongoDBArchive()
    for start in stride(from: 0, to: bytes.count, by: piece) {
      Array(bytes[start..<min(start + piece, bytes.count)]).withUnsafeBytes { archive.feed($0) }
    }
    return archive
  }

  @Test("An archive with an oplog says which entries it has, and counts it among no collections")
  func place() throws {
    let entries = (1...5).map { OplogBuilder.insert($0, 100, $0) }
    let bytes = OplogBuilder.archive(["shop.ledger"], Array(entries[..<2]), Array(entries[2...]))
    let archive = archive(bytes)
    let place = try #require(archive.oplogPlace)
    #expect(place.first == OplogEntry(entries[0].bytes)?.mark && place.last == OplogEntry(entries[4].bytes)?.mark)
    #expect(archive.missing == nil && archive.collectionCount == 1)
    #expect(archive.content == DumpContent(tables: [.init(name: "shop.ledger", rows: 1)]))
    for length in bytes.indices { #expect(self.archive(Array(bytes[..<length]), piece: 4096).missing != nil) }
    // A database's collection may be called so.
    #expect(self.archive(MongoDBArchiveBuilder.whole("shop.oplog")).oplogPlace == nil)
    let turned = self.archive(OplogBuilder.archive(["shop.ledger"], entries.reversed()))
    #expect(turned.oplogPlace == nil && turned.missing == nil)
  }

  // MARK: - Behind archives

  private struct Failed: Error {}

  private func splice(
    _ bytes: [UInt8], _ entries: [[UInt8]], piece: Int
  ) throws -> (bytes: [UInt8], isDone: Bool) {
    var splice = OplogSplice { take in for entry in entries { try entry.withUnsafeBytes { try take($0) } } }
    var result: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: piece) {
      try bytes[start..<min(start + piece, bytes.count)].withUnsafeBytes { try splice.feed($0) { result += $0 } }
    }
    return (result, splice.isDone)
  }

  @Test("Entries are put behind those of an archive as if mongodump had gone on", arguments: [1, 4, 7, 1 << 20])
  func spliced(piece: Int) throws {
    let entries = (1...9).map { OplogBuilder.insert($0, 100, $0) }
    let collections = ["shop.ledger", "shop.oplog"]
    let dump = OplogBuilder.archive(collections, Array(entries[..<2]), Array(entries[2..<4]))
    let goal = OplogBuilder.archive(
      collections, Array(entries[..<2]), Array(entries[2..<4]), Array(entries[4...]))
    let found = try splice(dump, entries[4...].map(\.bytes), piece: piece)
    #expect(found.bytes == goal && found.isDone)
    #expect(archive(found.bytes).missing == nil)
    #expect(try splice(dump, [], piece: piece).bytes == dump)
    // Without an oplog there is nothing to be put behind.
    let plain = MongoDBArchiveBuilder.whole("shop.ledger")
    let unchanged = try splice(plain, entries.map(\.bytes), piece: piece)
    #expect(unchanged.bytes == plain && !unchanged.isDone)
    #expect(throws: OplogSplice.Malformed.self) { try splice([1, 2, 3, 4], [], piece: piece) }
    #expect(throws: OplogSplice.Malformed.self) { try splice(Array(dump[..<4]) + [1, 0, 0, 0], [], piece: piece) }
  }
}
