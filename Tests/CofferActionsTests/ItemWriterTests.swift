import CofferSystem
import Foundation
import Testing

@testable import CofferActions
@testable import CofferRepository

@Suite("Writing items while the next are read")
struct ItemWriterTests {
  private let tree: Tree
  private let extractor: FileExtractor
  private let writer: ItemWriter

  init() throws {
    tree = try Tree()
    extractor = FileExtractor(into: try Folder(opening: tree.path))
    writer = ItemWriter(extractor)
  }

  private struct NoRoom: Error {}

  private func item(_ path: String, size: Int, link: ItemExtras.LinkIdentity? = nil) -> ArchiveItem {
    var item = ArchiveItem(
      path: ItemPath(path), content: .file(.unstored(size: UInt64(size))), mode: 0o640, userID: geteuid(),
      groupID: getegid(), modified: 1_000_000_000_500_000_000)
    item.extras.link = link
    return item
  }

  private func bytes(of path: String, _ size: Int) -> [UInt8] {
    let name = Array(path.utf8)
    return (0..<size).map { name[$0 % name.count] }
  }

  private func write(_ item: ArchiveItem, failingWith error: (any Error)? = nil) throws {
    let parts = item.path.text.split(separator: "/").map { EntryName(String($0)) }
    try writer.write(item, parts: parts) { sink in
      if let error { throw error }
      let content = bytes(of: item.path.text, Int(item.content.stream?.size ?? 0))
      try content.withUnsafeBytes { try sink.write($0) }
    }
  }

  private func content(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: "\(tree.path)/\(path)")))
  }

  @Test("Small and large files, folders and further names come out as they are, whatever thread writes them")
  func whole() throws {
    let link = ItemExtras.LinkIdentity(device: 1, inode: 2)
    var sizes: [String: Int] = [:]
    func add(_ path: String, _ size: Int, link: ItemExtras.LinkIdentity? = nil) throws {
      sizes[path] = size
      try write(item(path, size: size, link: link))
    }
    var folder = item("a", size: 0)
    folder.content = .directory
    folder.mode = 0o750
    try write(folder)
    for number in 0..<300 { try add("a/small-\(number)", number * 7) }
    try add("a/first", 1000, link: link)
    for number in 0..<10 { try add("a/large-\(number)", 700_000 + number * 100_000) }
    try write(item("a/second", size: 1000, link: link), failingWith: NoRoom())
    for number in 300..<310 { try add("a/small-\(number)", number) }
    try writer.settle()
    try extractor.finish()
    for (path, size) in sizes { #expect(try content(path) == bytes(of: path, size), "\(path)") }
    // Its content was not asked for.
    #expect(try content("a/second") == bytes(of: "a/first", 1000))
    let found = try FileManager.default.contentsOfDirectory(atPath: "\(tree.path)/a")
    #expect(found.count == sizes.count + 1)
    #expect(writer.count == sizes.count + 2)
    #expect(writer.damaged.errors.isEmpty)
    var facts = stat()
    #expect(lstat("\(tree.path)/a", &facts) == 0)
    #expect(facts.st_mode & 0o7777 == 0o750 && facts.st_mtim.tv_sec == 1_000_000_000)
  }

  @Test("What cannot be read keeps nothing else from being written, and is told in the order of the items")
  func damaged() throws {
    let damaged = [3, 150, 299]
    for number in 0..<300 {
      let isDamaged = damaged.contains(number)
      try write(
        item("file-\(number)", size: 100),
        failingWith: isDamaged ? RepositoryError.notFound(location: "here") : nil)
    }
    try writer.settle()
    #expect(writer.damaged.error?.paths == damaged.map { "file-\($0)" })
    #expect(writer.count == 297)
    let found = try FileManager.default.contentsOfDirectory(atPath: tree.path)
    #expect(Set(found) == Set((0..<300).filter { !damaged.contains($0) }.map { "file-\($0)" }))
  }

  @Test("Items that take much room wait for few others, whatever their content takes")
  func heavy() throws {
    for number in 0..<5 {
      var heavy = item("heavy-\(number)", size: 1)
      heavy.dump = [UInt8](repeating: 1, count: 300_000)
      try write(heavy)
    }
    // Nobody has asked for the end.
    for _ in 0..<200 where !FileManager.default.fileExists(atPath: "\(tree.path)/heavy-3") { usleep(50_000) }
    #expect(try content("heavy-3") == bytes(of: "heavy-3", 1))
    try writer.settle()
    #expect(writer.count == 5)
  }

  @Test("Any other failure ends it, of whichever item, and nothing is left half written", arguments: [0, 70, 299])
  func failing(at failing: Int) throws {
    #expect(throws: NoRoom.self) {
      for number in 0..<300 {
        try write(item("file-\(number)", size: 100), failingWith: number == failing ? NoRoom() : nil)
      }
      try writer.settle()
    }
    writer.stop()
    let found = try FileManager.default.contentsOfDirectory(atPath: tree.path)
    #expect(Set(found) == Set((0..<failing).map { "file-\($0)" }))
    #expect(writer.count == failing)
    for name in found { #expect(try content(name) == bytes(of: name, 100)) }
  }
}
