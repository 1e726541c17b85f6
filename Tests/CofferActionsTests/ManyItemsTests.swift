import CofferRepository
import CofferSystem
import Foundation
import Testing

@testable import CofferActions

/// A million items are to take less than 300 MB; fewer are tried, and each may take its part of that.
@Suite("What is remembered of many items", .serialized)
struct ManyItemsTests {
  private static let count = 100_000
  private static let bytesOfEach = 300

  /// Bytes that this process has in memory.
  private func memory() throws -> Int {
    let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    return try #require(Int(pages[1])) * sysconf(Int32(_SC_PAGESIZE))
  }

  private func path(_ number: Int) -> String { "srv/data/customers/of \(number % 1000)/a folder \(number)" }

  private func folder(_ number: Int) -> ArchiveItem {
    ArchiveItem(
      path: ItemPath(path(number)), content: .directory, mode: 0o755, userID: 1000, groupID: 1000, user: "customer",
      group: "customer", modified: Int64(number) << 32)
  }

  private func file(_ number: Int) -> ArchiveItem {
    ArchiveItem(
      path: ItemPath(path(number) + "/file"), content: .file(.unstored(size: UInt64(number))), mode: 0o644,
      userID: 1000, groupID: 1000, user: "customer", group: "customer", modified: Int64(number) << 32,
      extras: ItemExtras(link: ItemExtras.LinkIdentity(device: 7, inode: UInt64(number))))
  }

  @Test(
    "Folders that get their times at the end, and files that may get another name, are held in a few hundred bytes each"
  )
  func extracted() throws {
    let before = try memory()
    var folders = WrittenItems()
    var names = FirstNames()
    for number in 0..<Self.count {
      try folders.append(folder(number), at: WrittenPlace.parts(of: path(number).utf8))
      try names.add(file(number), at: Array(path(number).utf8), moment: number)
    }
    let after = try memory()
    #expect(after - before < 2 * Self.count * Self.bytesOfEach, "\(after - before)")
    let last = Self.count - 1
    #expect(folders.item(last) == folder(last) && folders.indices == 0..<Self.count)
    #expect(folders.parts(last).map(\.description) == path(last).split(separator: "/").map(String.init))
    #expect(names.first(of: file(last))?.moment == last)
  }

  @Test("A tree of them, too, be they files of several names or folders")
  func mounted() throws {
    let held = HeldItems(refusing: .damaged(object: "list", location: "/r", detail: "it is too long"))
    let before = try memory()
    let tree = try MountTree(ItemSelection(PathSelection([])), held) { add in
      for number in 0..<Self.count {
        try add(folder(number))
        try add(file(number))
      }
    }
    let after = try memory()
    #expect(after - before < 2 * Self.count * Self.bytesOfEach, "\(after - before)")
    // Four folders above, and a thousand in the last of them.
    #expect(tree.count == 2 * Self.count + 4 + 1000)
  }

  @Test("An item is another name of what was written first only if it is alike in all but its path")
  func likeness() throws {
    var names = FirstNames()
    let first = file(1)
    try names.add(first, at: Array("a".utf8), moment: 5)
    var other = first
    other.path = ItemPath("elsewhere")
    #expect(names.first(of: other)?.path.elementsEqual("a".utf8) == true && names.first(of: other)?.moment == 5)
    names.renew(other, moment: 6)
    #expect(names.first(of: other)?.moment == 6)
    other.mode = 0o600
    #expect(names.first(of: other) == nil && names.first(of: folder(1)) == nil && names.first(of: file(2)) == nil)
    let link = try #require(first.extras.link)
    names.forget(link, at: Array("b".utf8))
    #expect(names.first(of: first) != nil)
    names.forget(link, at: Array("a".utf8))
    #expect(names.first(of: first) == nil)
    var bounded = FirstNames(
      HeldItems(refusing: .damaged(object: "list", location: "/r", detail: "it is too long"), beyond: 1000))
    #expect(throws: RepositoryError.self) { for number in 0..<100 { try bounded.add(file(number), at: [1]) } }
  }

  @Test("What was extracted elsewhere than at its path is found there")
  func places() throws {
    var items = WrittenItems()
    try items.append(folder(1), at: ["one", "folder"])
    #expect(items.item(0) == folder(1) && items.parts(0).map(\.description) == ["one", "folder"])
  }

  @Test("Of what a place takes of no item, and of what is damaged, the first paths are told, and how many there are")
  func told() {
    let lost = LostFacts()
    for number in 0..<1000 { lost.add(.modes, ItemPath("\(number)"), "denied") }
    #expect(lost.errors == [NotRestored(kind: .modes, path: "0", others: 999, cause: "denied")])
    #expect(lost.paths(.modes).count < 100)
    var damaged = DamagedItems()
    for number in 0..<10_010 { damaged.add(ItemPath("\(number)"), HeldItemsError()) }
    let text = damaged.error?.diagnosis.problem
    #expect(text?.contains("10010 files were not extracted:\n  0\n  1\n") == true)
    #expect(text?.hasSuffix("\n  9999\n  and 10 more") == true, "\(text?.suffix(30) ?? "")")
  }
}

private struct HeldItemsError: Error {}
