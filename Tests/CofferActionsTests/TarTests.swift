import CofferRepository
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferActions

@Suite("Tar archives")
struct TarTests {
  private let tree: Tree

  init() throws {
    tree = try Tree()
  }

  private func item(_ path: [UInt8], _ content: ArchiveItem.Content, _ extras: ItemExtras = ItemExtras()) -> ArchiveItem
  {
    ArchiveItem(
      path: ItemPath(bytes: path), content: content, mode: 0o640, userID: UInt32(geteuid()), groupID: UInt32(getegid()),
      user: "somebody", group: "somebodies", modified: 1_000_000_000_123_456_789, extras: extras)
  }

  private func file(_ size: Int) -> ArchiveItem.Content {
    .file(.unstored(size: UInt64(size)))
  }

  /// Writes items, each with its content, and has a program unpack them.
  private func unpacked(_ items: [(item: ArchiveItem, content: [UInt8])], by program: [String]) throws -> String {
    let sink = MemorySink()
    let writer = TarWriter(sink)
    for (item, content) in items {
      try writer.add(item, at: item.path.bytes) { sink in try content.withUnsafeBytes { try sink.write($0) } }
    }
    try writer.finish()
    #expect(sink.bytes.count % 10240 == 0)
    return try unpack(sink, by: program)
  }

  /// Has a program unpack what was written.
  private func unpack(_ sink: MemorySink, by program: [String]) throws -> String {
    let folder = "\(tree.path)/\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(sink.bytes).write(to: URL(fileURLWithPath: "\(folder).tar"))
    let result = try SystemProcessLauncher().run(
      ChildCommand(
        program[0], program.dropFirst() + ["\(folder).tar", "-C", folder],
        environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"])))
    #expect(result.status == .exited(0) && result.errorLines.isEmpty, "\(program): \(result.errorLines)")
    return folder
  }

  @Test("Names that are long, or no ASCII, or no UTF-8, and names of links come back byte by byte")
  func names() throws {
    let long = Array(String(repeating: "n", count: 180).utf8)
    let names: [[UInt8]] = [
      Array("plain".utf8), Array("grün/é".utf8), Array("deep/".utf8) + long + Array("/ende".utf8), [0x66, 0xff, 0x67],
      Array("line\nbreak".utf8), Array(String(repeating: "x", count: 100).utf8),
    ]
    var items = names.enumerated().map { (item: item($1, file(1)), content: [UInt8($0)]) }
    let links: [[UInt8]] = [long, [0xfe], Array("é".utf8), Array("plain".utf8)]
    for (number, target) in links.enumerated() {
      items.append((item(Array("link-\(number)".utf8), .symbolicLink(target: ItemPath(bytes: target))), []))
    }
    let folder = try Folder(opening: try unpacked(items, by: ["tar", "-xf"]))
    for (number, name) in names.enumerated() {
      var (place, parts) = (folder, name.split(separator: UInt8(ascii: "/")).map { EntryName(bytes: $0) })
      let last = parts.removeLast()
      for part in parts { place = try place.folder(part) }
      #expect(try place.open(last, flags: O_RDONLY).readAll(limit: 10, subject: "file") == [UInt8(number)], "\(last)")
    }
    for (number, target) in links.enumerated() { #expect(try folder.link("link-\(number)").target == target) }
  }

  @Test("Modes, times with their fractions, hard links, pipes and folders come back")
  func facts() throws {
    let link = ItemExtras(link: ItemExtras.LinkIdentity(device: 1, inode: 2))
    var old = item(Array("old".utf8), file(2))
    old.modified = -1_999_999_995
    old.mode = 0o4711
    let path = try unpacked(
      [
        (item(Array("folder".utf8), .directory), []), (item(Array("folder/one".utf8), file(3), link), [1, 2, 3]),
        (item(Array("two".utf8), file(3), link), [1, 2, 3]), (item(Array("pipe".utf8), .fifo), []), (old, [7, 8]),
      ], by: ["tar", "--warning=no-timestamp", "-xpf"])
    let folder = try Folder(opening: path)
    let (one, two) = (try folder.folder("folder").status(of: "one"), try folder.status(of: "two"))
    #expect(one.st_ino == two.st_ino && one.st_nlink == 2 && one.st_mode & 0o7777 == 0o640)
    #expect(one.st_mtim.tv_sec == 1_000_000_000 && one.st_mtim.tv_nsec == 123_456_789)
    #expect(try folder.status(of: "pipe").st_mode & S_IFMT == S_IFIFO)
    #expect(try folder.status(of: "folder").st_mtim.tv_nsec == 123_456_789)
    let back = try folder.status(of: "old")
    #expect(back.st_mtim.tv_sec == -2 && back.st_mtim.tv_nsec == 5 && back.st_mode & 0o7777 == 0o4711)
  }

  @Test("A hard link leads to its own bytes, whatever else was written at the path of its first name")
  func replacedLinks() throws {
    let link = ItemExtras(link: ItemExtras.LinkIdentity(device: 1, inode: 2))
    let sink = MemorySink()
    let writer = TarWriter(sink)
    func add(_ item: ArchiveItem, at path: String, _ content: [UInt8]) throws {
      try writer.add(item, at: Array(path.utf8)) { sink in try content.withUnsafeBytes { try sink.write($0) } }
    }
    let one = item(Array("a/f".utf8), file(1), link)
    try add(one, at: "f", [1])
    #expect(writer.hasWritten(item(Array("a/g".utf8), file(1), link)))
    try add(item(Array("b/f".utf8), file(1)), at: "f", [2])
    #expect(!writer.hasWritten(item(Array("a/g".utf8), file(1), link)))
    try add(item(Array("a/g".utf8), file(1), link), at: "g", [1])
    try add(item(Array("a/h".utf8), file(1), link), at: "h", [])
    // A link in the place of a file of several names, which is no name of that any more.
    let other = ItemExtras(link: ItemExtras.LinkIdentity(device: 1, inode: 3))
    try add(item(Array("a/k".utf8), file(1), other), at: "k", [4])
    try add(item(Array("b/k".utf8), file(1), link), at: "k", [])
    #expect(!writer.hasWritten(item(Array("a/l".utf8), file(1), other)))
    try add(item(Array("a/l".utf8), file(1), other), at: "l", [4])
    try writer.finish()
    let folder = try unpack(sink, by: ["tar", "-xf"])
    for (name, bytes) in [("f", [2]), ("g", [1]), ("h", [1]), ("k", [1]), ("l", [4])] as [(String, [UInt8])] {
      #expect(FileManager.default.contents(atPath: "\(folder)/\(name)").map(Array.init) == bytes, "\(name)")
    }
  }

  @Test("Files come back with their holes, wherever these are")
  func holes() throws {
    func extents(_ parts: [(hole: UInt64, data: UInt64)]) -> FileExtents {
      var extents = FileExtents()
      for part in parts { extents.append(hole: part.hole, data: part.data) }
      return extents
    }
    let shapes: [(name: String, parts: [(hole: UInt64, data: UInt64)])] = [
      ("start", [(1 << 20, 5000)]), ("end", [(0, 4096), (3 << 20, 0)]), ("nothing", [(7 << 20, 0)]),
      ("many", (0..<300).map { _ in (8192, 4096) }), ("empty", []),
    ]
    let items = shapes.map { shape -> (item: ArchiveItem, content: [UInt8]) in
      let extents = extents(shape.parts)
      let content = (0..<Int(extents.dataSize)).map { UInt8($0 % 251 + 1) }
      return (item(Array(shape.name.utf8), file(content.count), ItemExtras(extents: extents)), content)
    }
    let path = try unpacked(items, by: ["tar", "-xf"])
    for (entry, shape) in zip(items, shapes) {
      var expected: [UInt8] = []
      var rest = entry.content[...]
      for part in shape.parts {
        expected += [UInt8](repeating: 0, count: Int(part.hole)) + rest.prefix(Int(part.data))
        rest = rest.dropFirst(Int(part.data))
      }
      let found = FileManager.default.contents(atPath: "\(path)/\(shape.name)").map(Array.init)
      #expect(found == expected, "\(shape.name)")
      var facts = stat()
      stat("\(path)/\(shape.name)", &facts)
      #expect(facts.st_blocks * 512 <= entry.content.count * 3 + 65536, "\(shape.name)")
    }
  }

  @Test("A record's length counts its own digits")
  func records() {
    func text(_ value: String) -> String {
      String(decoding: TarHeader.record(Array("k".utf8), Array(value.utf8)), as: UTF8.self)
    }
    #expect(text("v") == "6 k=v\n" && text("vvvvv") == "11 k=vvvvv\n" && text("vvvv") == "9 k=vvvv\n")
    for length in [90, 91, 92, 93, 94, 95, 980, 990, 995] {
      let record = text(String(repeating: "v", count: length))
      #expect(record.hasPrefix("\(record.utf8.count) "), "\(length)")
    }
    #expect(TarHeader.decimal(5) == "0.000000005" && TarHeader.decimal(-5) == "-0.000000005")
    #expect(TarHeader.decimal(1_500_000_000) == "1.5" && TarHeader.decimal(7_000_000_000) == "7")
    #expect(TarHeader.decimal(.min) == "-9223372036.854775808")
  }

  @Test("Access control lists are told as text, and what is none is not")
  func accessLists() {
    let list =
      [2, 0, 0, 0] + accessListEntry(1, 6) + accessListEntry(2, 4, 4321) + accessListEntry(4, 5)
      + accessListEntry(8, 1, 7) + accessListEntry(16, 7) + accessListEntry(32, 0)
    #expect(
      AccessListText.text(list) == "user::rw-,user:4321:r--,group::r-x,group:7:--x,mask::rwx,other::---")
    for none in [
      [], [2, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0] + accessListEntry(3, 1), [2, 0, 0, 0] + accessListEntry(1, 8),
      list + [0],
    ] {
      #expect(AccessListText.text(none) == nil)
    }
  }
}
