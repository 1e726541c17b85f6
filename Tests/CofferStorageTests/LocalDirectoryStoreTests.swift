import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferStorage

@Suite("Local folder as a store")
struct LocalDirectoryStoreTests {
  private let scratch: ScratchFolder
  private let root: String

  init() throws {
    scratch = try ScratchFolder()
    root = scratch.path + "/repository"
  }

  private func everyByte(_ path: String, of store: LocalDirectoryStore) throws -> [UInt8] {
    try store.get(try name(path), limit: 1 << 20)
  }

  private func newStore(_ calls: FileCalls = .system) throws -> LocalDirectoryStore {
    let store = LocalDirectoryStore(root: root, calls: calls)
    try store.makePlace()
    return store
  }

  private func name(_ path: String) throws -> ObjectName { try #require(ObjectName(path)) }

  private func everything() -> [String] {
    (FileManager.default.enumerator(atPath: root)?.allObjects as? [String] ?? []).sorted()
  }

  @Test("Objects come back whole and by range, with their sizes, and are listed below their folder")
  func roundTrip() throws {
    let store = try newStore()
    try store.put(try name("packs/ab/cdef"), [1, 2, 3, 4, 5])
    try store.put(try name("config"), [6])
    #expect(try everyByte("packs/ab/cdef", of: store) == [1, 2, 3, 4, 5])
    #expect(try store.get(try name("packs/ab/cdef"), range: 1..<3) == [2, 3])
    #expect(try everyByte("config", of: store) == [6])
    #expect(try store.status(of: try name("packs/ab/cdef")).size == 5)
    #expect(try store.list("packs").map(\.name.path) == ["packs/ab/cdef"])
    #expect(try store.list("").map(\.name.path).sorted() == ["config", "packs/ab/cdef"])
    #expect(try store.list("nothing").isEmpty)
    #expect(everything() == ["config", "packs", "packs/ab", "packs/ab/cdef"])
  }

  @Test("Only the owner may read what is stored")
  func modes() throws {
    try newStore().put(try name("packs/ab/cdef"), [1])
    for (path, mode) in [("", 0o700), ("/packs/ab", 0o700), ("/packs/ab/cdef", 0o600)] {
      let attributes = try FileManager.default.attributesOfItem(atPath: root + path)
      #expect(attributes[.posixPermissions] as? Int == mode)
    }
  }

  @Test("An object is never overwritten")
  func createOnly() throws {
    let store = try newStore()
    try store.put(try name("config"), [1])
    #expect(throws: StorageError.exists(try name("config"), location: root)) { try store.put(try name("config"), [2]) }
    #expect(try everyByte("config", of: store) == [1])
    #expect(everything() == ["config"])
  }

  @Test("What is missing, or shorter than asked for, is said so")
  func missing() throws {
    let store = try newStore()
    #expect(throws: StorageError.missing(try name("a"), location: root)) { try everyByte("a", of: store) }
    #expect(throws: StorageError.missing(try name("a"), location: root)) { try store.status(of: try name("a")) }
    try store.put(try name("a"), [1, 2])
    #expect(throws: StorageError.truncated(try name("a"), location: root)) {
      try store.get(try name("a"), range: 1..<4)
    }
    try store.delete(try name("a"))
    try store.delete(try name("a"))
    #expect(try store.list("").isEmpty)
  }

  @Test("Where a full disk keeps an object from being deleted, the message is of no object that was to be stored")
  func fullWhenDeleting() throws {
    let calls = FileCalls(sync: { _ in
      errno = ENOSPC
      return -1
    })
    let object = try name("packs/ab")
    try LocalDirectoryStore(root: root).makePlace()
    try LocalDirectoryStore(root: root).put(object, [1])
    let error = #expect(throws: StorageError.self) { try LocalDirectoryStore(root: root, calls: calls).delete(object) }
    let said = error?.diagnosis
    #expect(said?.problem.contains("No space left on device") == true, "\(String(describing: error))")
    #expect(said?.problem.contains("to store") == false && said?.suggestion?.contains("Free some space") == true)
  }

  @Test("A write or a sync that fails at any moment leaves no object and no temporary file")
  func failingCalls() throws {
    for failing in 0..<4 {
      for code in [ENOSPC, EIO] {
        let count = Counter()
        let calls = FileCalls(
          write: { number, bytes, size in
            if count.next() == failing {
              errno = code
              return -1
            }
            return write(number, bytes, size)
          },
          sync: { number in
            if count.next() == failing {
              errno = code
              return -1
            }
            return fsync(number)
          })
        let store = LocalDirectoryStore(root: root + "-\(failing)-\(code)", calls: calls)
        try LocalDirectoryStore(root: store.location).makePlace()
        let object = try name("packs/ab")
        let error = #expect(throws: StorageError.self) { try store.put(object, [1, 2, 3]) }
        if code == ENOSPC { #expect(error == .full(object, location: store.location)) }
        let left = try FileManager.default.subpathsOfDirectory(atPath: store.location).filter { $0 != "packs" }
        // Also after the last step, the folder's own sync: the object is not known to be durable.
        #expect(left.isEmpty, "call \(failing): \(left)")
      }
    }
  }

  @Test("Foreign files are noticed before a repository is made there, and temporary ones never listed")
  func foreign() throws {
    let store = LocalDirectoryStore(root: root)
    #expect(try store.firstForeignEntry() == nil)
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    #expect(try store.firstForeignEntry() == nil)
    _ = FileManager.default.createFile(atPath: root + "/.tmp-1", contents: Data([1]))
    #expect(try store.list("").isEmpty)
    #expect(try store.firstForeignEntry() == ".tmp-1")
  }

  @Test("Only what makes the place makes the root: a put into a place that is gone makes nothing")
  func noPlace() throws {
    let store = LocalDirectoryStore(root: root)
    let object = try name("packs/ab/cdef")
    #expect(throws: StorageError.missing(object, location: root)) { try store.put(object, [1]) }
    #expect(!FileManager.default.fileExists(atPath: root))
    #expect(try store.list("").isEmpty)
    #expect(try store.firstForeignEntry() == nil)
    try store.delete(object)
  }

  @Test("The place is held: when another folder takes its path in the middle of a run, nothing goes there")
  func heldRoot() throws {
    let store = try newStore()
    try store.put(try name("packs/ab/one"), [1])
    try FileManager.default.moveItem(atPath: root, toPath: root + "-moved")
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: false)
    try store.put(try name("packs/ab/two"), [2])
    try store.put(try name("index/three"), [3])
    #expect(everything().isEmpty)
    #expect(try store.list("").map(\.name.path).sorted() == ["index/three", "packs/ab/one", "packs/ab/two"])
    let moved = LocalDirectoryStore(root: root + "-moved")
    #expect(try everyByte("packs/ab/two", of: moved) == [2])
  }

  @Test("Links are followed nowhere below the place: neither to folders nor to files")
  func links() throws {
    let store = try newStore()
    let other = root + "-other"
    try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: false)
    try Data([1]).write(to: URL(fileURLWithPath: other + "/x"))
    try FileManager.default.createSymbolicLink(atPath: root + "/packs", withDestinationPath: other)
    try FileManager.default.createSymbolicLink(atPath: root + "/config", withDestinationPath: other + "/x")
    #expect(throws: StorageError.self) { try store.put(try name("packs/y"), [1]) }
    #expect(throws: StorageError.self) { try everyByte("packs/x", of: store) }
    #expect(throws: StorageError.self) { try everyByte("config", of: store) }
    #expect(throws: StorageError.exists(try name("config"), location: root)) { try store.put(try name("config"), [2]) }
    #expect(try store.list("").isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: other) == ["x"])
    #expect(try Data(contentsOf: URL(fileURLWithPath: other + "/x")) == Data([1]))
  }

  @Test("A FIFO or a folder in an object's place is told at once", .timeLimit(.minutes(1)))
  func noFiles() throws {
    let store = try newStore()
    mkfifo(root + "/config", 0o600)
    mkdir(root + "/index", 0o700)
    for path in ["config", "index"] {
      #expect(throws: StorageError.self) { _ = try store.get(try name(path), range: nil) }
    }
  }

  @Test("An object that is larger than its kind is not read")
  func tooLarge() throws {
    let store = try newStore()
    try store.put(try name("config"), [1])
    truncate(root + "/config", 200 << 30)
    #expect(throws: StorageError.tooLarge(try name("config"), location: root, size: 200 << 30)) {
      try store.get(try name("config"), limit: 1 << 16)
    }
    #expect(try store.get(try name("config"), range: 0..<2) == [1, 0])
  }

  private enum Lacking: CaseIterable, CustomTestStringConvertible {
    case links, renames

    var testDescription: String { self == .links ? "no hard links" : "no exclusive renames either" }

    var calls: FileCalls { .with(self == .links ? .renames : .neither) }
  }

  @Test("On a file system without hard links the contract is the same", arguments: Lacking.allCases)
  private func withoutLinks(_ lacking: Lacking) throws {
    let remarks = Mutex<[String]>([])
    let store = LocalDirectoryStore(root: root, calls: lacking.calls) { diagnosis in
      remarks.withLock { $0.append(diagnosis.problem) }
    }
    try store.makePlace()
    for number in 0..<3 { try store.put(try name("packs/ab/\(number)"), [UInt8(number)]) }
    #expect(throws: StorageError.exists(try name("packs/ab/1"), location: root)) {
      try store.put(try name("packs/ab/1"), [9])
    }
    #expect(try everyByte("packs/ab/1", of: store) == [1])
    #expect(everything() == ["packs", "packs/ab", "packs/ab/0", "packs/ab/1", "packs/ab/2"])
    #expect(remarks.withLock { $0.count } == (lacking == .renames ? 1 : 0))
    // Somebody is at it, or was killed: who looks cannot know, however long ago it was.
    try Data().write(to: URL(fileURLWithPath: root + "/config"))
    #expect(throws: StorageError.exists(try name("config"), location: root)) { try store.put(try name("config"), [1]) }
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -86400)], ofItemAtPath: root + "/config")
    #expect(throws: StorageError.exists(try name("config"), location: root)) { try store.put(try name("config"), [1]) }
    try FileManager.default.removeItem(atPath: root + "/config")
    try store.put(try name("config"), [1])
    #expect(try everyByte("config", of: store) == [1])
  }

  @Test("While a name is reserved nothing is to be seen of it, nobody else can have it, and nobody takes it away")
  func reserved() throws {
    let object = try name("packs/ab/x")
    let reserved = StorageError.reserved(object, location: root, path: "\(root)/packs/ab/x")
    let looks = Mutex(0)
    var calls = FileCalls.with(.neither)
    calls.rename = { [root] folder, old, new in
      // The moment between the reservation and the object: what others meet there.
      looks.withLock { $0 += 1 }
      for ability in FileCalls.Ability.allCases {
        let other = LocalDirectoryStore(root: root, calls: .with(ability))
        #expect(throws: reserved) { try other.status(of: object) }
        #expect(throws: reserved) { try other.get(object, range: nil) }
        #expect(throws: reserved) { try other.get(object, range: 0..<1) }
        #expect(throws: Never.self) {
          #expect(try other.list("").isEmpty)
          let unfinished = try other.unfinishedPuts()
          #expect(unfinished.contains(UnfinishedPut(path: "packs/ab/x", size: 0, isAbandoned: false)))
          for put in unfinished where put.path.isSame(as: "packs/ab/x") { try other.remove(put) }
          // It is left: the name would be free for a third while its maker goes on.
          try other.delete(object)
        }
        #expect(throws: StorageError.exists(object, location: root)) { try other.put(object, [9]) }
        #expect(throws: reserved) { try [UInt8]([9]).withUnsafeBytes { try other.settle(object, $0) } }
      }
      return renameat(folder, old, folder, new)
    }
    let store = try newStore(calls)
    try store.put(object, [1, 2])
    #expect(looks.withLock { $0 } == 1)
    #expect(try everyByte("packs/ab/x", of: store) == [1, 2])
    #expect(everything() == ["packs", "packs/ab", "packs/ab/x"])
    #expect(reserved.kind == .missing)
    #expect(reserved.description.contains("remove the empty file \(root)/packs/ab/x"))
  }

  @Test("A put that has reserved its name and then fails gives the name back")
  func reservationGivenBack() throws {
    let object = try name("packs/x")
    var calls = FileCalls.with(.neither)
    calls.rename = { _, _, _ in
      errno = EIO
      return -1
    }
    #expect(throws: StorageError.self) { try newStore(calls).put(object, [1]) }
    #expect(everything() == ["packs"])
    try LocalDirectoryStore(root: root).put(object, [2])
  }

  @Test("A put or a get that is stopped in the middle leaves nothing, and stops")
  func stopped() throws {
    let cancellation = try Cancellation()
    let pieces = Mutex(0)
    var calls = FileCalls.system
    calls.write = { number, bytes, count in
      pieces.withLock { $0 += 1 }
      cancellation.cancel()
      return write(number, bytes, count)
    }
    let store = try newStore(calls)
    let object = try name("packs/x")
    let content = [UInt8](repeating: 7, count: 3 * LocalDirectoryStore.pieceSize)
    #expect(throws: StorageError.cancelled(location: root)) {
      try store.put(object, content, cancellation: cancellation)
    }
    #expect(pieces.withLock { $0 } == 1)
    #expect(everything() == ["packs"])
    // What has to be done is done to its end.
    try store.put(object, content)
    #expect(try store.get(object, range: nil) == content)
  }

  @Test("Which failures of the system are worth another try, and which say that one may not")
  func kinds() {
    let expected: [(Int32, StorageError.Kind)] = [
      (EACCES, .denied), (EPERM, .denied), (EROFS, .denied), (ETIMEDOUT, .transient), (EHOSTUNREACH, .transient),
      (EMFILE, .transient), (EIO, .permanent), (EISDIR, .permanent), (ELOOP, .permanent), (ENAMETOOLONG, .permanent),
    ]
    for (code, kind) in expected {
      let failure = StorageFailure(SystemError(call: "open", subject: "/r", code: code))
      #expect(StorageError.failed(nil, location: "/r", failure).kind == kind, "\(failure.reason)")
    }
    let store = LocalDirectoryStore(root: "/r")
    let name = ObjectName(wellFormed: "packs")
    for (code, kind) in [(ENOSPC, StorageError.Kind.full), (EDQUOT, .full), (EEXIST, .exists), (ENOENT, .missing)] {
      #expect(store.storageError(SystemError(call: "open", subject: "/r", code: code), name).kind == kind)
    }
  }

  @Test("Of many that put one name at the same moment one succeeds", arguments: Lacking.allCases)
  private func race(_ lacking: Lacking) throws {
    let object = try name("packs/ab/x")
    for round in 0..<20 {
      let successes = Mutex<[UInt8]>([])
      let place = "\(root)-\(round)"
      try LocalDirectoryStore(root: place).makePlace()
      let threads = try (0..<4).map { number in
        try WorkerThread(name: "put") {
          let store = LocalDirectoryStore(root: place, calls: lacking.calls)
          let isIn = (try? store.put(object, [UInt8(number)])) != nil
          if isIn { successes.withLock { $0.append(UInt8(number)) } }
        }
      }
      for thread in threads { thread.join() }
      let winners = successes.withLock { $0 }
      #expect(winners.count == 1)
      #expect(try LocalDirectoryStore(root: place).get(object, limit: 9) == winners)
    }
  }

  @Test("What a killed put has left is known, and that its writer has ended; a living one's is not taken for left")
  func unfinished() throws {
    let store = try newStore()
    try store.put(try name("packs/ab/x"), [1])
    let own = try #require(ProcessIdentity.current())
    let dead = ProcessIdentity(boot: own.boot, namespace: own.namespace, process: 1 << 22 - 1, start: "7")
    let elsewhere = ProcessIdentity(boot: "another", namespace: own.namespace, process: 1 << 22 - 1, start: "7")
    var expected: [UnfinishedPut] = []
    for (number, identity) in [own, dead, elsewhere].enumerated() {
      let path = "packs/ab/" + TemporaryName(identity, random: UInt64(number)).text
      try Data(count: number).write(to: URL(fileURLWithPath: "\(root)/\(path)"))
      expected.append(UnfinishedPut(path: path, size: number, isAbandoned: identity == dead))
    }
    try Data().write(to: URL(fileURLWithPath: "\(root)/.tmp-1234"))
    expected.append(UnfinishedPut(path: ".tmp-1234", size: 0, isAbandoned: false))
    let found = try store.unfinishedPuts()
    #expect(found.sorted { $0.path < $1.path } == expected.sorted { $0.path < $1.path })
    #expect(try store.list("").map(\.name.path) == ["packs/ab/x"])
    for put in found where put.isAbandoned { try store.remove(put) }
    #expect(try store.unfinishedPuts().count == 3)
  }

  @Test("What else is in a place is not listed and stops nothing")
  func junk() throws {
    let store = try newStore()
    try store.put(try name("archives/a"), [1])
    for path in ["archives/Readme.TXT", "archives/deep/er/than/names", "x y/z"] {
      let file = "\(root)/\(path)"
      try FileManager.default.createDirectory(
        atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try Data([1]).write(to: URL(fileURLWithPath: file))
    }
    #expect(try store.list("archives").map(\.name.path) == ["archives/a"])
    #expect(try store.list("").map(\.name.path) == ["archives/a"])
  }

  @Test(
    "Names that could leave the repository do not exist",
    arguments: ["", "/a", "a/", "../a", "a/../b", ".tmp", "A", "a b", "a/b/c/d"])
  func names(path: String) {
    #expect(ObjectName(path) == nil)
  }

  private final class Counter: Sendable {
    private let value = Mutex(-1)

    func next() -> Int {
      value.withLock {
        $0 += 1
        return $0
      }
    }
  }
}
