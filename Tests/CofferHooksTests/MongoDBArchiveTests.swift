import CofferSystem
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Whether a MongoDB archive is whole")
struct MongoDBArchiveTests {
  private typealias Builder = MongoDBArchiveBuilder

  /// What the archive says after it was given in pieces of one size.
  private func archive(_ bytes: [UInt8], pieces: Int = 4096) -> MongoDBArchive {
    var archive = MongoDBArchive()
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      Array(bytes[start..<min(start + pieces, bytes.count)]).withUnsafeBytes { archive.feed($0) }
    }
    return archive
  }

  private func document(_ text: String) -> [UInt8] {
    Builder.document([.text("value", text)])
  }

  /// Two collections whose blocks alternate, an empty one, and a view.
  private var interleaved: Builder {
    var builder = Builder(["a.x", "a.y", "a.empty", "a.view:view"])
    builder.add("a.x", [document("one"), document("two")])
    builder.add("a.y", [document(String(repeating: "long ", count: 3000))])
    builder.add("a.x", [document("three")])
    builder.end("a.y")
    builder.end("a.empty")
    builder.end("a.view")
    builder.end("a.x")
    return builder
  }

  @Test("A whole archive lacks nothing, in whatever pieces it comes", arguments: [1, 2, 3, 4, 5, 7, 64, 1 << 20])
  func whole(pieces: Int) {
    let archive = archive(interleaved.bytes, pieces: pieces)
    #expect(archive.missing == nil)
    #expect(archive.collectionCount == 4)
    #expect(
      archive.content
        == DumpContent(tables: [
          .init(name: "a.empty", rows: 0), .init(name: "a.view", rows: 0), .init(name: "a.x", rows: 3),
          .init(name: "a.y", rows: 1),
        ]))
    #expect(archive.toolVersion == "100.9.4")
    #expect(archive.serverVersion == "7.0.5")
  }

  @Test("An archive that is cut anywhere is not whole")
  func cut() {
    let bytes = Builder.whole("a.x", "a.y")
    #expect(archive(bytes).missing == nil)
    for length in bytes.indices {
      #expect(archive(Array(bytes[..<length])).missing != nil, "cut at \(length)")
    }
  }

  @Test("Two names that Unicode calls equal are two collections")
  func exactNames() {
    var builder = Builder(["a.\u{e9}", "a.e\u{301}"])
    builder.end("a.\u{e9}")
    #expect(archive(builder.bytes).missing == "collection a.e\u{301} is missing")
    builder.end("a.e\u{301}")
    #expect(archive(builder.bytes).missing == nil)
  }

  @Test("A byte of a document that changed is found by the checksum")
  func changed() throws {
    var bytes = Builder.whole("a.x")
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: "document of".utf8) })
    bytes[place] ^= 1
    #expect(archive(bytes).missing == "the checksum of collection a.x does not fit")
  }

  @Test("A collection that was announced must be there, but for time series")
  func announced() {
    #expect(archive(Builder(["a.x"]).bytes).missing == "collection a.x is missing")
    var series = Builder(["a.t:timeseries"])
    series.add("a.system.buckets.t", [document("bucket")])
    series.end("a.system.buckets.t")
    #expect(archive(series.bytes).missing == nil)
    #expect(archive(series.bytes).collectionCount == 1)
  }

  @Test("A collection without its end is told by name")
  func open() {
    var builder = Builder(["a.x"])
    builder.add("a.x", [document("one")])
    #expect(archive(builder.bytes).missing == "the end of collection a.x is missing")
    builder.end("a.x")
    builder.add("a.x", [document("two")])
    #expect(archive(builder.bytes).missing == "collection a.x goes on after its end")
  }

  @Test("What is no archive is recognised")
  func foreign() {
    #expect(archive(Array("CREATE TABLE".utf8)).missing == "it does not begin as an archive of mongodump does")
    #expect(archive([]).missing == "it ends within its first four bytes")
    let bytes = Builder.whole("a.x")
    #expect(archive(bytes + Builder.terminator).missing == "a block of it has no header")
    #expect(archive(bytes + [1, 0, 0, 0]).missing == "a document in it has an impossible length")
    #expect(archive(bytes + [0, 0, 0, 1]).missing == "it ends in the middle of a block")
    #expect(
      archive(bytes + [1, 0, 0, 1]).missing == "a document in it has more than 16 MiB, and mongorestore takes none such"
    )
    #expect(archive(bytes + [6, 0, 0, 0, 0x0A, 1]).missing == "a document in it does not end as documents do")
    #expect(archive(bytes + document("x")).missing == "the header of a block is not readable")
  }

  @Test("A compressed archive is told as such; its inside is not looked at")
  func compressed() {
    let archive = archive([0x1F, 0x8B, 8, 0, 0xFF, 0xFF, 0xFF, 0xFF])
    #expect(archive.isCompressed && archive.missing == nil)
  }

  @Test("The archive that mongorestore is tried with is one, and empty")
  func empty() {
    let archive = archive(MongoDBArchive.empty(serverVersion: "6.0.1"))
    #expect(archive.missing == nil && archive.collectionCount == 0 && archive.serverVersion == "6.0.1")
  }

  @Test("The checksum is the one of the standard", arguments: [0, 1, 7, 8, 9, 63, 64, 65, 1000])
  func checksum(length: Int) {
    let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
    var crc = CRC64()
    bytes[..<(length / 3)].withUnsafeBytes { crc.update($0) }
    bytes[(length / 3)...].withUnsafeBytes { crc.update($0) }
    #expect(crc.value == Builder.checksum(bytes))
    var check = CRC64()
    Array("123456789".utf8).withUnsafeBytes { check.update($0) }
    #expect(check.value == 0x995D_C9BB_DF19_39FA)
  }

  @Test("A document's texts, numbers and truth values are read, other values are passed over")
  func bson() throws {
    let bytes: [UInt8] = Builder.document([
      .null("nothing"), .text("text", "grün"), .number("number", .max), .long("long", 1 << 40), .truth("truth", true),
    ])
    let document = try #require(BSONDocument(bytes))
    #expect(document[text: "text"] == "grün")
    #expect(document[number: "number"] == -1)
    #expect(document[number: "long"] == 1 << 40)
    #expect(document[truth: "truth"] == true)
    // {"a": [], "b": binary of one byte, "c": true}
    let nested: [UInt8] =
      [0x04, 0x61, 0, 5, 0, 0, 0, 0] + [0x05, 0x62, 0, 1, 0, 0, 0, 0, 9] + [0x08, 0x63, 0, 1]
    #expect(BSONDocument([UInt8(nested.count + 5), 0, 0, 0] + nested + [0])?[truth: "c"] == true)
    for length in bytes.indices.dropLast() {
      #expect(BSONDocument(Array(bytes[..<length]) + [0])?[truth: "truth"] != true)
    }
    #expect(BSONDocument([9, 0, 0, 0, 0x02, 0x61, 0, 0]) == nil)
    // Regular expression, pointer, code, symbol, code with a scope, decimal.
    let others = Builder.document([
      .other(0x0B, "a", [0x61, 0, 0x69, 0]),
      .other(0x0C, "b", [2, 0, 0, 0, 0x61, 0] + [UInt8](repeating: 7, count: 12)),
      .other(0x0D, "c", [2, 0, 0, 0, 0x61, 0]), .other(0x0E, "d", [2, 0, 0, 0, 0x61, 0]),
      .other(0x0F, "e", [15, 0, 0, 0, 2, 0, 0, 0, 0x61, 0, 5, 0, 0, 0, 0]),
      .other(0x13, "f", [UInt8](repeating: 7, count: 16)), .truth("truth", true),
    ])
    #expect(BSONDocument(others)?.fields == ["truth": .truth(true)])
    // More fields than anything has that is looked into.
    let names = (0..<1000).map { Builder.Field.truth("\($0)", true) }
    #expect(BSONDocument(Builder.document(names))?.fields.count == 1000)
    #expect(BSONDocument(Builder.document(names + [.null("more")])) == nil)
  }
}
