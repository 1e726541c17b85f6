import CofferSystem
import Testing

@testable import CofferRepository

@Suite("What items have beside what all have")
struct ItemExtrasTests {
  private static let hash = [UInt8](repeating: 6, count: Digest256.size).withUnsafeBytes { Digest256($0) }
  private static let root = [UInt8](repeating: 5, count: ChunkID.size).withUnsafeBytes { ChunkID($0) }
  private static let file = ArchiveItem.Content.file(
    StreamReference(root: root, depth: 1, size: 300, chunkCount: 2, hash: hash))

  private func item(_ content: ArchiveItem.Content, _ extras: ItemExtras = ItemExtras()) -> ArchiveItem {
    ArchiveItem(path: ItemPath("a"), content: content, mode: 0o644, modified: 2, extras: extras)
  }

  private func extents(_ stretches: [(hole: UInt64, data: UInt64)], end: UInt64 = 0) -> FileExtents {
    var extents = FileExtents()
    for stretch in stretches { extents.append(hole: stretch.hole, data: stretch.data) }
    extents.append(hole: end, data: 0)
    return extents
  }

  private func encoded(_ item: ArchiveItem) -> [UInt8] {
    var writer = ByteWriter()
    item.encode(into: &writer)
    return writer.bytes
  }

  private func decoded(_ bytes: [UInt8]) throws -> ArchiveItem {
    try bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      let item = try ArchiveItem(from: &reader)
      try reader.finish()
      return item
    }
  }

  private func attribute(_ name: String, _ value: [UInt8] = [1]) -> ItemExtras.Attribute {
    ItemExtras.Attribute(name: Array(name.utf8), value: value)
  }

  @Test("Every kind comes back with everything it had")
  func kinds() throws {
    let link = ItemExtras.LinkIdentity(device: .max, inode: 7)
    let items = [
      item(
        Self.file,
        ItemExtras(
          attributes: [attribute("security.capability", [0, 255]), attribute("user.empty", [])], flags: .max,
          accessed: .min, link: link, extents: extents([(0, 100), (4096, 200)], end: 1 << 40))),
      item(.directory, ItemExtras(flags: 0x10, accessed: -1)),
      item(.symbolicLink(target: ItemPath("x")), ItemExtras(link: link)),
      item(.device(isBlock: true, major: .max, minor: 0)), item(.device(isBlock: false, major: 1, minor: 3)),
      item(.fifo, ItemExtras(link: link)), item(.socket),
    ]
    for item in items { #expect(try decoded(encoded(item)) == item) }
    #expect(items[0].size == 300 + 4096 + 1 << 40)
  }

  @Test("An item list of before and one with extras have these bytes")
  func vectors() throws {
    let rest = "0161" + "a403" + "00" + "00" + "00" + "00" + "0200000000000000"
    let stream =
      "ac0202" + String(repeating: "06", count: 32) + "01" + String(repeating: "05", count: 16)
    for (content, old) in [
      (Self.file, "02" + rest + stream + "00"), (.directory, "01" + rest + "00"),
      (.symbolicLink(target: ItemPath("bc")), "03" + rest + "026263" + "00"),
    ] as [(ArchiveItem.Content, String)] {
      #expect(Hexadecimal.encode(encoded(item(content))) == old)
    }
    let extras = ItemExtras(
      attributes: [attribute("user.a", [9]), attribute("user.b", [])], flags: 0x30, accessed: 3,
      link: ItemExtras.LinkIdentity(device: 1, inode: 300), extents: extents([(0, 100), (5, 200)], end: 1))
    let facts =
      "0108" + "06757365722e61" + "09" + "0107" + "06757365722e62" + "0201" + "30" + "0308" + "0300000000000000"
      + "0403"
      + "01ac02" + "0507" + "b202" + "0064" + "05c801"
    #expect(Hexadecimal.encode(encoded(item(Self.file, extras))) == "12" + rest + stream + "00" + "2e" + facts)
    #expect(
      Hexadecimal.encode(encoded(item(.device(isBlock: true, major: 8, minor: 300)))) == "15" + rest + "08ac02" + "0000"
    )
    #expect(Hexadecimal.encode(encoded(item(.socket))) == "17" + rest + "0000")
  }

  @Test("Facts of later versions are passed over, and known as such")
  func later() throws {
    var bytes = encoded(item(.fifo))
    bytes.removeLast()
    bytes += [4, 9, 2, 1, 2]
    let read = try decoded(bytes)
    #expect(read.extras.hasUnknown && read.content == .fifo)
  }

  /// An item's bytes up to its facts, with these as its facts.
  private func with(_ facts: [UInt8], _ content: ArchiveItem.Content = Self.file) -> [UInt8] {
    var item = item(content)
    item.extras.flags = 1
    var writer = ByteWriter()
    writer.raw(Array(encoded(item).dropLast(4)))
    writer.counted(facts)
    return writer.bytes
  }

  private func fact(_ tag: UInt8, _ body: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.byte(tag)
    writer.counted(body)
    return writer.bytes
  }

  private func varints(_ numbers: UInt64...) -> [UInt8] {
    var writer = ByteWriter()
    for number in numbers { writer.varint(number) }
    return writer.bytes
  }

  @Test("Facts that cannot be are refused")
  func hostile() throws {
    #expect(try decoded(with(fact(2, varints(1)))).extras.flags == 1)
    #expect(try decoded(with(fact(5, varints(301, 1, 300)))).extras.extents != nil)
    let name: [UInt8] = [1, 0x61]
    let zeros = [UInt8](repeating: 0, count: 65_537)
    let long = [UInt8](repeating: 0x61, count: 256)
    let ones = fact(2, varints(1))
    let twice: [[UInt8]] = [
      ones + ones, fact(3, Array(zeros[..<8])) + ones, fact(1, name) + fact(1, name),
      fact(1, [1, 0x62]) + fact(1, name),
    ]
    let attributes: [[UInt8]] = [
      fact(1, [0]), fact(1, [1, 0]), fact(1, [2, 0x61]), fact(1, [0x80, 2] + long), fact(1, name + zeros),
    ]
    let numbers: [[UInt8]] = [
      fact(2, varints(1 << 32)), fact(2, varints(1, 0)), fact(3, [0, 0]), fact(4, varints(1)), fact(4, []),
    ]
    // More or less data than the stream has, more than the size, none, without a hole between them.
    let stretches: [[UInt8]] = [
      fact(5, varints(300, 0, 299)), fact(5, varints(301, 0, 301)), fact(5, varints(299, 0, 300)),
      fact(5, varints(300)), fact(5, varints(400, 0, 300, 1, 0)), fact(5, varints(300, 0, 100, 0, 200)),
      fact(5, varints(400, 0)), fact(5, varints(.max, 1, 300)), fact(5, varints(1 << 40, .max, 300)),
      fact(5, varints(1 << 40, 1, .max)),
    ]
    let cut: [[UInt8]] = [[2], [2, 5, 1], ones + [3]]
    let lists = [twice, attributes, numbers, stretches, cut].flatMap { $0 }
    for facts in lists {
      #expect(throws: ByteReader.Malformed.self, "\(facts.prefix(40))") { try decoded(with(facts)) }
    }
    #expect(throws: ByteReader.Malformed.self) { try decoded(with(fact(4, varints(1, 2)), .directory)) }
    #expect(throws: ByteReader.Malformed.self) { try decoded(with(fact(5, varints(0)), .fifo)) }
    // Kinds that never were without extras, and such that are not.
    for kind in [0, 4, 7, 8, 16, 24, 255] as [UInt8] {
      var bytes = encoded(item(.socket))
      bytes[0] = kind
      #expect(throws: ByteReader.Malformed.self) { try decoded(bytes) }
    }
  }

  @Test("Stretches of data grow together, and so do holes")
  func stretches() {
    var extents = FileExtents()
    for (hole, data) in [(0, 5), (0, 7), (3, 0), (4, 0), (0, 2), (9, 0)] as [(UInt64, UInt64)] {
      extents.append(hole: hole, data: data)
    }
    #expect(extents.stretches.map(\.hole) == [0, 7] && extents.stretches.map(\.data) == [12, 2])
    #expect(extents.size == 30 && extents.dataSize == 14 && !extents.isFull)
  }
}
