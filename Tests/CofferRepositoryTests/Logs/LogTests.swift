import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Logs in the repository")
struct LogTests {
  private let ground: LogGround

  init() throws {
    ground = try LogGround()
  }

  @Test(
    "What a server puts comes back byte for byte, of any size, coded on one thread or several, with any full key, and nothing of it stands in the objects",
    arguments: [1, 3])
  func roundTrip(workers: Int) throws {
    let contents: [UInt64: [UInt8]] = [
      1: [7], 2: noise(1 << 20), 3: LogGround.content(3, size: (1 << 20) + 1), 4: noise(2_500_000, seed: 4),
      5: [UInt8](repeating: 0, count: 3 << 20),
      6: (0..<12).flatMap { LogGround.content(UInt64($0), size: 1 << 20) } + noise(1_500_000, seed: 6),
    ]
    let repository = try ground.open(workers: workers)
    for (number, bytes) in contents { #expect(try ground.put(number, bytes, with: repository)) }
    for (number, bytes) in contents { #expect(try ground.get(number) == bytes, "\(number)") }
    let zeros = try #require(try ground.store.list("logs").first { $0.name.path.contains("0000000000000005-24") })
    #expect(zeros.size < 4000)
    for name in try ground.store.list("logs").map(\.name) {
      let bytes = try ground.store.get(name)
      #expect(Padding.padme(bytes.count) == bytes.count)
      #expect(Data(bytes).range(of: Data(LogGround.server.identity.utf8)) == nil)
      #expect(!name.path.contains(LogGround.server.identity))
    }
    #expect(ground.said.update { $0 } == [])
  }

  @Test("The same bytes again are success and no further object, other bytes an error that changes nothing")
  func again() throws {
    #expect(try ground.put(1))
    let before = try ground.store.list("logs")
    #expect(try !ground.put(1))
    #expect(throws: LogError.conflict(segment: "segment 1", location: "memory")) {
      try ground.put(1, LogGround.content(99))
    }
    #expect(try ground.store.list("logs") == before)
    try ground.expectWhole(1...1)
    // Of another history it is another segment.
    #expect(try ground.put(1, LogGround.content(99), history: 2))
    #expect(try ground.get(1, history: 2) == LogGround.content(99))
    try ground.expectWhole(1...1)
  }

  @Test("A put takes a put and a list of what is joined, and reads nothing")
  func requests() throws {
    let store = WatchedStore(ground.store)
    // What is watched says nothing of itself.
    let repository = try ground.open(GatedStore(store, abilities: ground.store.abilities))
    store.forget()
    try ground.put(1, with: repository)
    #expect(store.calls.map(\.request) == [.put, .list], "\(store.calls)")
    // Where a store may overwrite, it looks before, and behind.
    let careful = try ground.open(store)
    store.forget()
    try ground.put(2, with: careful)
    #expect(store.calls.map(\.request) == [.status, .put, .get, .list], "\(store.calls)")
  }

  @Test("Nothing is asked of the store for a segment before all of it is compressed")
  func compressedFirst() throws {
    struct Unreadable: Error {}
    let store = WatchedStore(ground.store)
    let careful = try ground.open(store)
    store.forget()
    let part = try #require(
      LogPart(
        .segment, at: LogGround.place(1), title: "", origin: LogOrigin(LogGround.server, hostname: "", name: ""),
        size: 3 << 20))
    let content = CompressingLogPart(part, compressionLevel: 3, workers: 2) { start, room in
      guard start < 2 << 20 else { throw Unreadable() }
      room.initializeMemory(as: UInt8.self, repeating: 0)
    }
    #expect(throws: Unreadable.self) { try careful.put(part, content) }
    #expect(store.calls.map(\.request) == [], "\(store.calls)")
  }

  @Test("An answer that is lost is a put that is found done, and nothing is said to be stored that is not")
  func lostAnswers() throws {
    for doesLast in [false, true] {
      let ground = try LogGround()
      var number = 0
      while true {
        // The calls of opening come first.
        let store = StoppingStore(ground.store, after: number, doesLast: doesLast)
        number += 1
        guard let repository = try? ground.open(store) else { continue }
        let isStored = (try? ground.put(1, with: repository)) != nil
        if isStored { #expect(try ground.get(1) == LogGround.content(1)) }
        #expect(try !ground.put(1) || !isStored)
        try ground.expectWhole(1...1)
        for name in try ground.store.list("logs").map(\.name) {
          try ground.store.delete(name, cancellation: nil)
        }
        if !store.hasStopped { break }
      }
      #expect(number > 2)
    }
  }

  @Test("What is missing is told from a gap, by names alone, and across the place where the numbers go over")
  func gaps() throws {
    for number in [0x1_0000_00fe, 0x1_0000_00ff, 0x2_0000_0000, 0x2_0000_0002] as [UInt64] { try ground.put(number) }
    let store = WatchedStore(ground.store)
    let reader = try ground.open(store).logReader(of: LogGround.server, signers: [])
    store.forget()
    let run = try reader.find(history: 1, number: 0x1_0000_00fe, count: 9, title: "it")
    #expect(run.places.map(\.number) == [0x1_0000_00fe, 0x1_0000_00ff, 0x2_0000_0000])
    #expect(throws: LogError.gap(segment: "it", location: "memory")) {
      try reader.find(history: 1, number: 0x2_0000_0001, count: 1, title: "it")
    }
    #expect(throws: LogError.missing(segment: "it", location: "memory")) {
      try reader.find(history: 1, number: 0x2_0000_0003, count: 1, title: "it")
    }
    #expect(throws: LogError.missing(segment: "it", location: "memory")) {
      try reader.find(history: 2, number: 0, count: 1, title: "it")
    }
    #expect(!store.calls.contains { $0.request == .get })
    let streams = try ground.open().logs()
    #expect(streams.count == 1 && streams[0].origin?.name == "main" && streams[0].signer == .full)
    #expect(
      streams[0].stretches.map { [$0.first.number, $0.last.number] }
        == [[0x1_0000_00fe, 0x2_0000_0000], [0x2_0000_0002, 0x2_0000_0002]])
  }

  @Test("Where a store overwrites, what is there is not, and what somebody else has put at once is not called stored")
  func overwriting() throws {
    try ground.put(1)
    let name = try ground.store.list("logs")[0].name
    let bytes = try ground.store.get(name)
    try ground.put(2)
    let second = try #require(try ground.store.list("logs").map(\.name).first { $0 != name })
    let others = try ground.store.get(second)
    let memory = ground.store
    let store = GatedStore(
      memory, abilities: StoreAbilities(kind: "overwriting", refusesTakenNames: false),
      gate: { (request, object, _) throws(StorageError) in
        guard request == .put, let object else { return }
        try memory.delete(object, cancellation: nil)
      })
    #expect(throws: LogError.conflict(segment: "segment 1", location: "memory")) {
      try ground.put(1, LogGround.content(9), with: ground.open(store))
    }
    #expect(try !ground.put(1, with: ground.open(store)))
    #expect(try ground.store.get(name) == bytes)
    // Another server's put comes between this one's and its look.
    try memory.delete(second, cancellation: nil)
    let raced = GatedStore(
      memory, abilities: StoreAbilities(kind: "overwriting", refusesTakenNames: false),
      gate: { (request, object, _) throws(StorageError) in
        guard request == .get, object == second else { return }
        try memory.delete(second, cancellation: nil)
        try memory.put(second, others)
      })
    #expect(throws: LogError.conflict(segment: "segment 2", location: "memory")) {
      try ground.put(2, LogGround.content(9), with: ground.open(raced))
    }
    try ground.expectWhole(1...2)
  }

  @Test("What is missing before the beginning of a later history is a gap, and what is behind that the end")
  func laterHistories() throws {
    try ground.put(1)
    try ground.put(5, history: 2)
    for number in [2, 4] as [UInt64] {
      #expect(throws: LogError.gap(segment: "segment \(number)", location: "memory")) { try ground.get(number) }
    }
    for number in [5, 6] as [UInt64] {
      #expect(throws: LogError.missing(segment: "segment \(number)", location: "memory")) { try ground.get(number) }
    }
  }

  @Test("What is listed and cannot be had is not the end of the log")
  func vanishing() throws {
    try ground.put(1)
    let name = try ground.store.list("logs")[0].name
    let gone = StorageError.missing(name, location: "memory")
    let store = GatedStore(
      ground.store,
      gate: { (request, object, _) throws(StorageError) in
        if request == .get, object == name { throw gone }
      })
    #expect(throws: gone) { try ground.get(1, with: ground.open(store)) }
    let memory = ground.store
    let deleting = GatedStore(
      memory,
      gate: { (request, object, _) throws(StorageError) in
        if request == .get, object == name { try memory.delete(name, cancellation: nil) }
      })
    #expect(throws: gone) { try ground.get(1, with: ground.open(deleting)) }
  }

  @Test("Litter hides nothing: of unknown keys, of another size of segments, and cut off")
  func litter() throws {
    let host = try ground.host("host")
    let id = host.context.keys.id.description
    try ground.put(1, with: host)
    let name = try #require(try ground.names.first)
    // Of a key that nobody knows, which makes no second one of it.
    let unknown = String(id.reversed()) == id ? String(id.dropLast() + "0") : String(id.reversed())
    try ground.store.put(try #require(ObjectName(name.replacing(id, with: unknown))), [1])
    #expect(try ground.get(1) == LogGround.content(1))
    // Segments of another size at the same place, and one with another tag that is cut off.
    try ground.store.put(try #require(ObjectName(name.replacing("0001-24-", with: "0001-20-"))), [1])
    let other = String(name.dropLast(4)) + (name.hasSuffix("0000") ? "0001" : "0000")
    let whole = try ground.store.get(try #require(ObjectName(name)))
    try ground.store.put(try #require(ObjectName(other)), Array(whole.prefix(9)))
    #expect(try ground.get(1) == LogGround.content(1))
    // Whoever names a key has nothing of others.
    let foreign = name.replacing("0001-24-", with: "0007-24-").replacing(id, with: unknown)
    try ground.store.put(try #require(ObjectName(foreign)), [1])
    #expect(throws: LogError.missing(segment: "segment 7", location: "memory")) { try ground.get(7, signers: [id]) }
    #expect(throws: LogError.self) { try ground.get(7) }
  }

  @Test("Servers do not see each other's logs, and what else belongs to a log comes back")
  func others() throws {
    let other = LogServer(system: "postgresql", identity: "7421000000000000002")
    try ground.put(1)
    try ground.put(1, LogGround.content(50), server: other)
    try ground.expectWhole(1...1)
    let history = Array("1\t0/3000000\tno recovery target specified\n".utf8)
    try ground.put(0, history, history: 2, kind: .file("history"))
    #expect(try !ground.put(0, history, history: 2, kind: .file("history")))
    #expect(throws: LogError.self) { try ground.put(0, history + [1], history: 2, kind: .file("history")) }
    try ground.put(1, LogGround.content(8), kind: .file("partial"))
    let reader = try ground.open().logReader(of: LogGround.server, signers: [])
    func file(_ what: String, _ history: UInt32, _ number: UInt64) throws -> [UInt8] {
      var bytes: [UInt8] = []
      try reader.file(what, history: history, number: number, title: what, start: { bytes = [] }, { bytes += $0 })
      return bytes
    }
    #expect(try file("history", 2, 0) == history)
    #expect(try file("partial", 1, 1) == LogGround.content(8))
    #expect(throws: LogError.missing(segment: "history", location: "memory")) { try file("history", 3, 0) }
    #expect(try ground.open().logs().count == 2)
  }

  @Test("A write-only key puts log, finds that it has, and opens none of it")
  func writeOnly() throws {
    let host = try ground.host("host")
    #expect(try ground.put(1, with: host))
    #expect(try !ground.put(1, with: host))
    #expect(throws: LogError.self) { try ground.put(1, LogGround.content(9), with: host) }
    #expect(throws: RepositoryError.self) { try host.logReader(of: LogGround.server, signers: []) }
    #expect(throws: RepositoryError.self) {
      try host.pruneLogs(host.logInventory(), window: 1, archives: [], isDryRun: false, of: { _ in true })
    }
    #expect(try host.logs().map(\.origin?.hostname) == ["db1"])
    try ground.expectWhole(1...1)
  }

  @Test("What there is of logs says what readers believe, and which histories a recovery finds")
  func believed() throws {
    let host = try ground.host("host")
    try ground.put(1, with: host)
    try ground.put(2, history: 3, with: host)
    func counting() throws -> [Bool] { try ground.open().logs().map(\.counts) }
    func reach() throws -> [UInt32] { try ground.open().logs().map(\.reach) }
    #expect(try counting() == [true, true])
    for history: UInt32 in [3, 2] {
      #expect(try reach() == [1, 3])
      try ground.put(0, [1, 2], history: history, kind: .file("history"), with: host)
    }
    #expect(try reach() == [3, 3])
    #expect(try ground.open().logs().allSatisfy { $0.begun > .distantPast && $0.begun <= $0.received })
    // With a second key nobody's counts, nor do their files.
    let other = try ground.host("other")
    try ground.put(3, with: other)
    #expect(try counting() == [false, false, false])
    #expect(try reach().sorted() == [1, 1, 3])
    try ground.put(4)
    #expect(try counting().count { $0 } == 1)
  }

  @Test(
    "A second write-only key takes no name beforehand, and what it signs is not taken for the server's without a word")
  func thief() throws {
    let (host, thief) = (try ground.host("host"), try ground.host("thief"))
    let id = host.context.keys.id.description
    try ground.put(1, with: host)
    // Its own word, and what it makes of the host's next name.
    try ground.put(2, LogGround.content(66), with: thief)
    let name = try #require(try ground.names.first { $0.contains(id) })
    let guessed = name.replacing("0000000000000001-24", with: "0000000000000002-24")
    try ground.store.put(try #require(ObjectName(guessed)), [1, 2, 3])
    try ground.put(2, with: host)
    #expect(throws: LogError.self) { try ground.get(1) }
    #expect(throws: LogError.self) { try ground.get(2) }
    #expect(try ground.get(2, signers: [id]) == LogGround.content(2))
    #expect(try ground.get(1, signers: [String(id.prefix(6))]) == LogGround.content(1))
    // What full keys have put counts for all.
    try ground.put(2)
    #expect(try ground.get(2) == LogGround.content(2))
    // A removed key's log counts when it is named.
    _ = try ground.open().removeKey(thief.context.keys.id.description)
    #expect(try ground.get(1) == LogGround.content(1))
    #expect(throws: RepositoryError.self) { try ground.put(3, with: thief) }
  }

  @Test("Any changed bit, and any that is cut off, is found, and located")
  func damage() throws {
    try ground.put(1)
    let name = try ground.store.list("logs")[0].name
    let whole = try ground.store.get(name)
    func check(_ level: CheckLevel) throws -> [String] {
      try ground.open().check(level, cancellation: try Cancellation()).findings.map(\.object)
    }
    try ground.ground.backUp(["a": [1]])
    #expect(try check(.content) == [])
    for place in stride(from: 0, to: whole.count, by: 7) {
      ground.store.tamper(name) { $0[place] ^= 1 }
      #expect(try check(.content) == [name.path], "\(place)")
      #expect((try? ground.get(1)).map { $0 == LogGround.content(1) } ?? true)
      ground.store.tamper(name) { $0[place] ^= 1 }
    }
    for count in [1, 50, 115, 116, whole.count - 1] {
      ground.store.tamper(name) { $0 = Array(whole.prefix(count)) }
      #expect(try check(.tables) == [name.path], "\(count)")
      #expect(throws: (any Error).self) { try ground.get(1) }
    }
    ground.store.tamper(name) { $0 = whole + [0] }
    #expect(try check(.content) == [name.path])
    ground.store.tamper(name) { $0 = whole }
    // Nor is an object believed under another's name.
    let other = try #require(ObjectName(name.path.replacing("0000000000000001-24", with: "0000000000000002-24")))
    try ground.store.put(other, whole)
    #expect(throws: (any Error).self) { try ground.get(2) }
  }
}
