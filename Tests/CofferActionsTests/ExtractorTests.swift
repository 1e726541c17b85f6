import CofferSystem
import Foundation
import Testing

@testable import CofferActions
@testable import CofferRepository

@Suite("Writing items to disk")
struct ExtractorTests {
  private let tree: Tree
  private static let root = UserNamespace(users: "0 0 4294967295", groups: "0 0 4294967295")

  init() throws {
    tree = try Tree()
  }

  private func file(_ path: String, mode: UInt32, user: uid_t = geteuid(), group: gid_t = getegid()) -> ArchiveItem {
    ArchiveItem(
      path: ItemPath(path), content: .file(.unstored(size: 0)), mode: mode, userID: user, groupID: group,
      modified: 1_000_000_000_500_000_000)
  }

  private func parts(_ path: String) -> [EntryName] { path.split(separator: "/").map { EntryName(String($0)) } }

  private func facts(_ name: String) throws -> stat {
    var facts = stat()
    #expect(lstat("\(tree.path)/\(name)", &facts) == 0, "\(name)")
    return facts
  }

  private func extractor(_ namespace: UserNamespace = Self.root) throws -> FileExtractor {
    FileExtractor(into: try Folder(opening: tree.path), namespace: namespace)
  }

  private func write(_ item: ArchiveItem, with extractor: FileExtractor) throws {
    try extractor.extract(item, parts: parts(item.path.text)) { sink in
      try Array("content".utf8).withUnsafeBytes { try sink.write($0) }
    }
  }

  @Test("A file gets its content, mode and time, and nothing else is left beside it")
  func whole() throws {
    let extractor = try extractor()
    try write(file("a/file", mode: 0o640), with: extractor)
    try write(file("a/program", mode: 0o6755), with: extractor)
    try extractor.finish()
    #expect(try String(contentsOfFile: "\(tree.path)/a/file", encoding: .utf8) == "content")
    #expect(try facts("a/file").st_mode & 0o7777 == 0o640)
    #expect(try facts("a/program").st_mode & 0o7777 == 0o6755)
    #expect(try facts("a/file").st_mtim.tv_nsec == 500_000_000)
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(tree.path)/a").sorted() == ["file", "program"])
    #expect(extractor.withoutOwners.isEmpty && extractor.withoutRights.isEmpty)
  }

  @Test("Folders get their modes and times when everything is in them")
  func folders() throws {
    let extractor = try extractor()
    let names = ["a", "a/b", "a/b/c", "d"]
    for name in names {
      var item = file(name, mode: 0o750)
      item.content = .directory
      try write(item, with: extractor)
      try write(file("\(name)/file", mode: 0o640), with: extractor)
    }
    // A list that comes back to a folder which it has left.
    try write(file("a/later", mode: 0o640), with: extractor)
    try extractor.finish()
    for name in names {
      let facts = try facts(name)
      #expect(facts.st_mode & 0o7777 == 0o750 && facts.st_mtim.tv_sec == 1_000_000_000, "\(name)")
      #expect(try self.facts("\(name)/file").st_mode & 0o7777 == 0o640)
    }
    #expect(extractor.lost.errors.isEmpty)
  }

  @Test("A program that ran as another user does not run as whoever extracts it", .enabled(if: geteuid() == 0))
  func rights() throws {
    let root = try extractor()
    try write(file("theirs", mode: 0o4755, user: 65534, group: 65534), with: root)
    #expect(try facts("theirs").st_mode & 0o7777 == 0o4755)
    #expect(try facts("theirs").st_uid == 65534)
    // Root of one user's namespace is that user.
    for map in ["0 1000 1", "0 0 1", "1 100000 65536", "nonsense", nil] as [String?] {
      let extractor = try extractor(UserNamespace(users: map, groups: "0 0 4294967295"))
      try write(file("tool", mode: 0o4755), with: extractor)
      #expect(try facts("tool").st_mode & 0o7777 == 0o755)
      #expect(extractor.withoutRights == [ItemPath("tool")])
    }
    let container = try extractor(UserNamespace(users: "0 100000 65536\n", groups: "0 100000 65536\n"))
    try write(file("tool", mode: 0o4755), with: container)
    #expect(try facts("tool").st_mode & 0o7777 == 0o4755)
  }

  @Test("Whoever is not root gets no special bits of somebody else's files, but of the own ones")
  func asAnotherUser() throws {
    let extractor = FileExtractor(into: try Folder(opening: tree.path), isRoot: false, namespace: Self.root)
    try write(file("user", mode: 0o6755, user: geteuid() + 1), with: extractor)
    try write(file("group", mode: 0o2755, group: getegid() + 1), with: extractor)
    try write(file("own", mode: 0o4755), with: extractor)
    #expect(try facts("user").st_mode & 0o7777 == 0o755)
    #expect(try facts("group").st_mode & 0o7777 == 0o755)
    #expect(try facts("own").st_mode & 0o7777 == 0o4755)
    #expect(extractor.withoutRights == [ItemPath("user"), ItemPath("group")])
    #expect(extractor.withoutOwners.isEmpty)
  }

  @Test("Nothing is written through a link, nor outside of the folder")
  func links() throws {
    try tree.add("outside/file", content: "victim")
    symlink("outside", "\(tree.path)/link")
    symlink("outside/file", "\(tree.path)/file")
    let extractor = try extractor()
    #expect(throws: FileExtractor.Refused.self) { try write(file("link/file", mode: 0o600), with: extractor) }
    #expect(throws: FileExtractor.Refused.self) {
      try extractor.extract(file("x", mode: 0o600), parts: ["..", "x"]) { _ in }
    }
    try write(file("file", mode: 0o600), with: extractor)
    #expect(try String(contentsOfFile: "\(tree.path)/outside/file", encoding: .utf8) == "victim")
    #expect(try facts("file").st_mode & S_IFMT == S_IFREG)
  }

  // MARK: - What not everything has

  private static let ofOneFile = ItemExtras(link: ItemExtras.LinkIdentity(device: 1, inode: 2))

  private func linked(_ path: String, modified: Int64 = 5) -> ArchiveItem {
    var item = file(path, mode: 0o644)
    item.modified = modified
    item.extras = Self.ofOneFile
    return item
  }

  @Test("Names of one file are one file again; what only says so, and is not alike, is by itself")
  func hardLinks() throws {
    let extractor = try extractor()
    try write(linked("a/first"), with: extractor)
    try write(linked("b/second"), with: extractor)
    try write(linked("b/second"), with: extractor)
    try write(linked("b/other", modified: 6), with: extractor)
    try extractor.finish()
    #expect(try facts("a/first").st_ino == facts("b/second").st_ino && facts("a/first").st_nlink == 2)
    #expect(try facts("b/other").st_nlink == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(tree.path)/b").sorted() == ["other", "second"])
    #expect(extractor.lost.errors.isEmpty)
  }

  @Test("A hard link leads to what was written only, whatever has its name or its folder's meanwhile")
  func exchangedLinks() throws {
    try tree.add("outside/first", content: "victim")
    for exchange in [
      { [path = tree.path] in
        unlink("\(path)/a/first")
        symlink("../outside/first", "\(path)/a/first")
      },
      { [path = tree.path] in
        unlink("\(path)/a/first")
        link("\(path)/outside/first", "\(path)/a/first")
      },
      { [path = tree.path] in
        rename("\(path)/a", "\(path)/away")
        symlink("outside", "\(path)/a")
      },
    ] as [() -> Void] {
      let extractor = try extractor()
      try write(linked("a/first"), with: extractor)
      exchange()
      try write(linked("b/second"), with: extractor)
      #expect(try String(contentsOfFile: "\(tree.path)/b/second", encoding: .utf8) == "content")
      #expect(try facts("b/second").st_nlink == 1 && facts("b/second").st_mode & S_IFMT == S_IFREG)
      for name in ["a", "b", "away"] { try? FileManager.default.removeItem(atPath: "\(tree.path)/\(name)") }
    }
    #expect(try String(contentsOfFile: "\(tree.path)/outside/first", encoding: .utf8) == "victim")
    #expect(try facts("outside/first").st_nlink == 1)
  }

  @Test("What follows of a folder that is renamed or removed meanwhile is written at its own path")
  func movedFolder() throws {
    let extractor = try extractor()
    try write(file("a/b/one", mode: 0o600), with: extractor)
    rename("\(tree.path)/a", "\(tree.path)/away")
    try write(file("a/b/two", mode: 0o600), with: extractor)
    func names(_ folder: String) throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: "\(tree.path)/\(folder)")
    }
    #expect(try names("away/b") == ["one"])
    #expect(try names("a/b") == ["two"])
    try FileManager.default.removeItem(atPath: "\(tree.path)/a")
    try write(file("a/b/three", mode: 0o600), with: extractor)
    try extractor.finish()
    #expect(try names("a/b") == ["three"])
  }

  private func special(_ path: String, _ content: ArchiveItem.Content, mode: UInt32 = 0o666) -> ArchiveItem {
    ArchiveItem(
      path: ItemPath(path), content: content, mode: mode, userID: geteuid(), groupID: getegid(),
      modified: 1_000_000_000_500_000_000)
  }

  @Test("Devices are made by root of a whole system only; FIFOs and sockets by everybody")
  func devices() throws {
    let null = special("null", .device(isBlock: false, major: 1, minor: 3))
    for extractor in [
      try extractor(UserNamespace(users: "0 1000 1", groups: "0 1000 1")),
      FileExtractor(into: try Folder(opening: tree.path), isRoot: false, namespace: Self.root),
    ] {
      try write(null, with: extractor)
      try write(special("a/fifo", .fifo, mode: 0o622), with: extractor)
      try write(special("a/socket", .socket, mode: 0o755), with: extractor)
      try extractor.finish()
      #expect(extractor.lost.errors.map(\.kind) == [.devices])
      #expect(try FileManager.default.contentsOfDirectory(atPath: tree.path) == ["a"])
      #expect(try facts("a/fifo").st_mode == S_IFIFO | 0o622 && facts("a/socket").st_mode == S_IFSOCK | 0o755)
      #expect(try facts("a/fifo").st_mtim.tv_nsec == 500_000_000)
    }
    guard geteuid() == 0 else { return }
    let root = try extractor()
    try write(null, with: root)
    #expect(root.lost.errors.isEmpty)
    #expect(try facts("null").st_mode == S_IFCHR | 0o666 && facts("null").st_rdev == 0x0103)
  }

  private func capability(of name: String) throws -> [UInt8]? {
    let file = try Folder(opening: tree.path).open(EntryName(name), flags: O_RDONLY)
    let title = Array("security.capability".utf8)
    guard try ExtendedAttributes.names(of: file.number, subject: name).contains(title) else { return nil }
    return try ExtendedAttributes.value(of: title, on: file.number, subject: name)
  }

  @Test("Capabilities are given where a program may run as its owner only")
  func capabilities() throws {
    // cap_net_bind_service+p of version 2 (linux/capability.h).
    let value: [UInt8] = [0, 0, 0, 2, 0, 4, 0, 0] + [UInt8](repeating: 0, count: 12)
    var item = file("tool", mode: 0o755)
    item.extras.attributes = [ItemExtras.Attribute(name: Array("security.capability".utf8), value: value)]
    for extractor in [
      try extractor(UserNamespace(users: "0 1000 1", groups: "0 1000 1")),
      FileExtractor(into: try Folder(opening: tree.path), isRoot: false, namespace: Self.root),
    ] {
      try write(item, with: extractor)
      #expect(extractor.lost.errors.map(\.kind) == [.capabilities])
      #expect(try capability(of: "tool") == nil)
    }
    guard geteuid() == 0 else { return }
    let root = try extractor()
    try write(item, with: root)
    #expect(root.lost.errors.isEmpty)
    #expect(try capability(of: "tool") == value)
    #expect(try FileManager.default.contentsOfDirectory(atPath: tree.path) == ["tool"])
  }

  @Test("What this version does not know of an item is told as lost, of folders, too, whose facts come at the end")
  func unknown() throws {
    let extractor = try extractor()
    for content in [ArchiveItem.Content.directory, .file(.unstored(size: 0))] {
      var item = file(content == .directory ? "folder" : "file", mode: 0o700)
      item.content = content
      item.extras.hasUnknown = true
      try write(item, with: extractor)
    }
    try extractor.finish()
    #expect(extractor.lost.errors.map(\.kind) == [.unknown] && extractor.lost.errors.first?.others == 1)
  }

  @Test("What a place does not take is told once for each kind, and the rest is extracted")
  func losses() throws {
    var odd = file("odd", mode: 0o600)
    odd.extras.attributes = [ItemExtras.Attribute(name: Array("nosuchspace.name".utf8), value: [1])]
    let extractor = try extractor()
    for name in ["a", "b", String(repeating: "n", count: 256)] {
      odd.path = ItemPath(name)
      try write(odd, with: extractor)
    }
    try extractor.finish()
    let errors = extractor.lost.errors
    #expect(errors.map(\.kind) == [.names, .attributes] && errors.map(\.others) == [0, 2])
    #expect(errors[1].diagnosis.problem.contains("nosuchspace.name: "))
    #expect(try String(contentsOfFile: "\(tree.path)/b", encoding: .utf8) == "content")
  }
}
