import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("Whole trees of files, with the built program")
struct WholeTreeTests {
  private let ground: Playground
  /// Below the folder that COFFER_TEST_PLACE names, or on a file system in memory if there is one, or else where temporary files
  /// are.
  private let place: String
  private let tree: String

  init() throws {
    ground = try Playground()
    let given = ProcessInfo.processInfo.environment["COFFER_TEST_PLACE"]
    let parent = given ?? (access("/dev/shm", W_OK) == 0 ? "/dev/shm" : ground.folder)
    place = "\(parent)/coffer-tree-\(UUID().uuidString)"
    tree = "\(place)/tree"
    try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: true)
    try ground.configure("source_directories: [\(tree)]\nencryption_passphrase: correct horse\n")
  }

  private func remove() throws {
    // What must not be changed cannot be removed either; of links and pipes chattr says that they have no flags.
    try ground.run("sh", "-c", "chattr -R -i -a \"$0\" 2>/dev/null; rm -rf \"$0\"", place)
  }

  /// Of the tree, in parts of its path.
  private var depth: String { String(tree.split(separator: "/").count) }

  private func path(_ name: String) -> String { "\(tree)/\(name)" }

  private func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
  }

  private func set(_ attribute: String, _ value: [UInt8], on name: String) throws {
    let number = open(path(name), O_RDONLY)
    defer { close(number) }
    try ExtendedAttributes.set(Array(attribute.utf8), to: value, on: number, subject: name)
  }

  /// An access control list of a file: one of version 2 with a named user, as linux/posix_acl_xattr.h has it.
  private static let accessList: [UInt8] = {
    let parts: [[UInt8]] = [
      [2, 0, 0, 0], accessListEntry(1, 6), accessListEntry(2, 4, 4321), accessListEntry(4, 4), accessListEntry(16, 6),
      accessListEntry(32, 0),
    ]
    return parts.flatMap { $0 }
  }()

  /// What every user may make.
  private func makePlainTree() throws {
    for folder in ["folder/inner", "empty"] {
      try FileManager.default.createDirectory(atPath: path(folder), withIntermediateDirectories: true)
    }
    try write("folder/file", "content")
    try write("folder/inner/program", "#!/bin/sh\n")
    chmod(path("folder/inner/program"), 0o755)
    link(path("folder/file"), path("folder/inner/again"))
    link(path("folder/file"), path("zz-last"))
    symlink("folder/nowhere", path("link"))
    link(path("link"), path("link-again"))
    mkfifo(path("pipe"), 0o640)
    link(path("pipe"), path("pipe-again"))
    // Bytes that are no UTF-8, and a line break.
    let folder = try Folder(opening: tree)
    try folder.replace(EntryName(bytes: [0x66, 0xff, 0x0a, 0x67]), with: Array("odd".utf8))
    try folder.makeLink(EntryName(bytes: [0xfe, 0x6c]), to: [0x66, 0xff])
    try makeSparseFiles()
    chmod(path("empty"), 0o500)
    chmod(path("folder/file"), 0o440)
    for (number, name) in ["folder/inner/program", "link", "pipe", "zz-last", "folder/inner", "empty", "folder"]
      .enumerated()
    {
      let time = timespec(tv_sec: 1_000_000_000 + number, tv_nsec: 123_456_789)
      utimensat(AT_FDCWD, path(name), [time, time], AT_SYMLINK_NOFOLLOW)
    }
    let old = timespec(tv_sec: -2, tv_nsec: 5)
    utimensat(AT_FDCWD, path("sparse/end"), [old, old], AT_SYMLINK_NOFOLLOW)
  }

  /// Files with holes at the beginning, between and at the end, and of nothing else.
  private func makeSparseFiles() throws {
    try FileManager.default.createDirectory(atPath: path("sparse"), withIntermediateDirectories: true)
    for (name, size, starts) in [
      ("between", 3 << 20, [0, 1 << 20, 2 << 20]), ("start", 1 << 20, [(1 << 20) - 4096]), ("end", 5 << 20, [4096]),
      ("nothing", 7 << 20, []),
    ] as [(String, Int, [Int])] {
      let number = open(path("sparse/\(name)"), O_RDWR | O_CREAT, 0o600)
      defer { close(number) }
      ftruncate(number, size)
      for start in starts {
        let bytes = [UInt8](repeating: UInt8(1 + start >> 20), count: 4096)
        pwrite(number, bytes, bytes.count, start)
      }
    }
  }

  /// What only root may make.
  private func makeRootsTree() throws {
    chown(path("folder/inner/program"), 4321, 8765)
    chmod(path("folder/inner/program"), 0o6755)
    lchown(path("link"), 17, 18)
    mknod(path("null"), S_IFCHR | 0o666, dev_t(0x0103))
    mknod(path("disk"), S_IFBLK | 0o660, dev_t(0x0700))
    chown(path("null"), 1, 2)
    mknod(path("socket"), S_IFSOCK | 0o755, 0)
    try set("user.comment", Array("ein Wort".utf8), on: "folder/file")
    try set("user.empty", [], on: "folder")
    try set("trusted.secret", [0, 255, 0], on: "folder/file")
    try set("system.posix_acl_access", Self.accessList, on: "zz-last")
    try set("system.posix_acl_default", Self.accessList, on: "folder")
    // cap_net_bind_service+p of version 2 (linux/capability.h).
    try write("capable", "program")
    chmod(path("capable"), 0o755)
    try set("security.capability", [0, 0, 0, 2, 0, 4, 0, 0] + [UInt8](repeating: 0, count: 12), on: "capable")
    try write("immutable", "never changed")
    try write("log", "only longer")
    try write("fixed-folder", "")
  }

  private func setFlags(_ flags: FileFlags, on name: String) throws {
    let number = open(path(name), O_RDONLY)
    defer { close(number) }
    try flags.set(on: number, subject: name)
  }

  @Test(
    "Everything of a tree comes back: owners, modes, times, attributes, links, holes, devices and flags",
    .enabled(if: geteuid() == 0))
  func asRoot() throws {
    defer { try? remove() }
    try makePlainTree()
    try makeRootsTree()
    let knowsFlags = (try? setFlags([.immutable, .noDump], on: "immutable")) != nil
    if knowsFlags {
      try setFlags(.appendOnly, on: "log")
      try setFlags(.immutable, on: "empty")
    }
    let before = try TreeSnapshot(tree)
    try ground.coffer("repo-create", "--encryption", "repokey")
    // Longer than the moments whose files the next run reads again.
    usleep(150_000)
    let create = try ground.coffer("create", "--json")
    #expect(create.status == .exited(0) && create.errors.isEmpty, "\(create.errors)")
    // Of files that are not read, it is the same.
    let again = try ground.coffer("create", "--json", "-v", "1")
    #expect(again.status == .exited(0) && again.errors.contains("files are as they were and were not read"))
    let extract = try ground.coffer(
      "extract", "--archive", "latest", "--destination", "\(place)/back", "--path", tree, "--strip-components", depth)
    #expect(extract.status == .exited(0) && extract.errors.isEmpty, "\(extract.errors)")
    before.expect(try TreeSnapshot("\(place)/back"))
    try expectListing()
    try expectTar(before)
    // Holes are not stored: nothing is as large as they are.
    let items = try ground.coffer("list", "--archive", "latest", "--json").json.first?["items"] as? [[String: Any]]
    let sizes = (items ?? []).filter { ($0["path"] as? String)?.hasSuffix("sparse/nothing") == true }
    #expect(sizes.first?["size"] as? Int == 7 << 20)
    let stats = (create.json.first?["archive"] as? [String: Any])?["stats"] as? [String: Any]
    let original = try #require(stats?["original_size"] as? Int)
    #expect(original < 1 << 20, "\(original)")
  }

  /// As a tar archive it comes back, too, but for what tar has no place for.
  private func expectTar(_ before: TreeSnapshot) throws {
    let tar = try ground.coffer(
      "export-tar", "latest", "\(place)/tree.tar", "--path", tree, "--strip-components", depth)
    #expect(tar.status == .exited(0) && tar.errors.contains("socket: A socket"), "\(tar.errors)")
    try ground.run("mkdir", "\(place)/tar")
    try ground.run(
      "tar", "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "-xpf", "\(place)/tree.tar", "-C",
      "\(place)/tar")
    before.withoutSocketsAndFlags.expect(try TreeSnapshot("\(place)/tar"), hasGrown: true)
  }

  private func expectListing() throws {
    let list = try ground.coffer("list", "--archive", "latest", "--json")
    let items = try #require(list.json.first?["items"] as? [[String: Any]])
    func item(_ end: String) -> [String: Any]? { items.first { ($0["path"] as? String)?.hasSuffix(end) == true } }
    #expect(item("/null")?["type"] as? String == "c" && item("/disk")?["type"] as? String == "b")
    #expect(item("/socket")?["type"] as? String == "s" && item("/pipe")?["type"] as? String == "p")
    let odd = Data(Array("\(tree.dropFirst())/".utf8) + [0x66, 0xff, 0x0a, 0x67]).base64EncodedString()
    #expect(items.contains { $0["path_base64"] as? String == odd })
  }

  @Test(
    "What another user may not have is told once for each kind, and all else is extracted", .enabled(if: geteuid() == 0)
  )
  func asAnotherUser() throws {
    defer { try? remove() }
    try makePlainTree()
    let user = "65534"
    try ground.run("chown", "-hR", "\(user):\(user)", tree)
    let plain = try TreeSnapshot(tree)
    try makeRootsTree()
    try ground.coffer("repo-create", "--encryption", "repokey")
    let create = try ground.coffer("create")
    #expect(create.status == .exited(0) && create.errors.isEmpty, "\(create.errors)")
    try ground.run("mkdir", "\(place)/back")
    try ground.run("chown", "-R", "\(user):\(user)", "\(place)/back", ground.folder)
    let extract = try ground.coffer(
      [
        "extract", "--archive", "latest", "--destination", "\(place)/back", "--path", tree, "--strip-components", depth,
      ],
      as: user)
    #expect(extract.status == .exited(1))
    for text in [
      "disk: Devices can only be made by root", "program: It ran as its owner or group", "capable: It had capabilities",
      "trusted.secret: ",
    ] {
      #expect(extract.errors.components(separatedBy: text).count == 2, "\(text): \(extract.errors)")
    }
    let back = try TreeSnapshot("\(place)/back")
    #expect(back.entries.values.allSatisfy { $0.mode & 0o6000 == 0 && $0.owner == [65534, 65534] })
    // What is different by what root did to it was looked at by the test above.
    let changed = [
      "folder", "folder/file", "folder/inner/again", "folder/inner/program", "zz-last", "link", "link-again",
    ]
    for (path, entry) in plain.entries where !changed.contains(String(decoding: path, as: UTF8.self)) {
      #expect(back.entries[path] == entry, "\(String(decoding: path, as: UTF8.self))")
    }
    #expect(back.entries[Array("zz-last".utf8)]?.firstName == Array("folder/file".utf8))
    #expect(back.entries[Array("disk".utf8)] == nil)
  }

  @Test("Parts of a tree come back by themselves: one name of a file, a path that is no text, a file of holes")
  func parts() throws {
    defer { try? remove() }
    try makePlainTree()
    let before = try TreeSnapshot(tree)
    try ground.coffer("repo-create", "--encryption", "repokey")
    try ground.coffer("create")
    let extract = try ground.coffer(
      "extract", "--archive", "latest", "--destination", "\(place)/back", "--path", path("zz-last"), "--path",
      path("sparse/end"), "--path", "\(tree)/f\u{fffd}\ng", "--strip-components", depth)
    #expect(extract.status == .exited(0) && extract.errors.isEmpty, "\(extract.errors)")
    let back = try TreeSnapshot("\(place)/back")
    #expect(back.entries.count == 4)
    for name in [Array("zz-last".utf8), Array("sparse/end".utf8), [0x66, 0xff, 0x0a, 0x67]] {
      #expect(back.entries[name]?.content == before.entries[name]?.content)
      #expect(back.entries[name]?.data == before.entries[name]?.data)
    }
    let diff = try ground.coffer("list", "--archive", "latest", "--short", "--path", path("sparse"))
    #expect(diff.output.split(separator: "\n").count == 5)
  }
}
