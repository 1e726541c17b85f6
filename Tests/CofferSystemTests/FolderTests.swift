import Foundation
import Testing

@testable import CofferSystem

@Suite("Folders") struct FolderTests {
  private let place: String
  private let folder: Folder

  init() throws {
    var template = Array("/tmp/coffer-folder-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError(call: "mkdtemp", subject: "/tmp") }
    place = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    folder = try Folder.trusted(place, .folders)
  }

  private func write(_ text: String, _ name: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: "\(place)/\(name)"))
  }

  private func text(_ name: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(fileURLWithPath: "\(place)/\(name)")), as: UTF8.self)
  }

  private func mode(_ name: EntryName) throws -> mode_t { try folder.status(of: name).st_mode & 0o7777 }

  private func clean() { try? FileManager.default.removeItem(atPath: place) }

  @Test("A file is replaced as a whole, with its own mode whatever the umask, and nothing else is left")
  func replaces() throws {
    defer { clean() }
    try write("old", "file")
    try folder.replace("file", with: Array("new".utf8), mode: 0o644, isLasting: true)
    #expect(try text("file") == "new")
    #expect(try mode("file") == 0o644)
    #expect(try folder.names() == ["file"])
  }

  @Test("A link that leads to what is no file is not replaced, and a FIFO is")
  func replacesFilesOnly() throws {
    defer { clean() }
    try #require(mkfifo("\(place)/pipe", 0o600) == 0)
    for (link, goal) in [("null", "/dev/null"), ("folder", "/tmp"), ("nowhere", "/nowhere/x"), ("file", "/etc/passwd")]
    {
      try FileManager.default.createSymbolicLink(atPath: "\(place)/\(link)", withDestinationPath: goal)
    }
    for name in ["null", "folder"] as [EntryName] {
      #expect(throws: UntrustedPlace.self, "\(name)") { try folder.replace(name, with: [1]) }
    }
    for name in ["nowhere", "file", "pipe"] as [EntryName] { try folder.replace(name, with: Array("new".utf8)) }
    #expect(try text("file") == "new" && text("nowhere") == "new")
    #expect(try text("pipe") == "new" && folder.status(of: "null").st_mode & S_IFMT == S_IFLNK)
    #expect(try folder.names().count == 5)
  }

  @Test("A folder is opened by the names on the way to it, and never through a link")
  func below() throws {
    defer { clean() }
    try FileManager.default.createDirectory(atPath: "\(place)/a/b/c", withIntermediateDirectories: true)
    try write("", "a/b/file")
    for (link, target) in [("link", "a"), ("a/link", "b"), ("a/b/self", ".")] {
      try FileManager.default.createSymbolicLink(atPath: "\(place)/\(link)", withDestinationPath: target)
    }
    func names(_ way: [EntryName]) throws -> [EntryName]? { try folder.folder(below: way)?.names().sorted() }
    #expect(try names(["a", "b"]) == ["c", "file", "self"])
    #expect(folder.folder(below: ["a", "b", "c"])?.path == "\(place)/a/b/c")
    #expect(try names(["a"]) == ["b", "link"])
    let others: [[EntryName]] = [
      [], ["a", "none"], ["a", "b", "file"], ["link", "b"], ["a", "link"], ["a", "link", "c"], ["a", "b", "self", "c"],
      ["a", ".."], ["a", "..", "a"], ["a/b"], ["a", ""], ["a", "."],
    ]
    for way in others { #expect(try names(way) == nil, "\(way)") }
  }

  @Test("What stands behind a link is not written to, and the link is replaced")
  func replacesLinks() throws {
    defer { clean() }
    try write("victim", "victim")
    symlink("victim", "\(place)/file")
    try folder.replace("file", with: Array("new".utf8))
    #expect(try text("victim") == "victim")
    #expect(try text("file") == "new")
    #expect(try folder.status(of: "file").st_mode & S_IFMT == S_IFREG)
  }

  @Test("A file that fails while it is written leaves the old one, and no other")
  func keepsOld() throws {
    defer { clean() }
    struct Failure: Error {}
    try write("old", "file")
    #expect(throws: Failure.self) { try folder.replace("file") { _ in throw Failure() } }
    #expect(try text("file") == "old")
    #expect(try folder.names() == ["file"])
  }

  @Test("Adding makes a private file, goes on at its end, and refuses links, FIFOs and second names")
  func appends() throws {
    defer { clean() }
    for part in ["one ", "two"] {
      let file = try folder.append("log")
      try Array(part.utf8).withUnsafeBytes { try file.writeAll($0, subject: "log") }
    }
    #expect(try text("log") == "one two")
    #expect(try mode("log") == 0o600)
    try write("victim", "victim")
    symlink("victim", "\(place)/link")
    symlink("nothing", "\(place)/dangling")
    link("\(place)/victim", "\(place)/second")
    try folder.makeFIFO("fifo")
    for name: EntryName in ["link", "dangling", "second", "fifo", "victim"] {
      #expect(throws: UntrustedPlace.self, "\(name)") { _ = try folder.append(name) }
    }
    #expect(try text("victim") == "victim")
    #expect(try !folder.holds("nothing"))
  }

  @Test("Names that lead out of the folder are refused", arguments: ["", ".", "..", "a/b", "/etc", "a\0b"])
  func refusesPaths(name: String) throws {
    defer { clean() }
    #expect(throws: SystemError.self) { _ = try folder.open(EntryName(name), flags: O_RDONLY) }
    #expect(throws: SystemError.self) { try folder.removeTree(EntryName(name)) }
    try write("x", "file")
    #expect(throws: SystemError.self) { try folder.rename("file", to: EntryName(name)) }
    #expect(try folder.names() == ["file"])
  }

  @Test("Reading takes plain files only, waits for none, and no more than the limit")
  func reads() throws {
    defer { clean() }
    try write("12345", "file")
    symlink("file", "\(place)/link")
    try folder.makeFIFO("fifo")
    #expect(try folder.read("file", limit: 5) == Array("12345".utf8))
    #expect(throws: SystemError(call: "read", subject: "\(place)/file", code: EFBIG)) {
      _ = try folder.read("file", limit: 4)
    }
    #expect(throws: SystemError(call: "open", subject: "\(place)/link", code: ELOOP)) {
      _ = try folder.read("link", limit: 5)
    }
    #expect(throws: SystemError(call: "read", subject: "\(place)/fifo", code: ESTALE)) {
      _ = try folder.read("fifo", limit: 5)
    }
  }

  @Test("Removing a tree takes links away and leaves what they lead to")
  func removesTrees() throws {
    defer { clean() }
    try write("victim", "victim")
    let tree = try folder.makeFolder("tree")
    try tree.makeFolder("inner").replace("file", with: [1])
    symlink("../victim", "\(place)/tree/link")
    symlink("..", "\(place)/tree/up")
    try folder.removeTree("tree")
    try folder.removeTree("tree")
    #expect(try folder.names() == ["victim"])
  }

  @Test("A link that is ours is followed on the way, `..` in it too, and one that leads to itself ends")
  func followsOwnLinks() throws {
    defer { clean() }
    try folder.makeFolder("real").makeFolder("deep")
    symlink("real/../real/./deep", "\(place)/link")
    symlink("\(place)/link", "\(place)/far")
    symlink("loop", "\(place)/loop")
    try Folder.trusted("\(place)/far", .folders).replace("file", with: [7])
    #expect(FileManager.default.contents(atPath: "\(place)/real/deep/file") == Data([7]))
    #expect(throws: SystemError(call: "open", subject: "\(place)/loop", code: ELOOP)) {
      _ = try Folder.trusted("\(place)/loop", .links)
    }
  }

  @Test("Folders that are missing are made, private")
  func makesMissing() throws {
    defer { clean() }
    let inner = try FilePlace("\(place)/a/b/file", .folders, makingWith: 0o700)
    try inner.folder.replace(inner.name, with: [1])
    #expect(try mode("a") == 0o700)
    #expect(FileManager.default.contents(atPath: "\(place)/a/b/file") == Data([1]))
  }

  @Test("A folder that others may write to is trusted when it is sticky only")
  func wantsSticky() throws {
    defer { clean() }
    try folder.makeFolder("open", mode: 0o777).makeFolder("inner")
    #expect(throws: UntrustedPlace.self) { _ = try Folder.trusted("\(place)/open/inner", .folders) }
    #expect(throws: UntrustedPlace.self) { _ = try Folder.trusted("\(place)/open", .folders) }
    _ = try Folder.trusted("\(place)/open/inner", .links)
    chmod("\(place)/open", 0o1777)
    _ = try Folder.trusted("\(place)/open/inner", .folders)
  }

  @Test("Folders and links of another user are not trusted", .enabled(if: geteuid() == 0))
  func distrustsOthers() throws {
    defer { clean() }
    try folder.makeFolder("theirs").makeFolder("ours")
    symlink("/etc", "\(place)/link")
    lchown("\(place)/link", 65534, 65534)
    chown("\(place)/theirs", 65534, 65534)
    for path in ["theirs", "theirs/ours"] {
      #expect(throws: UntrustedPlace.self, "\(path)") { _ = try Folder.trusted("\(place)/\(path)", .folders) }
      _ = try Folder.trusted("\(place)/\(path)", .links)
    }
    #expect(throws: UntrustedPlace.self) { _ = try Folder.trusted("\(place)/link", .links) }
    #expect(throws: UntrustedPlace.self) { _ = try FilePlace("\(place)/link/passwd") }
  }

  @Test("Whether something has a name is not said where the system does not know")
  func unknown() throws {
    defer { clean() }
    symlink("/nowhere/x", "\(place)/link")
    #expect(try folder.holds("link") && !folder.holds("none"))
    let error = #expect(throws: SystemError.self) {
      _ = try folder.holds(EntryName(String(repeating: "a", count: 300)))
    }
    #expect(error?.code == ENAMETOOLONG)
  }
}
