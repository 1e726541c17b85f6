import CofferRepository
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferActions

@Suite("Looking into archives")
struct LookInsideTests {

  private func item(_ path: String, _ content: ArchiveItem.Content? = nil, mode: UInt32 = 0o644) -> ArchiveItem {
    ArchiveItem(path: ItemPath(path), content: content ?? file(1), mode: mode, modified: 5)
  }

  private func file(_ size: UInt64) -> ArchiveItem.Content {
    .file(.unstored(size: size))
  }

  private func dump(_ path: String, isFolder: Bool = false) -> ArchiveItem {
    var item = item(path, isFolder ? .directory : nil)
    item.dump = [1]
    return item
  }

  // MARK: - Choosing

  @Test("Patterns choose and leave out; a folder that is left out takes along what is in it")
  func selection() throws {
    var lines = PatternLines()
    try lines.add(lines: ["+ home/joe/.cache/kept", "- home/*/.cache/*"])
    try lines.add(excludes: ["re:^srv/(old|older)$", "*.tmp"])
    let paths = try PathSelection(["home", "/srv/", "sh:etc/**/*.conf"])
    var selection = ItemSelection(paths, lines.patterns)
    let taken: [(String, Bool)] = [
      ("home", true), ("home/joe/a", true), ("home/joe/.cache/kept", true), ("home/joe/.cache/other", false),
      ("etc/nginx/nginx.conf", true), ("etc/hosts", false), ("homes/a", false), ("srv/a.tmp", false),
      ("srv/oldest", true),
    ]
    for (path, isTaken) in taken {
      let contains = try selection.contains(item(path))
      #expect(contains == isTaken, "\(path)")
    }
    let below = try [item("srv/old", .directory), item("srv/old/deep/file"), item("srv/older/file")].map {
      try selection.contains($0)
    }
    #expect(below == [false, false, true])
    // A dump may be meant by where it is shown.
    var dumps = ItemSelection(try PathSelection(["databases/sqlite_databases"]))
    let found = try [
      dump("coffer/sqlite_databases/localhost/a"), item("coffer/sqlite_databases/x"), item("databases/x"),
    ]
    .map { try dumps.contains($0) }
    #expect(found == [true, false, false])
    // A name that only looks like one of a style is a name.
    var named = try PathSelection(["ab:cd"])
    let isNamed = try named.contains(ItemPath("ab:cd/e"))
    #expect(isNamed)
    #expect(throws: PatternError.self) { _ = try PathSelection(["re:("]) }
  }

  @Test(
    "A dump is left out by where it is shown and by where it is stored, and kept by either",
    arguments: [
      (["- databases"], [false, false, false]), (["- sh:databases/*"], [false, false, false]),
      (["- re:^databases/mongo"], [true, false, false]),
      (["! pf:databases/mongodb_databases/h/x"], [true, false, false]),
      (["- pp:coffer/sqlite_databases"], [false, true, true]), (["- fm:*/shop"], [false, true, true]),
      (["+ databases/sqlite_databases", "- **/*"], [true, false, false]),
      (["+ coffer/sqlite_databases", "- databases"], [true, false, false]),
    ])
  func excludedDumps(_ lines: [String], _ expected: [Bool]) throws {
    var patterns = PatternLines()
    try patterns.add(lines: lines)
    var selection = ItemSelection(try PathSelection([]), patterns.patterns)
    let kept = try [
      dump("coffer/sqlite_databases/localhost/shop"), dump("coffer/mongodb_databases/h/x", isFolder: true),
      item("coffer/mongodb_databases/h/x/a"),
    ].map { try selection.contains($0) }
    #expect(kept == expected)
  }

  @Test("Dumps are shown below databases, those that are folders with what is in them, and nothing else is")
  func places() {
    var places = ShownPaths()
    let expected: [(ArchiveItem, String, Bool)] = [
      (dump("coffer/postgresql_databases/localhost/shop"), "databases/postgresql_databases/localhost/shop", true),
      (dump("coffer/mongodb_databases/h/x", isFolder: true), "databases/mongodb_databases/h/x", true),
      (item("coffer/mongodb_databases/h/x/a"), "databases/mongodb_databases/h/x/a", true),
      (item("coffer/mongodb_databases/h/xy"), "coffer/mongodb_databases/h/xy", false),
      (item("coffer/bootstrap/manifest.json"), "coffer/bootstrap/manifest.json", false),
      (item("databases/own"), "databases/own", false), (dump("elsewhere"), "elsewhere", true),
    ]
    for (item, path, isOfDump) in expected {
      let place = places.place(of: item)
      #expect(place.path == ItemPath(path) && place.isOfDump == isOfDump)
    }
  }

  private func archive(_ name: String, host: String = "a") -> Archive {
    let draft = ArchiveDraft(
      name: name, hostname: host, username: "u", commandLine: [], start: Date(timeIntervalSince1970: 5))
    return Archive(
      id: name, draft: draft, end: draft.start, statistics: ArchiveStatistics(),
      items: .unstored(size: 0))
  }

  @Test("Versions of a path are told by host, each with the archives that hold it")
  func versions() throws {
    var found = FoundItems()
    let (one, two) = (item("f"), item("f", file(2)))
    var read = one
    read.extras.accessed = 99
    for (number, items) in [[one], [read], [two], [], [two], [one, two]].enumerated() {
      found.add(items, in: archive("a\(number)"))
      found.add([one], in: archive("b\(number)", host: "b"))
    }
    #expect(found.hasSeveralHosts && found.places.count == 2)
    let names = found.places.map { place, versions in
      versions.map { found.archives(of: $0, at: place).map(\.name) }
    }
    #expect(names[0] == [["a0", "a1"], ["a2"], ["a4"], ["a5"]])
    #expect(names[1] == [(0..<6).map { "b\($0)" }])
  }

  // MARK: - Trees

  private static let refusal = RepositoryError.damaged(object: "list", location: "/r", detail: "it is too long")
  private static let held = HeldItems(refusing: refusal)

  @Test("A list that repeats itself without end is refused by a tree and by a comparison")
  func endlessLists() throws {
    let held = HeldItems(refusing: Self.refusal, beyond: 10_000)
    let items = [item("a/b"), item("a", .directory), item("c", .symbolicLink(target: ItemPath("d")))]
    for chosen in [[], ["nothing"]] as [[String]] {
      #expect(throws: Self.refusal) {
        try MountTree(ItemSelection(PathSelection(chosen)), held) { add in while true { try items.forEach(add) } }
      }
    }
    var (olds, news) = (UnpairedItems(held), UnpairedItems(held))
    // What has found its like is not held, however much of it there is.
    for number in 0..<1000 {
      let item = item("file \(number)")
      try olds.add(item)
      try news.add(item)
      let pair = UnpairedItems.pair(at: item.path, &olds, &news)
      #expect(pair?.new.number == number)
    }
    #expect(throws: Self.refusal) { for number in 0..<1000 { try olds.add(item("file \(number)")) } }
    #expect(throws: Self.refusal) { while true { try news.add(item("coffer/dump")) } }
  }

  @Test("Of what an item has everything counts that may be large")
  func heldSizes() {
    var large = item("path")
    let least = large.heldSize
    large.path = ItemPath(String(repeating: "p", count: 1004))
    (large.user, large.group) = (String(repeating: "u", count: 1000), String(repeating: "g", count: 1000))
    large.dump = [UInt8](repeating: 1, count: 1000)
    large.extras.attributes = [.init(name: Array("user.name1".utf8), value: [UInt8](repeating: 2, count: 990))]
    #expect(large.heldSize == least + 5000)
    large.content = .symbolicLink(target: ItemPath(String(repeating: "t", count: 1000)))
    #expect(large.heldSize == least + 6000)
    var extents = FileExtents()
    for _ in 0..<10 { extents.append(hole: 1, data: 1) }
    large.extras.extents = extents
    #expect(large.heldSize == least + 6160)
  }

  private func tree(_ items: [ArchiveItem]) throws -> MountTree {
    try MountTree(ItemSelection(PathSelection([])), Self.held) { try items.forEach($0) }
  }

  /// The paths of what a tree holds.
  private func paths(_ tree: MountTree, _ number: Int = 0, _ above: String = "") -> [String] {
    tree.children(of: number).map { Int($0) }.flatMap { child -> [String] in
      let path = above + String(decoding: tree.name(of: child), as: UTF8.self)
      return [path] + paths(tree, child, path + "/")
    }
  }

  @Test("No path of an archive breaks its tree or leads out of it")
  func hostilePaths() throws {
    let items = [
      item("a/b"), item("../up"), item("a/../../up"), item("/root"), item(""), item("."), item("a//b"), item("a/."),
      item("a/"), item("nul\0l"), item(String(repeating: "n", count: 256)), item(String(repeating: "n", count: 255)),
    ]
    let tree = try tree(items)
    #expect(paths(tree) == ["a", "a/b", String(repeating: "n", count: 255)])
    #expect(tree.unfit?.count == 10 && tree.unfit?.first == ItemPath("../up"))
    #expect(tree.hidden == nil)
  }

  @Test("Folders that are not chosen are as open as they were, and no more")
  func passedFolders() throws {
    let items = [
      item("home", .directory, mode: 0o711), item("home/alice", .directory, mode: 0o755),
      item("home/alice", .directory, mode: 0o700), item("home/alice/open", .directory, mode: 0o777),
      item("home/alice/open/f"), item("home/bob", .directory, mode: 0o700),
    ]
    let tree = try MountTree(ItemSelection(PathSelection(["home/alice/open/f"])), Self.held) { try items.forEach($0) }
    #expect(paths(tree) == ["home", "home/alice", "home/alice/open", "home/alice/open/f"])
    var number = 0
    for (name, mode) in [("home", 0o711), ("alice", 0o700), ("open", 0o777)] as [(String, UInt32)] {
      number = try #require(tree.child(Array(name.utf8), of: number))
      let facts = tree.facts(number, { UInt64($0) }, owner: (1, 2), modified: 3)
      #expect(facts.mode == UInt32(S_IFDIR) | mode && facts.userID == 0 && facts.modified == 5, "\(name)")
    }
    #expect(tree.hidden == nil)
  }

  @Test("Paths of very many parts are not shown, and take neither the stack nor long")
  func deepPaths() throws {
    func deep(_ parts: Int) -> String { [String](repeating: "d", count: parts).joined(separator: "/") }
    let endless = (0..<50).map { _ in item("coffer/" + deep(20_000)) }
    let tree = try tree([dump("coffer/y", isFolder: true)] + endless + [item(deep(2048)), item(deep(2049))])
    #expect(tree.unfit?.count == 51)
    var (number, depth) = (0, 0)
    while let next = tree.child(Array("d".utf8), of: number) { (number, depth) = (next, depth + 1) }
    #expect(depth == 2048)
    var lines = PatternLines()
    try lines.add(excludes: ["d/d"])
    var selection = ItemSelection(try PathSelection([]), lines.patterns)
    let kept = try [item("d/d", .directory), item(deep(20_000)), item("e/" + deep(20_000))].map {
      try selection.contains($0)
    }
    #expect(kept == [false, false, true])
  }

  @Test("Of several things of one name a folder counts with all that is in it, or else the last")
  func duplicates() throws {
    let tree = try tree([
      item("x", file(1)), item("x", file(2)), item("f", file(3)), item("f/in", file(4)),
      item("f", .directory, mode: 0o700),
      item("f", file(5)), item("g", .directory, mode: 0o711), item("g", .directory, mode: 0o700), item("f/in", file(6)),
    ])
    #expect(paths(tree) == ["f", "f/in", "g", "x"])
    func facts(_ names: [String]) throws -> FuseAnswer.Facts {
      let number = try names.reduce(0) { try #require(tree.child(Array($1.utf8), of: $0)) }
      return tree.facts(number, { UInt64($0) }, owner: (1, 2), modified: 3)
    }
    #expect(try facts(["x"]).size == 2 && facts(["f", "in"]).size == 6)
    #expect(try facts(["f"]).mode == UInt32(S_IFDIR) | 0o700 && facts(["g"]).mode == UInt32(S_IFDIR) | 0o700)
    #expect(tree.hidden?.count == 5 && tree.unfit == nil)
  }

  @Test("Every name is found in folders of many, and no other; names of one file are one node")
  func lookups() throws {
    var random = SeededRandom(7)
    let names = Set((0..<2000).map { _ in "d/" + String(UInt64.random(in: 0...1 << 40, using: &random), radix: 36) })
    var items = names.map { item($0) }
    let link = ItemExtras(link: ItemExtras.LinkIdentity(device: 1, inode: 2))
    for name in ["d/one", "two"] {
      var item = item(name)
      item.extras = link
      items.append(item)
    }
    let tree = try tree(items)
    let folder = try #require(tree.child(Array("d".utf8), of: 0))
    for name in names {
      let number = try #require(tree.child(Array(name.utf8.dropFirst(2)), of: folder))
      #expect(tree.item(number)?.path == ItemPath(name))
      #expect(tree.child(Array(name.utf8.dropFirst(2)) + [0x2d], of: folder) == nil)
    }
    let one = try #require(tree.child(Array("one".utf8), of: folder))
    let two = try #require(tree.child(Array("two".utf8), of: 0))
    let facts = [one, two].map { tree.facts($0, { UInt64($0) }, owner: (1, 2), modified: 3) }
    #expect(facts[0] == facts[1] && facts[0].links == 2)
  }

  @Test("Parts of files with holes are those of the whole file")
  func holes() {
    var random = SeededRandom(11)
    for _ in 0..<200 {
      var extents = FileExtents()
      var (whole, data): ([UInt8], [UInt8]) = ([], [])
      for _ in 0..<Int.random(in: 0...6, using: &random) {
        let (hole, count) = (Int.random(in: 0...9, using: &random), Int.random(in: 0...9, using: &random))
        extents.append(hole: UInt64(hole), data: UInt64(count))
        let bytes = (0..<count).map { _ in UInt8.random(in: 1...255, using: &random) }
        whole += [UInt8](repeating: 0, count: hole) + bytes
        data += bytes
      }
      let map = HoleMap(extents)
      #expect(map.size == UInt64(whole.count))
      for start in 0...whole.count {
        for end in start...whole.count {
          let read = map.pieces(of: UInt64(start)..<UInt64(end)).flatMap { piece in
            piece.stream.map { Array(data[Int($0.lowerBound)..<Int($0.upperBound)]) }
              ?? [UInt8](repeating: 0, count: Int(piece.count))
          }
          #expect(read == Array(whole[start..<end]))
        }
        guard start < whole.count else { continue }
        #expect(map.data(from: UInt64(start)).map(Int.init) == whole[start...].firstIndex { $0 != 0 })
        #expect(Int(map.hole(from: UInt64(start))) == whole[start...].firstIndex(of: 0) ?? whole.count)
      }
    }
  }

  @Test("Every archive has a folder's name of its own, whatever it is called")
  func archiveNames() {
    let long = String(repeating: "l", count: 300)
    let archives = [
      ("plain", "id1"), ("same", "id2"), ("same", "id3"), ("..", "id4"), ("", "id5"), ("a/b", "id6"), (long, "id7"),
      ("same@id3", "id8"), ("n\0l", "id9"),
    ]
    let names = MountedArchives.names(of: archives).map { String(decoding: $0, as: UTF8.self) }
    #expect(
      names == ["plain", "same@id2", "same@id3", "id4", "id5", "a%2Fb", "id7", "same@id3@2", "n%00l"], "\(names)")
  }
}
