import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

/// What only this store does; what all do is the contract's.
@Suite("Objects at an SFTP server", .enabled(if: SFTPServers.isInstalled, "openssh-sftp-server is not installed"))
struct SFTPStoreTests {
  private let scratch: ScratchFolder
  private var root: String { scratch.path + "/r" }

  init() throws {
    scratch = try ScratchFolder()
  }

  private func name(_ path: String) throws -> ObjectName { try #require(ObjectName(path)) }

  private func everything(_ folder: String) -> [String] {
    (FileManager.default.subpaths(atPath: folder) ?? []).sorted()
  }

  private func mode(_ path: String) -> Int? {
    (try? FileManager.default.attributesOfItem(atPath: path))?[.posixPermissions] as? Int
  }

  @Test("Only making the place makes it, and files and folders are their owner's alone")
  func place() throws {
    let store = SFTPServers.store(root)
    let object = try name("packs/ab/x")
    #expect(throws: StorageError.missing(object, location: store.location)) { try store.put(object, [1]) }
    #expect(try store.firstForeignEntry() == nil)
    #expect(try store.list("").isEmpty)
    #expect(try store.unfinishedPuts().isEmpty)
    #expect(everything(scratch.path) == [])
    try store.makePlace()
    try store.makePlace()
    try store.put(object, [1])
    #expect(everything(root) == ["packs", "packs/ab", "packs/ab/x"])
    #expect(mode(root) == 0o700 && mode(root + "/packs") == 0o700 && mode(root + "/packs/ab") == 0o700)
    #expect(mode(root + "/packs/ab/x") == 0o600)
    // A local store finds the same.
    #expect(try LocalDirectoryStore(root: root).get(object, range: nil) == [1])
    // What is no folder is no place.
    let other = SFTPServers.store(root + "/packs/ab/x")
    #expect(throws: StorageError.self) { try other.makePlace() }
    #expect(try other.firstForeignEntry() == "x")
    let deep = SFTPServers.store(root + "/no/such")
    let error = #expect(throws: StorageError.self) { try deep.makePlace() }
    #expect(error?.diagnosis.suggestion?.contains("the folder above it must be there before") == true)
  }

  @Test("Whether names that are taken are refused is found out with a file that nobody keeps")
  func learning() throws {
    let cases: [(Set<SFTPExtension>, Bool)] = [([], true), ([.link], true), ([.link, .replace], false)]
    for (ignored, refuses) in cases {
      let store = SFTPServers.store(root, ignoring: ignored)
      try store.makePlace()
      #expect(store.abilities.refusesTakenNames == nil)
      for _ in 0..<2 { #expect(try store.learnAbilities(cancellation: nil).refusesTakenNames == refuses) }
      // The removals are waited for by nobody.
      _ = try store.list("")
      #expect(everything(root) == [])
    }
  }

  @Test("A folder that is removed behind the store's back is made again")
  func removedFolder() throws {
    let store = SFTPServers.store(root)
    try store.makePlace()
    try store.put(try name("packs/ab/x"), [1])
    try FileManager.default.removeItem(atPath: root + "/packs")
    try store.put(try name("packs/ab/y"), [2])
    #expect(everything(root) == ["packs", "packs/ab", "packs/ab/y"])
  }

  private static let missing: [Set<SFTPExtension>] = [
    [], [.link], [.link, .replace], [.sync], [.limits], [.room], Set(SFTPExtension.allCases),
  ]

  @Test("Whatever the server lacks, objects are whole and names are given once", arguments: missing)
  private func lacking(_ extensions: Set<SFTPExtension>) throws {
    let remarks = Mutex<[String]>([])
    let store = SFTPServers.store(root, ignoring: extensions) { diagnosis in
      remarks.withLock { $0.append(diagnosis.problem) }
    }
    try store.makePlace()
    let content = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 9) }
    try store.put(try name("packs/ab/1"), content)
    try store.put(try name("packs/ab/2"), [2])
    #expect(throws: StorageError.exists(try name("packs/ab/1"), location: store.location)) {
      try store.put(try name("packs/ab/1"), [9])
    }
    #expect(try store.get(try name("packs/ab/1"), range: nil) == content)
    #expect(everything(root) == ["packs", "packs/ab", "packs/ab/1", "packs/ab/2"])
    try store.delete(try name("packs/ab/1"))
    #expect(everything(root) == ["packs", "packs/ab", "packs/ab/2"])
    let naming = extensions.contains(.link) ? 1 : 0
    #expect(
      remarks.withLock { $0.count } == naming + (extensions.contains(.sync) ? 1 : 0), "\(remarks.withLock { $0 })")
  }

  @Test("Where there are no links the name is reserved: nobody else has it, and nobody takes it away")
  func reserved() throws {
    let object = try name("packs/ab/x")
    for extensions: Set<SFTPExtension> in [[], [.link], [.link, .replace]] {
      let store = SFTPServers.store(root, ignoring: extensions)
      let reserved = StorageError.reserved(object, location: store.location, path: "\(root)/packs/ab/x")
      try store.makePlace()
      try FileManager.default.createDirectory(atPath: root + "/packs/ab", withIntermediateDirectories: true)
      try Data().write(to: URL(fileURLWithPath: root + "/packs/ab/x"))
      #expect(throws: StorageError.exists(object, location: store.location)) { try store.put(object, [1]) }
      #expect(throws: reserved) { try store.status(of: object) }
      #expect(throws: reserved) { try store.get(object, range: nil) }
      #expect(try store.list("").isEmpty)
      let left = try store.unfinishedPuts()
      #expect(left == [UnfinishedPut(path: "packs/ab/x", size: 0, isAbandoned: false)])
      for put in left { try store.remove(put) }
      try store.delete(object)
      #expect(everything(root) == ["packs", "packs/ab", "packs/ab/x"])
      try FileManager.default.removeItem(atPath: root)
    }
  }

  @Test("What a killed put has left is known, and that its writer has ended; a living one's is not taken for left")
  func unfinished() throws {
    let store = SFTPServers.store(root)
    try store.makePlace()
    try store.put(try name("packs/ab/x"), [1])
    let own = try #require(ProcessIdentity.current())
    let dead = ProcessIdentity(boot: own.boot, namespace: own.namespace, process: 1 << 22 - 1, start: "7")
    var expected: [UnfinishedPut] = []
    for (number, identity) in [own, dead].enumerated() {
      let path = "packs/ab/" + TemporaryName(identity, random: UInt64(number)).text
      try Data(count: number).write(to: URL(fileURLWithPath: "\(root)/\(path)"))
      expected.append(UnfinishedPut(path: path, size: number, isAbandoned: identity == dead))
    }
    let found = try store.unfinishedPuts()
    #expect(found.sorted { $0.path < $1.path } == expected.sorted { $0.path < $1.path })
    for put in found where put.isAbandoned {
      try store.remove(put)
      try store.remove(put)
    }
    #expect(try store.unfinishedPuts().count == 1)
    // Nothing else is removed, and nothing outside.
    for path in ["packs/ab/x", "../r/packs/ab/x", "packs/../packs/ab/.tmp-1"] {
      try store.remove(UnfinishedPut(path: path, size: 1, isAbandoned: true))
    }
    #expect(try store.list("").map(\.name.path) == ["packs/ab/x"])
  }

  @Test("What else is in a place is not listed and stops nothing; links and folders are no objects")
  func junk() throws {
    let store = SFTPServers.store(root)
    try store.makePlace()
    try store.put(try name("archives/a"), [1])
    for path in ["archives/Readme.TXT", "archives/deep/er/than/names", "x y/z", "archives/e\u{301}"] {
      let file = "\(root)/\(path)"
      try FileManager.default.createDirectory(
        atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try Data([1]).write(to: URL(fileURLWithPath: file))
    }
    try FileManager.default.createSymbolicLink(
      atPath: root + "/archives/link", withDestinationPath: root + "/archives/a")
    try FileManager.default.createSymbolicLink(atPath: root + "/loop", withDestinationPath: root)
    #expect(try store.list("archives").map(\.name.path) == ["archives/a"])
    #expect(try store.list("").map(\.name.path) == ["archives/a"])
    for path in ["archives/link", "archives/deep"] {
      #expect(throws: StorageError.self) { try store.get(try name(path), range: nil) }
      #expect(throws: StorageError.self) { try store.status(of: try name(path)) }
      #expect(throws: StorageError.self) { try store.delete(try name(path)) }
    }
    #expect(everything(root).contains("archives/link"))
  }

  @Test("A long list of many folders comes in the order of its bytes, wherever it is taken up")
  func longList() throws {
    let store = SFTPServers.store(root, ignoring: [.sync])
    try store.makePlace()
    var paths: [String] = []
    for folder in 0..<200 {
      let folder = "packs/" + (String(folder, radix: 16))
      try FileManager.default.createDirectory(atPath: "\(root)/\(folder)", withIntermediateDirectories: true)
      for number in 0..<(folder == "packs/7" ? 350 : 3) {
        paths.append("\(folder)/\(number)")
        try Data([1]).write(to: URL(fileURLWithPath: "\(root)/\(folder)/\(number)"))
      }
    }
    paths.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    #expect(try store.list("packs").map(\.name.path) == paths)
    for start in [0, 1, 199, 500, paths.count - 1] {
      var rest: [String] = []
      try store.list("packs", after: try name(paths[start]), cancellation: nil) { rest += $0.map(\.name.path) }
      #expect(rest == Array(paths[(start + 1)...]))
    }
  }

  @Test("A folder that may not be written is denied, and says for whom", .enabled(if: geteuid() != 0, "root may all"))
  func denied() throws {
    let store = SFTPServers.store(root)
    try store.makePlace()
    chmod(root, 0o500)
    let error = #expect(throws: StorageError.self) { try store.put(try name("config"), [1]) }
    #expect(error?.kind == .denied)
  }

  @Test("Which refusals are worth another try, and which say that one may not, or that there is no room")
  func kinds() throws {
    let store = SFTPServers.store(root)
    let object = try name("packs")
    let expected: [(SFTPStatus.Code, StorageError.Kind)] = [
      (.noSuchFile, .missing), (.noSuchPath, .missing), (.permissionDenied, .denied), (.writeProtected, .denied),
      (.failure, .permanent), (.badMessage, .permanent), (.noConnection, .transient), (.connectionLost, .transient),
      (.unsupported, .permanent), (.exists, .exists), (.noSpace, .full), (.quotaExceeded, .full),
    ]
    for (code, kind) in expected {
      #expect(store.storageError(.refused(operation: "write", SFTPStatus(code)), object).kind == kind, "\(code)")
    }
    let hostile = store.storageError(.refused(operation: "write", SFTPStatus(.failure, "a\u{1b}[31m\nb")), object)
    #expect(!hostile.description.contains("\u{1b}") && !hostile.description.contains("\n"))
    let rclone = SFTPServers.store(root, behaviour: .init(naming: .rename, failure: .transient))
    #expect(rclone.storageError(.refused(operation: "write", SFTPStatus(.failure)), object).kind == .transient)
  }
}
