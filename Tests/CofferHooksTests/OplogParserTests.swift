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
    #expect(entry.operation == "i" && entry.namespace == "a.b" && entry.effect == .same)
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

  private typealias Field = MongoDBArchiveBuilder.Field

  private static func effect(
    _ operation: String, _ namespace: String, _ object: [Field]
  ) throws -> OplogEntry.Effect? {
    try read(OplogBuilder.entry(operation, namespace, object, 100, 1).bytes).items.first?.entry.effect
  }

  @Test(
    "What mongorestore does not replay, or not wholly, is known",
    arguments: [
      ("create", .same), ("commitTransaction", .same), ("dropDatabase", .same), ("dropIdent", .same),
      ("renameCollection", .renames), ("importCollection", .fails("the command importCollection")),
      ("upgradeDowngradeViewlessTimeseries", .fails("the command upgradeDowngradeViewlessTimeseries")),
      ("", .fails("the command ")),
    ] as [(String, OplogEntry.Effect)])
  func effects(command: String, effect: OplogEntry.Effect) throws {
    let command: [Field] = [.text(command, "ledger")]
    #expect(try Self.effect("c", "shop.$cmd", command) == effect)
    // The same among operations that are one entry, and among those of one of them.
    let operation: [Field] = [.text("op", "c"), .text("ns", "shop.$cmd"), .document("o", command)]
    let insert: [Field] = [.text("op", "i"), .text("ns", "shop.ledger"), .document("o", command)]
    let several: [Field] = [.array("applyOps", [insert, operation, insert])]
    #expect(try Self.effect("c", "admin.$cmd", several) == effect)
    let within: [Field] = [.text("op", "c"), .text("ns", "admin.$cmd"), .document("o", several)]
    #expect(try Self.effect("c", "admin.$cmd", [.array("applyOps", [insert, within])]) == effect)
    // Documents may have fields that are called so.
    #expect(try Self.effect("i", "shop.ledger", several) == .same)
  }

  @Test("An entry that is too large for an archive is known to be")
  func large() throws {
    let rest = OplogBuilder.insert(1, 100, 1, size: 0).bytes.count
    func effect(_ bytes: Int) throws -> OplogEntry.Effect? {
      try Self.read(OplogBuilder.insert(1, 100, 1, size: bytes - rest).bytes, piece: 1 << 20).items.first?.entry.effect
    }
    #expect(try effect(16 << 20) == .same)
    #expect(try effect((16 << 20) + 1) == .fails("an entry of more than 16 MiB"))
  }

  @Test("Operations that are one entry are looked at one by one, and those that cannot be read are not taken for good")
  func several() throws {
    let change: [Field] = [.text("op", "u"), .text("ns", "admin.system.version"), .document("o", [.number("x", 1)])]
    let version = OplogEntry.Effect.fails("a change of admin.system.version")
    #expect(try Self.effect("u", "admin.system.version", [.number("x", 1)]) == version)
    #expect(try Self.effect("c", "admin.$cmd", [.array("applyOps", [change])]) == version)
    let rename: [Field] = [
      .text("op", "c"), .text("ns", "shop.$cmd"), .document("o", [.text("renameCollection", "shop.a")]),
    ]
    #expect(try Self.effect("c", "admin.$cmd", [.array("applyOps", [rename, change])]) == version)
    #expect(try Self.effect("c", "admin.$cmd", [.array("applyOps", [])]) == .same)
    #expect(try Self.effect("c", "admin.$cmd", []) == .fails("a command that is none"))
    let unreadable = OplogEntry.Effect.fails("operations that cannot be read")
    #expect(try Self.effect("c", "admin.$cmd", [.text("applyOps", "none")]) == unreadable)
    #expect(try Self.effect("c", "admin.$cmd", [.array("applyOps", [[.other(0x42, "op", [])]])]) == unreadable)
    #expect(
      try Self.effect("c", "admin.$cmd", [.other(0x04, "applyOps", [13, 0, 0, 0, 0x10, 0x30, 0, 1, 0, 0, 0, 0, 0])])
        == unreadable)
    func nested(_ depth: Int) -> [Field] {
      (0..<depth).reduce([.text("create", "a")]) { object, _ in
        [.array("applyOps", [[.text("op", "c"), .text("ns", "a.$cmd"), .document("o", object)]])]
      }
    }
    #expect(try Self.effect("c", "a.$cmd", nested(10)) == .same)
    #expect(try Self.effect("c", "a.$cmd", nested(11)) == unreadable)
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
