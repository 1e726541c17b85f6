import CofferSystem
import Foundation
import Testing

@testable import CofferStorage

@Suite("What coffer serve lets its clients do")
struct ServeRightsTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
  }

  @Test("Where only adding is allowed, nothing is deleted or replaced, and left-overs stay")
  func appendOnly() throws {
    let full = ServedStore(served: scratch.path)
    let adding = ServedStore(served: scratch.path, ServeRights(isAppendOnly: true))
    let (old, new) = (try objectName("sessions/old"), try objectName("packs/new"))
    try full.put(old, [1])
    try adding.put(new, [2])
    #expect(throws: StorageError.exists(old, location: adding.location)) { try adding.put(old, [3]) }
    for name in [old, new] {
      let error = #expect(throws: StorageError.self) { try adding.delete(name, cancellation: nil) }
      #expect(error?.kind == .denied && error?.description.contains("may only add") == true)
    }
    let leftover = "packs/.tmp-0-1-0-0123456789abcdef"
    try Data([1]).write(to: URL(filePath: "\(scratch.path)/\(leftover)"))
    let put = try #require(try adding.unfinishedPuts(cancellation: nil).first)
    #expect(put.path == leftover && put.size == 1)
    let error = #expect(throws: StorageError.self) { try adding.remove(put, cancellation: nil) }
    #expect(error?.kind == .denied)
    #expect(try adding.list("").map(\.name) == [new, old])
    #expect(try adding.get(old, range: nil) == [1])
    #expect(FileManager.default.fileExists(atPath: "\(scratch.path)/\(leftover)"))
    // Whoever looks at the repository is told.
    #expect(full.abilities.remarks.isEmpty)
    #expect(adding.abilities.remarks.count == 1 && adding.abilities.remarks[0].contains("--append-only"))
    try full.remove(put, cancellation: nil)
    try full.delete(old, cancellation: nil)
    #expect(try full.list("").map(\.name) == [new])
    #expect(!FileManager.default.fileExists(atPath: "\(scratch.path)/\(leftover)"))
  }

  /// A folder tree in which there are ways out of `allowed`.
  private func ground() throws {
    let files = FileManager.default
    for folder in ["allowed/db1", "allowed-too", "secret/db"] {
      try files.createDirectory(atPath: "\(scratch.path)/\(folder)", withIntermediateDirectories: true)
    }
    for (link, target) in [
      ("allowed/out", "../secret"), ("allowed/far", scratch.path), ("door", "allowed"), ("allowed/in", "db1"),
      ("allowed/nowhere", "../secret/new"), ("allowed/loop", "loop"),
    ] {
      try files.createSymbolicLink(atPath: "\(scratch.path)/\(link)", withDestinationPath: target)
    }
  }

  @Test(
    "A restriction is a folder and what is in it, whatever links, dots and names that begin like it say",
    arguments: [
      ("allowed", true), ("allowed/db1", true), ("allowed/new", true), ("allowed//db1/./", true), ("door/db1", true),
      ("allowed/in", true), ("secret/../allowed/db1", true),
      ("allowed-too", false), ("allowed/../secret/db", false), ("allowed/db1/../../secret", false), ("secret", false),
      ("allowed/out", false), ("allowed/out/db", false), ("allowed/far/secret", false), ("allowed/nowhere", false),
      ("allowed/loop", false), ("allowed/new/../../secret", false), ("", false), ("ALLOWED/db1", false),
    ])
  func restricted(path: String, isAllowed: Bool) throws {
    try ground()
    let store = ServedStore(
      served: path.isEmpty ? "/" : "\(scratch.path)/\(path)", ServeRights(folders: ["\(scratch.path)/allowed"]))
    let name = try objectName("config")
    if isAllowed {
      try store.makePlace(cancellation: nil)
      try store.put(name, [1])
      #expect(try store.get(name, range: nil) == [1])
    } else {
      let before = try FileManager.default.subpathsOfDirectory(atPath: scratch.path).sorted()
      #expect(throws: StorageError.self) { try store.makePlace(cancellation: nil) }
      #expect(throws: StorageError.self) { try store.put(name, [1]) }
      #expect(throws: StorageError.self) { try store.get(name, range: nil) }
      #expect(try FileManager.default.subpathsOfDirectory(atPath: scratch.path).sorted() == before)
    }
  }

  @Test("A link that comes into the way after the path was allowed is not followed")
  func exchanged() throws {
    try ground()
    let restrictions = ["\(scratch.path)/allowed"]
    let place = try ServedPlace("\(scratch.path)/allowed/later/db", from: "/", restrictedTo: restrictions)
    try FileManager.default.createSymbolicLink(
      atPath: "\(scratch.path)/allowed/later", withDestinationPath: "../secret")
    #expect(throws: SystemError.self) { try place.place.open() }
    #expect(throws: SystemError.self) { try place.place.make() }
  }

  @Test("A restriction to a folder that is not there yet lets it be made, and not its neighbours")
  func unmade() throws {
    let rights = ServeRights(folders: ["\(scratch.path)/a", "\(scratch.path)/b"])
    for (path, isAllowed) in [("b", true), ("a", true), ("c", false), ("a/../c", false)] {
      let store = ServedStore(served: "\(scratch.path)/\(path)", rights)
      if isAllowed {
        try store.makePlace(cancellation: nil)
        try store.put(try objectName("x"), [1])
      } else {
        #expect(throws: StorageError.self) { try store.makePlace(cancellation: nil) }
      }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).sorted() == ["a", "b"])
  }

  @Test("Beyond its quota a repository has no room, until something is deleted, by whomever")
  func quota() throws {
    let limited = ServedStore(served: scratch.path, ServeRights(quota: 100))
    let free = ServedStore(served: scratch.path)
    let names = try (0..<5).map { try objectName("packs/\($0)") }
    try free.put(names[0], [UInt8](repeating: 1, count: 40))
    try limited.put(names[1], [UInt8](repeating: 1, count: 60))
    let error = #expect(throws: StorageError.full(names[2], location: limited.location)) {
      try limited.put(names[2], [1])
    }
    #expect(error?.kind == .full)
    try free.delete(names[0], cancellation: nil)
    try limited.put(names[2], [UInt8](repeating: 1, count: 40))
    #expect(throws: StorageError.full(names[3], location: limited.location)) { try limited.put(names[3], [1]) }
    try limited.delete(names[2], cancellation: nil)
    try limited.put(names[3], [UInt8](repeating: 1, count: 40))
    // A put that fails for another reason takes no room.
    try limited.delete(names[3], cancellation: nil)
    #expect(throws: StorageError.exists(names[1], location: limited.location)) {
      try limited.put(names[1], [UInt8](repeating: 2, count: 30))
    }
    try limited.put(names[4], [UInt8](repeating: 1, count: 40))
  }

  @Test("What another connection has put counts for a quota, though it was put after the first count")
  func quotaOfTwo() throws {
    let rights = ServeRights(quota: 1000)
    let (one, other) = (ServedStore(served: scratch.path, rights), ServedStore(served: scratch.path, rights))
    try one.put(try objectName("packs/0"), [UInt8](repeating: 1, count: 600))
    try other.put(try objectName("packs/1"), [UInt8](repeating: 1, count: 300))
    let third = try objectName("packs/2")
    #expect(throws: StorageError.full(third, location: one.location)) {
      try one.put(third, [UInt8](repeating: 1, count: 101))
    }
    try one.put(third, [UInt8](repeating: 1, count: 100))
    for store in [one, other] {
      let fourth = try objectName("packs/3")
      #expect(throws: StorageError.full(fourth, location: store.location)) { try store.put(fourth, [1]) }
    }
  }

  @Test("A put that is under way keeps its room, however often what is there is counted")
  func promised() throws {
    let store = LocalDirectoryStore(root: scratch.path)
    let quota = ServeQuota(100, store)
    let cancellation = try Cancellation()
    #expect(try quota.take(60, cancellation))
    for _ in 0..<2 { #expect(try !quota.take(41, cancellation)) }
    #expect(try quota.take(40, cancellation))
    #expect(try !quota.take(1, cancellation))
    quota.settle(40, isStored: false)
    try store.put(try objectName("a"), [UInt8](repeating: 1, count: 60))
    quota.settle(60, isStored: true)
    #expect(try !quota.take(41, cancellation))
    #expect(try !quota.take(.max, cancellation))
    #expect(try quota.take(40, cancellation))
    quota.settle(40, isStored: false)
    try store.delete(try objectName("a"))
    #expect(try quota.take(100, cancellation))
  }

  @Test("Objects that two connections delete at the same time give their room back once")
  func deletedTwice() throws {
    let rights = ServeRights(quota: 100)
    let stores = (0..<4).map { _ in ServedStore(served: scratch.path, rights) }
    for round in 0..<5 {
      let name = try objectName("packs/\(round)")
      try stores[0].put(name, [UInt8](repeating: 1, count: 60))
      let threads = try stores.map { store in
        try WorkerThread(name: "delete") { try? store.delete(name, cancellation: nil) }
      }
      for thread in threads { thread.join() }
      let kept = try objectName("kept/\(round)")
      try stores[0].put(kept, [UInt8](repeating: 1, count: 10))
    }
    let last = try objectName("packs/last")
    #expect(throws: StorageError.full(last, location: stores[0].location)) {
      try stores[0].put(last, [UInt8](repeating: 1, count: 51))
    }
  }

  @Test("With a quota the place is the permitted folder itself: each folder in it would have a quota of its own")
  func quotaBelow() throws {
    try ground()
    let rights = ServeRights(folders: ["\(scratch.path)/allowed/db1", "\(scratch.path)/allowed"], quota: 100)
    let name = try objectName("x")
    for (path, isAllowed) in [
      ("allowed", true), ("allowed/db1", true), ("door/db1", true), ("allowed/db1/1", false), ("allowed/new", false),
    ] {
      let store = ServedStore(served: "\(scratch.path)/\(path)", rights)
      if isAllowed {
        try store.makePlace(cancellation: nil)
        _ = try store.list("")
      } else {
        let error = #expect(throws: StorageError.self) { try store.makePlace(cancellation: nil) }
        #expect(error?.kind == .denied && error?.description.contains("none below it") == true)
        #expect(throws: StorageError.self) { try store.put(name, [1]) }
      }
    }
  }
}
