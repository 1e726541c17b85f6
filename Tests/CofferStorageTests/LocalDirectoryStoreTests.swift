import CofferSystem
import Foundation
import Synchronization
import Testing

@testable import CofferStorage

@Suite("Local folder as a store")
struct LocalDirectoryStoreTests {
  private let root: String

  init() throws {
    var template = Array("\(NSTemporaryDirectory())/coffer-store-XXXXXX".utf8CString)
    _ = try #require(mkdtemp(&template))
    root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) + "/repository"
  }

  private func name(_ path: String) throws -> ObjectName { try #require(ObjectName(path)) }

  private func everything() -> [String] {
    (FileManager.default.enumerator(atPath: root)?.allObjects as? [String] ?? []).sorted()
  }

  @Test("Objects come back whole and by range, with their sizes, and are listed below their folder")
  func roundTrip() throws {
    let store = LocalDirectoryStore(root: root)
    try store.put(try name("packs/ab/cdef"), [1, 2, 3, 4, 5])
    try store.put(try name("config"), [])
    #expect(try store.get(try name("packs/ab/cdef")) == [1, 2, 3, 4, 5])
    #expect(try store.get(try name("packs/ab/cdef"), range: 1..<3) == [2, 3])
    #expect(try store.get(try name("config")) == [])
    #expect(try store.status(of: try name("packs/ab/cdef")).size == 5)
    #expect(try store.list("packs").map(\.name.path) == ["packs/ab/cdef"])
    #expect(try store.list("").map(\.name.path).sorted() == ["config", "packs/ab/cdef"])
    #expect(try store.list("nothing").isEmpty)
    #expect(everything() == ["config", "packs", "packs/ab", "packs/ab/cdef"])
  }

  @Test("Only the owner may read what is stored")
  func modes() throws {
    try LocalDirectoryStore(root: root).put(try name("packs/ab/cdef"), [1])
    for (path, mode) in [("", 0o700), ("/packs/ab", 0o700), ("/packs/ab/cdef", 0o600)] {
      let attributes = try FileManager.default.attributesOfItem(atPath: root + path)
      #expect(attributes[.posixPermissions] as? Int == mode)
    }
  }

  @Test("An object is never overwritten")
  func createOnly() throws {
    let store = LocalDirectoryStore(root: root)
    try store.put(try name("config"), [1])
    #expect(throws: StorageError.exists(try name("config"), location: root)) { try store.put(try name("config"), [2]) }
    #expect(try store.get(try name("config")) == [1])
    #expect(everything() == ["config"])
  }

  @Test("What is missing, or shorter than asked for, is said so")
  func missing() throws {
    let store = LocalDirectoryStore(root: root)
    #expect(throws: StorageError.missing(try name("a"), location: root)) { try store.get(try name("a")) }
    #expect(throws: StorageError.missing(try name("a"), location: root)) { try store.status(of: try name("a")) }
    try store.put(try name("a"), [1, 2])
    #expect(throws: StorageError.truncated(try name("a"), location: root)) {
      try store.get(try name("a"), range: 1..<4)
    }
    try store.delete(try name("a"))
    try store.delete(try name("a"))
    #expect(try store.list("").isEmpty)
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
        let object = try name("config")
        let error = #expect(throws: StorageError.self) { try store.put(object, [1, 2, 3]) }
        if code == ENOSPC { #expect(error == .full(object, location: store.location)) }
        let left = (try? FileManager.default.contentsOfDirectory(atPath: store.location)) ?? []
        // After the last step, the folder's own sync, the object is there but not known to be durable.
        #expect(left.allSatisfy { !$0.hasPrefix(".tmp-") }, "call \(failing): \(left)")
        if failing < 3 { #expect(left.isEmpty, "call \(failing): \(left)") }
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
