import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

/// What every store promises, and every decorator around one. Nothing here knows which it is.
@Suite("The contract of stores")
struct StoreContractTests {
  private let scratch: ScratchFolder

  init() throws {
    scratch = try ScratchFolder()
  }

  private func made(_ subject: StoreUnderTest) throws -> any ObjectStore {
    let store = try subject.make(scratch.path)
    try store.makePlace()
    return store
  }

  /// Bytes that no piece of another length repeats.
  private func noise(_ count: Int) -> [UInt8] {
    var state: UInt64 = 88_172_645_463_325_252
    let words = (0..<count / 8 + 1).map { _ in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
    return words.withUnsafeBytes { Array($0.prefix(count)) }
  }

  // MARK: - One object

  @Test("An object comes back whole and by every range, with its size", arguments: StoreUnderTest.all)
  func roundTrip(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    let name = try objectName("packs/ab/cdef")
    let before = Date()
    try store.put(name, [1, 2, 3, 4, 5])
    #expect(try store.get(name, range: nil) == [1, 2, 3, 4, 5])
    for start in 0...5 {
      for end in start...5 {
        #expect(try store.get(name, range: start..<end) == Array([1, 2, 3, 4, 5][start..<end]))
      }
    }
    let status = try store.status(of: name)
    #expect(status.name == name && status.size == 5)
    #expect(abs(status.received.timeIntervalSince(before)) < 60)
    #expect(try store.get(name, limit: 5) == [1, 2, 3, 4, 5])
    #expect(throws: StorageError.tooLarge(name, location: store.location, size: 5)) { try store.get(name, limit: 4) }
  }

  @Test(
    "A large object comes back byte for byte, and the caller's buffer is its own again",
    arguments: StoreUnderTest.all)
  func large(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    let name = try objectName("packs/large")
    let content = noise(9_000_001)
    var buffer = content
    try buffer.withUnsafeMutableBytes { bytes in
      try store.put(name, UnsafeRawBufferPointer(bytes))
      for position in bytes.indices { bytes[position] = 0 }
    }
    #expect(try store.get(name, range: nil) == content)
    #expect(try store.get(name, range: 4_000_000..<8_500_000) == Array(content[4_000_000..<8_500_000]))
  }

  @Test(
    "Whether what was put stands is told, and what others have put is not taken for it", arguments: StoreUnderTest.all)
  func standing(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    let name = try objectName("logs/a")
    func stands(_ content: [UInt8]) throws -> Bool {
      try content.withUnsafeBytes { try store.stands(name, $0, beginning: 2, cancellation: nil) }
    }
    #expect(throws: StorageError.missing(name, location: store.location)) { try stands([1, 2, 3]) }
    try store.put(name, [1, 2, 3])
    #expect(try stands([1, 2, 3]))
    #expect(try !stands([1, 9, 3]))
    try store.delete(name)
    #expect(throws: StorageError.missing(name, location: store.location)) { try stands([1, 2, 3]) }
  }

  @Test("What is not there is missing, and what ends before the range does is said so", arguments: StoreUnderTest.all)
  func missing(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    let (there, gone) = (try objectName("a/b"), try objectName("a/c"))
    try store.put(there, [1, 2])
    #expect(throws: StorageError.missing(gone, location: store.location)) { try store.get(gone, range: nil) }
    #expect(throws: StorageError.missing(gone, location: store.location)) { try store.get(gone, range: 0..<1) }
    #expect(throws: StorageError.missing(gone, location: store.location)) { try store.status(of: gone) }
    #expect(throws: StorageError.truncated(there, location: store.location)) { try store.get(there, range: 1..<3) }
    #expect(throws: StorageError.truncated(there, location: store.location)) { try store.get(there, range: 7..<8) }
    // What is the folder of others is no object.
    let folder = try objectName("a")
    #expect(throws: StorageError.self) { try store.get(folder, range: nil) }
    #expect(StorageError.missing(gone, location: "").kind == .missing)
  }

  @Test("Nothing is overwritten, and no object is empty", arguments: StoreUnderTest.all)
  func taken(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    let name = try objectName("config")
    try store.put(name, [1])
    for other: [UInt8] in [[2], [1, 1], [1, 2, 3]] {
      let error = #expect(throws: StorageError.exists(name, location: store.location)) { try store.put(name, other) }
      #expect(error?.kind == .exists)
    }
    #expect(try store.get(name, range: nil) == [1])
    let empty = try objectName("empty")
    let error = #expect(throws: StorageError.self) { try store.put(empty, []) }
    #expect(error?.kind == .permanent)
    #expect(throws: StorageError.missing(empty, location: store.location)) { try store.status(of: empty) }
    #expect(try store.list("").map(\.name) == [name])
  }

  @Test("A name that is taken by the same bytes is settled, by others it is an error", arguments: StoreUnderTest.all)
  func settled(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    let name = try objectName("index/x")
    let content = noise(2_500_000)
    func settle(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try store.settle(name, $0) } }
    try settle(content)
    try settle(content)
    var (first, middle, last) = (content, content, content)
    first[0] ^= 1
    middle[1 << 20] ^= 1
    last[content.count - 1] ^= 1
    for other in [first, middle, last, Array(content.dropLast()), content + [0]] {
      let error = #expect(throws: StorageError.occupied(name, location: store.location)) { try settle(other) }
      #expect(error?.kind == .exists)
    }
    #expect(try store.get(name, range: nil) == content)
  }

  @Test(
    "A deleted object is gone, its name is free, and deleting what is not there is no error",
    arguments: StoreUnderTest.all)
  func deleted(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    let name = try objectName("archives/one")
    try store.delete(name)
    try store.put(name, [1])
    try store.delete(name)
    try store.delete(name)
    #expect(throws: StorageError.missing(name, location: store.location)) { try store.status(of: name) }
    #expect(try store.list("").isEmpty)
    try store.put(name, [2])
    #expect(try store.get(name, range: nil) == [2])
  }

  @Test("Every name that there is can be used", arguments: StoreUnderTest.all)
  func names(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    let long = String(repeating: "x", count: 128)
    let paths = ["0", "a.b", "a-b", "a_b", "-", "_", "a..b", "\(long)/\(long)/\(long)", "z/y.tmp-1"]
    for path in paths { try store.put(try objectName(path), Array(path.utf8)) }
    for path in paths { #expect(try store.get(try objectName(path), range: nil) == Array(path.utf8)) }
    #expect(try store.list("").map(\.name.path) == paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
  }

  // MARK: - Lists

  @Test(
    "A list has what was put before, in the order of the names' bytes, of this folder only",
    arguments: StoreUnderTest.all)
  func listed(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    let paths = ["a", "b-c/x", "b.c", "b/1", "b/1-1/x", "b/1.0", "b/2/x", "b0", "ba/x"]
    for path in paths.reversed() { try store.put(try objectName(path), Array(path.utf8)) }
    let ordered = paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    #expect(try store.list("").map(\.name.path) == ordered)
    #expect(try store.list("").map(\.size) == ordered.map(\.utf8.count))
    #expect(try store.list("b").map(\.name.path) == ordered.filter { $0.hasPrefix("b/") })
    #expect(try store.list("b/1-1").map(\.name.path) == ["b/1-1/x"])
    for nothing in ["c", "b/3", "ba/x0"] { #expect(try store.list(nothing).isEmpty) }
    for (number, path) in ordered.enumerated() {
      var rest: [String] = []
      try store.list("", after: try objectName(path), cancellation: nil) { rest += $0.map(\.name.path) }
      #expect(rest == Array(ordered[(number + 1)...]))
    }
  }

  @Test("A long list comes page by page, each object once", arguments: StoreUnderTest.quick)
  func pages(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    let names = try (0..<2100).map { try objectName("packs/\($0 % 7)/\($0)") }
    for name in names { try store.put(name, [1]) }
    var pages: [[ObjectName]] = []
    try store.list("packs", after: nil, cancellation: nil) { pages.append($0.map(\.name)) }
    #expect(pages.flatMap(\.self) == names.sorted())
    #expect(pages.count > 1)
    #expect(pages.allSatisfy { !$0.isEmpty && $0.count <= 1000 })
  }

  @Test(
    "A list while objects come and go ends, and has what was there throughout once", arguments: StoreUnderTest.quick)
  func changing(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    let lasting = try (0..<60).map { try objectName("packs/\($0 % 3)/lasting-\($0)") }
    for name in lasting { try store.put(name, [1]) }
    let isDone = Mutex(false)
    let changer = try TestThread("change") {
      var number = 0
      while !isDone.withLock({ $0 }) {
        number += 1
        guard let name = ObjectName("packs/\(number % 3)/passing-\(number)") else { return }
        try? store.put(name, [2])
        if number % 2 == 0 { try? store.delete(name) }
        if number > 20_000 { return }
      }
    }
    for _ in 0..<20 {
      let listed = try store.list("packs").map(\.name)
      #expect(Set(listed).count == listed.count)
      #expect(Set(listed).isSuperset(of: lasting))
    }
    isDone.withLock { $0 = true }
    try changer.end()
  }

  // MARK: - Many at a time

  @Test(
    "Of many that put one name at the same moment one succeeds, and its bytes are there",
    arguments: StoreUnderTest.all.filter(\.isExclusive))
  func race(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    for round in 0..<20 {
      let name = try objectName("packs/ab/\(round)")
      let winners = Mutex<[UInt8]>([])
      let threads = try (0..<6).map { number in
        try TestThread("put") {
          let bytes = [UInt8](repeating: UInt8(number), count: 1000)
          if (try? store.put(name, bytes)) != nil { winners.withLock { $0.append(UInt8(number)) } }
        }
      }
      for thread in threads { try thread.end() }
      let successful = winners.withLock { $0 }
      #expect(successful.count == 1)
      #expect(try store.get(name, range: nil) == [UInt8](repeating: try #require(successful.first), count: 1000))
    }
  }

  @Test("Puts, gets and deletes of many names at the same time do not meet", arguments: StoreUnderTest.all)
  func beside(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    let failures = Mutex<[String]>([])
    let kept = try subject.losesFolders ? (0..<5).map { try objectName("packs/\($0)/kept") } : []
    for name in kept { try store.put(name, [1]) }
    let threads = try (0..<6).map { number in
      try TestThread("work") {
        do {
          for round in 0..<30 {
            let name = try objectName("packs/\(round % 5)/\(number)-\(round)")
            let bytes = [UInt8](repeating: UInt8(number * 30 + round), count: 100 + round)
            try store.put(name, bytes)
            if try store.get(name, range: nil) != bytes { failures.withLock { $0.append("\(name) differs") } }
            if round % 2 == 0 { try store.delete(name) }
          }
        } catch {
          failures.withLock { $0.append("\(error)") }
        }
      }
    }
    for thread in threads { try thread.end() }
    #expect(failures.withLock { $0 } == [])
    #expect(try store.list("packs").count == 6 * 15 + kept.count)
  }

  // MARK: - Stopping

  @Test("A call whose cancellation has come does nothing and says so", arguments: StoreUnderTest.all)
  func cancelled(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    let (there, new) = (try objectName("a"), try objectName("b"))
    try store.put(there, [1])
    let cancellation = try Cancellation()
    // One that has not come stops nothing.
    #expect(try store.get(there, range: nil, cancellation: cancellation) == [1])
    cancellation.cancel()
    let calls: [() throws -> Void] = [
      { try store.makePlace(cancellation: cancellation) },
      { try store.put(new, [1], cancellation: cancellation) },
      { _ = try store.get(there, range: nil, cancellation: cancellation) },
      { _ = try store.status(of: there, cancellation: cancellation) },
      { _ = try store.list("", cancellation: cancellation) },
      { _ = try store.firstForeignEntry(besides: { _ in false }, cancellation: cancellation) },
      { _ = try store.unlistedEntries(in: "a", depth: 1, cancellation: cancellation) },
      { try store.delete(there, cancellation: cancellation) },
    ]
    for (number, call) in calls.enumerated() {
      let error = #expect(throws: StorageError.cancelled(location: store.location), "call \(number)") { try call() }
      #expect(error?.kind == .cancelled)
    }
    #expect(try store.list("").map(\.name) == [there])
  }

  // MARK: - The place

  @Test("A place is made once, and what is in it is told but for what is expected", arguments: StoreUnderTest.all)
  func place(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    try store.makePlace()
    #expect(try store.firstForeignEntry() == nil)
    try store.put(try objectName("keys/a"), [1])
    let isKey: (String) -> Bool = { $0 == "keys" || $0.hasPrefix("keys/") }
    #expect(try store.firstForeignEntry(besides: isKey) == nil)
    #expect(try store.firstForeignEntry() != nil)
    try store.put(try objectName("letters"), [1])
    #expect(try store.firstForeignEntry(besides: isKey) == "letters")
    #expect(try store.unfinishedPuts().isEmpty)
  }

  @Test("What has an object's place and is none is told, and no object", arguments: StoreUnderTest.all)
  func unlisted(_ subject: StoreUnderTest) throws {
    let store = try made(subject)
    for path in ["pins/a", "logs/b/c", "logs/d", "letters/a"] { try store.put(try objectName(path), [1]) }
    #expect(try store.unlistedEntries(in: "pins", depth: 1).isEmpty)
    #expect(try store.unlistedEntries(in: "logs", depth: 2).isEmpty)
    #expect(try store.unlistedEntries(in: "nowhere", depth: 2).isEmpty)
    // Only of those that keep their objects as files there it is known how to make such a thing.
    guard subject.showsAll, FileManager.default.fileExists(atPath: "\(scratch.path)/pins/a") else { return }
    for folder in ["pins", "logs/b"] {
      let place = "\(scratch.path)/\(folder)"
      _ = FileManager.default.createFile(atPath: "\(place)/empty", contents: nil)
      try FileManager.default.createSymbolicLink(atPath: "\(place)/link", withDestinationPath: "/etc/passwd")
      try FileManager.default.createDirectory(atPath: "\(place)/folder", withIntermediateDirectories: false)
      try #require(mkfifo("\(place)/pipe", 0o600) == 0)
    }
    try FileManager.default.createDirectory(
      atPath: "\(scratch.path)/pins/folder/x", withIntermediateDirectories: false)
    let strange = ["empty", "folder", "link", "pipe"]
    #expect(try store.unlistedEntries(in: "pins", depth: 1).sorted() == strange.map { "pins/\($0)" })
    #expect(try store.unlistedEntries(in: "logs", depth: 2).sorted() == strange.map { "logs/b/\($0)" })
    #expect(try store.unlistedEntries(in: "letters", depth: 1).isEmpty)
  }
}
