import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Dumps in PostgreSQL's custom format, read")
struct CustomDumpTests {
  private static func dump(minor: UInt8) -> CustomDumpBuilder {
    CustomDumpBuilder(
      minor: minor,
      entries: [
        .init(number: 1, kind: "ENCODING", tag: "ENCODING", schema: nil, definition: "SET client_encoding = 'UTF8';\n"),
        .init(
          number: 7, kind: "TABLE", tag: "a", definition: "CREATE TABLE public.a (x text);\n", dependencies: [3, 4]),
        .init(number: 8, kind: "TABLE", tag: "b", definition: "CREATE TABLE public.b (x text);\n"),
        .init(
          number: 20, kind: "TABLE DATA", tag: "a", copying: "COPY public.a (x) FROM stdin;\n", dependencies: [7],
          rows: (0..<500).map { "row \($0) of the first\n" } + ["\\.\n\n\n"]),
        .init(number: 21, kind: "TABLE DATA", tag: "b", copying: "COPY public.b (x) FROM stdin;\n", rows: []),
        .init(
          number: 22, kind: "TABLE DATA", tag: "c", copying: "COPY public.c (x) FROM stdin;\n",
          rows: ["\u{1}\0\0\0\0\u{1}", String(repeating: "x", count: 70_000)]),
      ], objects: [(5, ["one", "two"]), (6, [])])
  }

  @Test("Each version's table of contents is read, and written again as it was", arguments: [14, 15, 16] as [UInt8])
  func contents(minor: UInt8) throws {
    let builder = Self.dump(minor: minor)
    let contents = try CustomContents(builder.dump)
    #expect(contents.size == builder.contents.count)
    #expect(contents.entries.map(\.number) == [1, 7, 8, 20, 21, 22])
    #expect(contents.entries.map(\.kind) == ["ENCODING", "TABLE", "TABLE", "TABLE DATA", "TABLE DATA", "TABLE DATA"])
    #expect(contents.entries.map(\.hasData) == [false, false, false, true, true, true])
    #expect(contents.entries[1].dependencies == [3, 4])
    #expect(contents.entries[3].copying == Array("COPY public.a (x) FROM stdin;\n".utf8))
    let again = try CustomContents(contents.bytes(with: contents.entries))
    #expect(again.entries == contents.entries)
    let some = try CustomContents(contents.bytes(with: [contents.entries[4]]))
    #expect(some.entries == [contents.entries[4]])
  }

  @Test("A table of contents that is cut anywhere wants more, and one of another kind is refused")
  func cut() throws {
    let contents = Self.dump(minor: 14).contents
    for length in 0..<contents.count {
      #expect(throws: CustomContents.Problem.cut) { try CustomContents(Array(contents[..<length])) }
    }
    for (place, value) in [(0, 0), (5, 2), (6, 99), (8, 8), (9, 4), (10, 3)] as [(Int, UInt8)] {
      var other = contents
      other[place] = value
      #expect {
        try CustomContents(other)
      } throws: { error in
        if case .malformed? = error as? CustomContents.Problem { true } else { false }
      }
    }
  }

  @Test("Whatever a hostile table of contents says, reading it ends with an error or with entries")
  func hostile() {
    let contents = Self.dump(minor: 16).contents
    var random = SeededRandom(3)
    for _ in 0..<2000 {
      var other = contents
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        other[Int.random(in: 0..<other.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      _ = try? CustomContents(other)
    }
  }

  @Test("The places of blocks are seen as a dump goes by, however it is cut into pieces")
  func places() throws {
    let builder = Self.dump(minor: 15)
    let dump = builder.dump
    let expected = BlockPlaces(
      contentsSize: UInt64(builder.contents.count),
      blocks: builder.blocks.map { .init(entry: $0.entry, size: UInt64($0.bytes.count)) })
    var random = SeededRandom(8)
    for longest in [1, 2, 7, 1000, 1 << 20] {
      let watch = BlockPlacesWatch()
      var rest = dump[...]
      while !rest.isEmpty {
        let piece = rest.prefix(Int.random(in: 1...longest, using: &random))
        rest = rest.dropFirst(piece.count)
        Array(piece).withUnsafeBytes { watch.take($0) }
      }
      #expect(watch.places() == expected, "\(longest)")
    }
    var facts = DumpFacts(identity: DumpIdentity(hook: "postgresql_databases", database: "shop"), format: "custom")
    facts.details[BlockPlaces.key] = expected.text
    #expect(BlockPlaces(facts, dumpSize: UInt64(dump.count)) == expected)
    #expect(BlockPlaces(facts, dumpSize: UInt64(dump.count) + 1) == nil)
    let stretches = expected.stretches(of: [20, 21, 9999]).map { Array(dump[Int($0.lowerBound)..<Int($0.upperBound)]) }
    #expect(stretches == [builder.blocks[0].bytes + builder.blocks[1].bytes, builder.blocks[3].bytes])
    #expect(expected.stretches(of: []) == [])
  }

  @Test("Of a dump that is cut, or is none, no places are told")
  func noPlaces() {
    let dump = Self.dump(minor: 14).dump
    for bytes in [Array(dump.dropLast()), Array(dump[..<40]), [], Array("-- a script".utf8), dump + [7]] {
      let watch = BlockPlacesWatch()
      bytes.withUnsafeBytes { watch.take($0) }
      #expect(watch.places() == nil)
    }
    var facts = DumpFacts(identity: DumpIdentity(hook: "postgresql_databases", database: "shop"), format: "custom")
    for text in ["", "x", "10 3", "10 3:x", "10 3:0", "10 3:18446744073709551615", "10 3:4:5", "-1 3:4"] {
      facts.details[BlockPlaces.key] = text
      #expect(BlockPlaces(facts, dumpSize: 14) == nil, "\(text)")
    }
  }

  @Test("Chosen blocks are given out byte for byte, and no others")
  func chosen() throws {
    let builder = Self.dump(minor: 14)
    let bytes = builder.blocks.flatMap(\.bytes)
    for piece in [1, 3, 64, bytes.count] {
      for wanted in [[20], [21], [22], [9999], [20, 22], []] as [Set<Int>] {
        var walk = CustomBlocks()
        var given: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: piece) {
          try Array(bytes[start..<min(start + piece, bytes.count)]).withUnsafeBytes {
            try walk.feed($0, begins: { entry, _, _ in wanted.contains(entry) }) { given += $0 }
          }
        }
        #expect(walk.isBetweenBlocks)
        #expect(given == builder.blocks.filter { wanted.contains($0.entry) }.flatMap(\.bytes))
      }
    }
  }

  /// A folder as pg_dump writes it, with these sizes of the tables' files.
  private static func folder(
    _ minor: UInt8, contents: ([UInt8]) -> [UInt8] = { $0 }, _ sizes: [String: Int]
  ) throws -> FolderContents {
    let path = FileManager.default.temporaryDirectory.path + "/coffer-folder-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: path) }
    var builder = Self.dump(minor: minor)
    builder.isFolder = true
    let toc = contents(builder.contents)
    if !toc.isEmpty { try Data(toc).write(to: URL(fileURLWithPath: "\(path)/toc.dat")) }
    for (name, size) in sizes {
      try Data(repeating: 65, count: size).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }
    return try FolderContents(try Folder(opening: path))
  }

  @Test(
    "Which tables of a dump in a folder have few rows is told by its table of contents, and a file that is missing",
    arguments: [14, 15, 16] as [UInt8])
  func folder(minor: UInt8) throws {
    func names(_ contents: FolderContents) -> [String]? { contents.smallTables?.map(\.shown).sorted() }
    let whole = try Self.folder(minor, ["20.dat": 100_000, "21.dat.gz": 25, "22.dat.zst": 14, "23.dat": 5])
    #expect(whole.missing == nil && names(whole) == ["public.b", "public.c"])
    let plain = try Self.folder(minor, ["20.dat": 65, "21.dat": 64, "22.dat": 70_000])
    #expect(plain.missing == nil && names(plain) == ["public.b"])
    let lacking = try Self.folder(minor, ["20.dat": 100, "22.dat": 100])
    #expect(lacking.missing == "its file 21.dat with rows of public.b is not there")
    let sizes = ["20.dat": 100, "21.dat": 100, "22.dat": 100]
    let cut = try Self.folder(minor, contents: { Array($0.dropLast()) }, sizes)
    #expect(cut.missing == "its table of contents is cut short" && cut.smallTables == nil)
    for bytes in [[], Array("PGDM".utf8), Array("-- a script".utf8)] {
      let none = try Self.folder(minor, contents: { _ in bytes }, sizes)
      #expect(none.missing == "its table of contents is not there" && none.smallTables == nil)
    }
    // A version that nobody knows yet is not called cut, and lets every table that was rewritten count as one without rows.
    let newer = try Self.folder(minor, contents: { $0.prefix(6) + [17] + $0.dropFirst(7) }, sizes)
    #expect(newer.missing == nil && newer.smallTables == nil)
  }
}
