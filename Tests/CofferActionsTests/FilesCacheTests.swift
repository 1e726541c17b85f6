import CofferConfiguration
import CofferRepository
import CofferSystem
import Foundation
import Testing

@testable import CofferActions

@Suite("Files that are not read again")
struct FilesCacheTests {
  private let ground: ProgramGround
  private let tree: Tree

  init() throws {
    ground = try ProgramGround("files-cache", remembersKeys: true)
    tree = try Tree()
    try tree.add("one", "folder/two", "folder/three")
    try configure(["repository"])
  }

  private func configure(_ repositories: [String]) throws {
    try ground.write(
      "config.yaml",
      """
      repositories: [\(repositories.map { "{path: \(ground.folder)/\($0)}" }.joined(separator: ", "))]
      source_directories: [\(tree.path)]
      archive_name_format: 'run-{now:%f}'
      user_runtime_directory: \(ground.folder)/runtime
      encryption_passphrase: correct horse
      """)
  }

  /// So late that no time of a file is one of the last moments, whatever file system it is on.
  private static let late = Clock(
    now: { Date().addingTimeInterval(100_000) }, steadySeconds: Clock.system.steadySeconds)

  /// - Returns: What was said.
  @discardableResult
  private func coffer(_ words: String..., clock: Clock = late) throws -> String {
    let outcome = try ground.coffer(words, clock: clock)
    #expect(outcome.code == 0, "\(words): \(outcome.said)")
    return outcome.said
  }

  private static let unread = "files are as they were and were not read"

  /// Writes to a file, and gives it back the time that it had.
  private func change(_ name: String, to content: String) throws {
    let path = "\(tree.path)/\(name)"
    var facts = stat()
    #expect(stat(path, &facts) == 0)
    try content.write(toFile: path, atomically: false, encoding: .utf8)
    utimensat(AT_FDCWD, path, [facts.st_mtim, facts.st_mtim], 0)
  }

  /// What the newest archive has of the tree.
  private func contents(_ repository: String = "repository") throws -> [String: String] {
    let folder = "\(ground.folder)/out-\(UUID().uuidString)"
    try coffer(
      "extract", "--repository", "\(ground.folder)/\(repository)", "--archive", "latest", "--destination", folder,
      "--path", tree.path)
    var contents: [String: String] = [:]
    let place = folder + tree.path
    for name in try FileManager.default.subpathsOfDirectory(atPath: place) {
      contents[name] = try? String(contentsOfFile: "\(place)/\(name)", encoding: .utf8)
    }
    return contents
  }

  private static let whole = ["one": "content", "folder/two": "content", "folder/three": "content"]

  @Test(
    "What is as it was is in the archive without being read; a change that hides from one time is seen by the other")
  func modes() throws {
    defer { ground.remove() }
    try coffer("repo-create", "--encryption", "repokey")
    #expect(!(try coffer("create", "-v", "1").contains(Self.unread)))
    #expect(try coffer("create", "-v", "1").contains("3 of 3 \(Self.unread)"))
    #expect(try contents() == Self.whole)
    try change("one", to: "CONTENT")
    #expect(try coffer("create", "-v", "1", "--files-cache", "mtime,size,inode").contains("3 of 3 \(Self.unread)"))
    #expect(try contents() == Self.whole)
    #expect(try coffer("create", "-v", "1").contains("2 of 3 \(Self.unread)"))
    #expect(try contents() == Self.whole.merging(["one": "CONTENT"]) { $1 })
    try change("folder/two", to: "Content")
    for mode in ["rechunk,mtime", "disabled"] {
      #expect(!(try coffer("create", "-v", "1", "--files-cache", mode).contains(Self.unread)))
      #expect(try contents()["folder/two"] == "Content")
    }
    try tree.add("one", content: "longer than it was")
    #expect(try coffer("create", "-v", "1", "--files-cache", "size").contains("2 of 3 \(Self.unread)"))
    #expect(try contents()["one"] == "longer than it was")
    // All of it is listed and counted, whether it was read or not.
    let listed = try coffer("create", "--list", "--stats")
    for name in Self.whole.keys { #expect(listed.contains("\(tree.path.dropFirst())/\(name)")) }
    let report = try coffer("check", "--level", "4")
    #expect(!report.contains("damage"))
  }

  @Test("A file written to a moment before a run is read by the next, whatever its time says")
  func lastMoments() throws {
    defer { ground.remove() }
    try coffer("repo-create", "--encryption", "repokey")
    var facts = stat()
    #expect(stat("\(tree.path)/folder/three", &facts) == 0)
    let written = Double(facts.st_ctim.tv_sec) + Double(facts.st_ctim.tv_nsec) / 1e9
    let clock = Clock(
      now: { Date(timeIntervalSince1970: written + 0.05) }, steadySeconds: Clock.system.steadySeconds)
    try coffer("create", "--archive-name-format", "first", clock: clock)
    for name in Self.whole.keys { try change(name, to: "CONTENT") }
    #expect(!(try coffer("create", "-v", "1", "--files-cache", "mtime,size").contains(Self.unread)))
    #expect(try contents().allSatisfy { $0.value == "CONTENT" })
  }

  /// Whether the file system that trees are made on is one on a disk: others give no times to what is written through memory.
  private static var isOnDisk: Bool {
    let mounts = (try? String(contentsOfFile: "/proc/mounts", encoding: .utf8))?.split(separator: "\n") ?? []
    // Its name, its place and its kind, then more; of several at one place the last counts.
    let own = mounts.map { $0.split(separator: " ") }.filter { words in
      NSTemporaryDirectory().hasPrefix(words[1] == "/" ? "/" : words[1] + "/")
    }
    guard let deepest = own.map({ $0[1].count }).max() else { return false }
    return ["ext4", "xfs", "btrfs"].contains(own.last { $0[1].count == deepest }?[2])
  }

  @Test(
    "A change through memory is seen, also in a page that was not on the disk yet when it was read",
    .enabled(if: FilesCacheTests.isOnDisk, "the temporary folder is not on ext4, XFS or Btrfs"))
  func writtenThroughMemory() throws {
    defer { ground.remove() }
    try coffer("repo-create", "--encryption", "repokey")
    let file = open("\(tree.path)/one", O_RDWR)
    defer { close(file) }
    let memory = try #require(mmap(nil, 7, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0))
    try #require(memory != MAP_FAILED)
    defer { munmap(memory, 7) }
    memory.copyMemory(from: Array("before!".utf8), byteCount: 7)
    try coffer("create")
    memory.copyMemory(from: Array("behind!".utf8), byteCount: 7)
    #expect(try coffer("create", "-v", "1").contains("2 of 3 \(Self.unread)"))
    #expect(try contents() == Self.whole.merging(["one": "behind!"]) { $1 })
  }

  @Test("A file is left unread only if every repository of the run has it")
  func repositories() throws {
    defer { ground.remove() }
    try coffer("repo-create", "--encryption", "repokey")
    try coffer("create")
    try configure(["repository", "second"])
    try coffer("repo-create", "--encryption", "repokey", "--repository", "\(ground.folder)/second")
    #expect(!(try coffer("create", "-v", "1").contains(Self.unread)))
    #expect(try coffer("create", "-v", "1").contains("3 of 3 \(Self.unread)"))
    for repository in ["repository", "second"] { #expect(try contents(repository) == Self.whole) }
    try FileManager.default.removeItem(atPath: "\(ground.folder)/second")
    try coffer("repo-create", "--encryption", "repokey", "--repository", "\(ground.folder)/second")
    #expect(!(try coffer("create", "-v", "1").contains(Self.unread)))
    for repository in ["repository", "second"] { #expect(try contents(repository) == Self.whole) }
  }

  @Test("A damaged memory is said, and stops nothing")
  func damaged() throws {
    defer { ground.remove() }
    try coffer("repo-create", "--encryption", "repokey")
    try coffer("create")
    let caches = "\(ground.folder)/.cache/coffer"
    let name = try #require(
      FileManager.default.subpathsOfDirectory(atPath: caches).first { $0.contains("/files-") })
    truncate("\(caches)/\(name)", 100)
    #expect(try coffer("create").contains("cache of files that were read is damaged; they are read again"))
    #expect(try contents() == Self.whole)
    #expect(try coffer("create", "-v", "1").contains("3 of 3 \(Self.unread)"))
  }

  @Test("Owner, mode and attributes are those of now, also of a file that is not read")
  func facts() throws {
    defer { ground.remove() }
    try coffer("repo-create", "--encryption", "repokey")
    try coffer("create")
    let path = "\(tree.path)/one"
    chmod(path, 0o741)
    let file = open(path, O_RDONLY)
    defer { close(file) }
    let takesAttributes =
      (try? ExtendedAttributes.set(Array("user.word".utf8), to: [1, 2, 3], on: file, subject: path)) != nil
    #expect(try coffer("create", "-v", "1", "--files-cache", "mtime,size").contains("3 of 3 \(Self.unread)"))
    let folder = "\(ground.folder)/out"
    try coffer("extract", "--archive", "latest", "--destination", folder, "--path", tree.path)
    var facts = stat()
    #expect(stat(folder + path, &facts) == 0 && facts.st_mode & 0o777 == 0o741)
    guard takesAttributes else { return }
    let written = open(folder + path, O_RDONLY)
    defer { close(written) }
    #expect(
      try ExtendedAttributes.value(of: Array("user.word".utf8), on: written, subject: path) == [1, 2, 3])
  }
}
