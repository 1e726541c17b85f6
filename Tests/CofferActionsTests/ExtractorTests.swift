import CofferRepository
import CofferSystem
import Foundation
import Testing

@testable import CofferActions

@Suite("Writing items to disk")
struct ExtractorTests {
  private let tree: Tree
  private static let root = UserNamespace(users: "0 0 4294967295", groups: "0 0 4294967295")

  private static let anyHash = [UInt8](repeating: 0, count: Digest256.size).withUnsafeBytes { Digest256($0) }

  init() throws {
    tree = try Tree()
  }

  private func file(_ path: String, mode: UInt32, user: uid_t = geteuid(), group: gid_t = getegid()) -> ArchiveItem {
    let stream = StreamReference(root: nil, depth: 0, size: 0, chunkCount: 0, hash: Self.anyHash)
    return ArchiveItem(
      path: ItemPath(path), content: .file(stream), mode: mode, userID: user, groupID: group,
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
}
