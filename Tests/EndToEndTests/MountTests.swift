import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite(
  "Mounted archives, with the built program",
  .enabled(if: access("/dev/fuse", F_OK) == 0, "this machine has no /dev/fuse"))
struct MountTests {
  private let ground: Playground
  private let point: String
  private let tree: String
  private let large: [UInt8]

  init() throws {
    ground = try Playground()
    point = "\(ground.folder)/point"
    tree = "\(ground.folder)/tree"
    var random = SeededRandom(5)
    large = random.bytes(4_000_000)
    for folder in [point, "\(tree)/folder/inner"] {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    try Data(large).write(to: URL(fileURLWithPath: "\(tree)/large"))
    try ground.write("tree/folder/text", "a needle in the hay\n")
    try ground.write("tree/folder/inner/empty", "")
    link("\(tree)/folder/text", "\(tree)/again")
    symlink("folder/text", "\(tree)/link")
    mkfifo("\(tree)/pipe", 0o640)
    let folder = try Folder(opening: tree)
    try folder.replace(EntryName(bytes: [0x66, 0xff, 0x0a, 0x67]), with: Array("odd".utf8))
    let sparse = open("\(tree)/sparse", O_RDWR | O_CREAT, 0o600)
    ftruncate(sparse, 3 << 20)
    pwrite(sparse, large, 4096, 1 << 20)
    close(sparse)
    chmod("\(tree)/folder/inner", 0o700)
    try ground.run("sqlite3", "shop.db", "CREATE TABLE t(a); INSERT INTO t VALUES ('needle');")
    try ground.configure(
      """
      archive_name_format: 'a-{now}'
      source_directories: [\(tree)]
      sqlite_databases: [{name: shop, path: \(ground.folder)/shop.db}]
      """)
    try ground.succeed("repo-create", "--encryption", "repokey")
    try create()
  }

  private func create() throws { try ground.succeed("create") }

  private func mount(_ arguments: String..., as user: String? = nil) throws {
    let run = try ground.coffer(["mount", point] + arguments, as: user)
    try #require(run.status == .exited(0) && run.errors.isEmpty, "\(run.errors)")
  }

  private func unmount(as user: String? = nil) throws {
    let run = try ground.coffer(["umount", point], as: user)
    #expect(run.status == .exited(0) && run.errors.isEmpty, "\(run.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: point).isEmpty)
  }

  private var isMounted: Bool { isMounted(at: point) }

  private func isMounted(at point: String) -> Bool {
    (try? String(contentsOfFile: "/proc/mounts", encoding: .utf8))?.contains(" \(point) fuse.coffer ") == true
  }

  private func removeMount() {
    if isMounted { _ = try? ground.run("umount", "-l", point) }
  }

  /// Compares parts at random places, in more than one file at a time.
  private func expectParts(of path: String, _ whole: [UInt8]) throws {
    let number = open(path, O_RDONLY)
    try #require(number >= 0, "\(path)")
    defer { close(number) }
    var random = SeededRandom(9)
    for _ in 0..<60 {
      let start = Int.random(in: 0...whole.count, using: &random)
      let wanted = Int.random(in: 1...300_000, using: &random)
      var bytes = [UInt8](repeating: 0, count: wanted)
      let count = pread(number, &bytes, wanted, start)
      #expect(Array(bytes[..<max(count, 0)]) == Array(whole[start..<min(start + wanted, whole.count)]), "\(start)")
    }
  }

  @Test("A backup leaves out an archive that is mounted in its sources, also when the mount's program has ended")
  func mountInSources() throws {
    let inside = "\(tree)/folder/point"
    try FileManager.default.createDirectory(atPath: inside, withIntermediateDirectories: true)
    defer { _ = try? ground.run("sh", "-c", "umount -l '\(inside)' 2>/dev/null || true") }
    let child = try ground.start("mount", inside, "--archive", "latest", "--foreground")
    while !isMounted(at: inside), child.wait(seconds: 0.05) == nil {}
    for isServed in [true, false] {
      if !isServed {
        kill(child.identifier, SIGKILL)
        _ = child.wait()
      }
      #expect(isMounted(at: inside))
      let run = try ground.coffer("create", "--list", "-v", "1")
      #expect(run.status == .exited(0), "\(run.errors)")
      #expect(run.errors.contains("warning: \(inside): Made by Coffer; left out"), "\(run.errors)")
      #expect(!run.output.contains("folder/point") && run.output.contains("folder/inner/empty"), "\(run.output)")
    }
  }

  @Test("A whole tree is as it was, in every fact and byte; dumps are files; and it goes on in the background")
  func archive() throws {
    defer { removeMount() }
    let before = try TreeSnapshot(tree)
    try mount("--archive", "latest")
    #expect(isMounted)
    try expectParts(of: point + tree + "/large", large)
    before.expect(try TreeSnapshot(point + tree))
    #expect(try Set(FileManager.default.contentsOfDirectory(atPath: point)).isSuperset(of: ["databases"]))
    let dump = "\(point)/databases/sqlite_databases/localhost/shop"
    try ground.run("sh", "-c", "\"\(ground.binary)\" -c config.yaml dump --archive latest --database shop > shop.sql")
    try ground.run("cmp", "shop.sql", dump)
    let found = try ground.run("sh", "-c", "grep -rl -D skip needle '\(point)' | sort")
    #expect(found.split(separator: "\n").count == 3, "\(found)")
    // Nothing can be changed.
    #expect(open("\(point)/new", O_WRONLY | O_CREAT, 0o600) < 0 && errno == EROFS)
    #expect(unlink(point + tree + "/large") < 0 && errno == EROFS)
    let held = open(point + tree + "/large", O_RDONLY)
    let busy = try ground.coffer("umount", point)
    #expect(busy.status == .exited(1) && busy.errors.contains("still uses it"), "\(busy.errors)")
    close(held)
    try unmount()
    let again = try ground.coffer("umount", point)
    #expect(again.status == .exited(1) && again.errors.contains("No archive is mounted there"), "\(again.errors)")
  }

  @Test("Of a repository every archive is a folder; patterns choose; an end by a signal leaves no mount behind")
  func repository() throws {
    defer { removeMount() }
    try ground.write("tree/folder/text", "another needle\n")
    try create()
    let names = try ground.archives()
    let child = try ground.start(
      "mount", "--mount-point", point, "--foreground", "--path", tree, "--exclude", "*/large")
    while !isMounted, child.wait(seconds: 0.05) == nil {}
    #expect(try FileManager.default.contentsOfDirectory(atPath: point).sorted() == names.sorted())
    for (name, text) in zip(names, ["a needle in the hay\n", "another needle\n"]) {
      #expect(try String(contentsOfFile: "\(point)/\(name)\(tree)/folder/text", encoding: .utf8) == text)
      #expect(try !FileManager.default.contentsOfDirectory(atPath: "\(point)/\(name)\(tree)").contains("large"))
      #expect(!FileManager.default.fileExists(atPath: "\(point)/\(name)/databases"))
    }
    #expect(!FileManager.default.fileExists(atPath: "\(point)/nothing"))
    kill(child.identifier, SIGTERM)
    #expect(child.wait() == .exited(143))
    #expect(!isMounted)
    // One that is taken away ends well.
    let other = try ground.start("mount", point, "--foreground", "--last", "1")
    while !isMounted, other.wait(seconds: 0.05) == nil {}
    #expect(try FileManager.default.contentsOfDirectory(atPath: point) == [names[1]])
    try unmount()
    #expect(other.wait() == .exited(0))
  }

  @Test("A byte that is damaged is an error for whoever reads it, is told once, and keeps nothing else from being read")
  func damage() throws {
    defer { removeMount() }
    let packs = try ground.run("sh", "-c", "find repository/packs -type f -size +3000k").split(separator: "\n")
    let pack = try #require(packs.first.map { "\(ground.folder)/\($0)" })
    let number = open(pack, O_RDWR)
    var byte: UInt8 = 0
    let middle = lseek(number, 0, SEEK_END) / 2
    pread(number, &byte, 1, middle)
    byte ^= 1
    pwrite(number, &byte, 1, middle)
    close(number)
    let child = try ground.start("mount", point, "--archive", "latest", "--foreground")
    while !isMounted, child.wait(seconds: 0.05) == nil {}
    for _ in 1...2 {
      let read = try ground.run("sh", "-c", "cat '\(point + tree)/large' 2>&1 >/dev/null | cat")
      #expect(read.contains("Input/output error"), "\(read)")
    }
    #expect(try ground.run("cat", point + tree + "/again") == "a needle in the hay\n")
    // What runs next has the same file for what it says.
    let errors = try String(contentsOfFile: "\(ground.folder)/stderr", encoding: .utf8)
    try unmount()
    #expect(child.wait() == .exited(0))
    #expect(errors.components(separatedBy: "does not decrypt").count == 2, "\(errors)")
  }

  @Test("What a compaction moves beside a mount is found again; what it gave up is an error")
  func compaction() throws {
    defer { removeMount() }
    try Data(large.reversed()[..<1_500_000]).write(to: URL(fileURLWithPath: "\(tree)/gone"))
    try create()
    try FileManager.default.removeItem(atPath: "\(tree)/gone")
    try create()
    let names = try ground.archives()
    try mount()
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(point)/\(names[1])\(tree)").contains("gone"))
    for name in names[..<2] {
      let deleted = try ground.coffer("delete", "--archive", name, "--yes")
      #expect(deleted.status == .exited(0), "\(deleted.errors)")
    }
    let packs = try ground.run("ls", "-R", "repository/packs")
    let compact = try ground.coffer("compact", "--threshold", "1")
    #expect(compact.status == .exited(0), "\(compact.errors)")
    #expect(try ground.run("ls", "-R", "repository/packs") != packs)
    try expectParts(of: "\(point)/\(names[2])\(tree)/large", large)
    #expect(FileManager.default.contents(atPath: "\(point)/\(names[1])\(tree)/gone") == nil)
    try unmount()
  }

  @Test("A place that cannot be mounted at is told with what to do, before anything else is done")
  func places() throws {
    try ground.write("full/file", "x")
    for (place, text) in [("missing", "mkdir "), ("full/file", "no folder"), ("full", "not empty")] {
      let run = try ground.coffer("mount", "\(ground.folder)/\(place)", "--archive", "latest")
      #expect(run.status == .exited(1) && run.errors.contains(text), "\(run.errors)")
    }
    let words = try ground.coffer("mount", point, "--options", "rw")
    #expect(words.status == .exited(1) && words.errors.contains("allow_other"), "\(words.errors)")
    let unknown = try ground.coffer("mount", point, "--archive", "none")
    #expect(unknown.status == .exited(1) && unknown.errors.contains("none") && !isMounted, "\(unknown.errors)")
  }

  /// Reads a file as a user who has nothing to do with it.
  private func read(_ path: String, as user: String) throws -> CommandResult {
    try SystemProcessLauncher().run(
      ChildCommand(
        "setpriv", ["--reuid=\(user)", "--regid=\(user)", "--clear-groups", "cat", path],
        environment: ProcessEnvironment(ground.environment)))
  }

  @Test(
    "Others are let in when that is asked for, as far as permissions and access control lists let them",
    .enabled(if: geteuid() == 0, "this needs root"))
  func others() throws {
    defer { removeMount() }
    let user = "65534"
    chmod(ground.folder, 0o711)
    for (name, mode) in [("secret", 0o600), ("open", 0o644), ("listed", 0o644)] as [(String, mode_t)] {
      try ground.write("tree/\(name)", name)
      chmod("\(tree)/\(name)", mode)
    }
    // That user may nothing, all others may read: of version 2, as linux/posix_acl_xattr.h has it.
    let parts: [[UInt8]] = [
      [2, 0, 0, 0], accessListEntry(1, 6), accessListEntry(2, 0, 65534), accessListEntry(4, 4), accessListEntry(16, 4),
      accessListEntry(32, 4),
    ]
    let listed = try FileDescriptor(opening: "\(tree)/listed", flags: O_RDONLY)
    try ExtendedAttributes.set(
      Array("system.posix_acl_access".utf8), to: parts.flatMap { $0 }, on: listed.number, subject: "listed")
    try create()
    try mount("--archive", "latest")
    #expect(try !read(point + tree + "/open", as: user).status.isSuccess)
    try unmount()
    try mount("--archive", "latest", "--options", "allow_other")
    #expect(try read(point + tree + "/open", as: user).text == "open")
    #expect(try read(point + tree + "/listed", as: "65533").text == "listed")
    for name in ["secret", "listed"] {
      #expect(try !read(point + tree + "/" + name, as: user).status.isSuccess, "\(name)")
    }
    try unmount()
  }

  @Test(
    "Who is not root mounts at a folder of his own, and reads everything there",
    .enabled(
      if: geteuid() == 0 && ["fusermount3", "fusermount"].contains { access("/usr/bin/\($0)", X_OK) == 0 },
      "this needs root, and fusermount3"))
  func asAnotherUser() throws {
    defer { removeMount() }
    let user = "65534"
    try ground.run("chown", "-R", "\(user):\(user)", ground.folder)
    var device = stat()
    #expect(stat("/dev/fuse", &device) == 0)
    guard device.st_mode & 0o006 == 0o006 else {
      // As in many containers.
      let run = try ground.coffer(["mount", point, "--archive", "latest"], as: user)
      return #expect(run.status != .exited(0) && run.errors.contains("chmod 666 /dev/fuse"), "\(run)")
    }
    try mount("--archive", "latest", as: user)
    let seen = try read(point + tree + "/again", as: user)
    #expect(seen.text == "a needle in the hay\n", "\(seen.errorLines)")
    // Not even root looks in, as root is not who mounted it.
    #expect(access(point + tree, F_OK) < 0)
    let run = try ground.coffer(["umount", point], as: user)
    #expect(run.status == .exited(0) && !isMounted, "\(run.errors)")
  }
}
