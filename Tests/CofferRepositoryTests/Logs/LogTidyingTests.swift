import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import Testing

@testable import CofferRepository

@Suite("Joining small objects of logs")
struct LogTidyingTests {
  private static let count: UInt64 = 40

  private static func ground(_ numbers: ClosedRange<UInt64> = 1...count) throws -> LogGround {
    let ground = try LogGround()
    for number in numbers { try ground.put(number) }
    return ground
  }

  /// A ground with the same objects.
  private static func copy(_ other: LogGround) throws -> LogGround {
    let copy = try LogGround()
    for status in try copy.store.list("") { try copy.store.delete(status.name, cancellation: nil) }
    for status in try other.store.list("") { try copy.store.put(status.name, try other.store.get(status.name)) }
    return copy
  }

  @Test("Many small objects become one, the log is the same, and a run behind it changes nothing")
  func joins() throws {
    let ground = try Self.ground()
    let report = try ground.compact()
    #expect(report == LogTidyingReport(joinedSegments: 40, joinedObjects: 1, deletedObjects: 40))
    #expect(try ground.names.count == 1)
    try ground.expectWhole(1...Self.count)
    #expect(try ground.compact() == LogTidyingReport())
    // What was joined is stored still: with the same bytes, and with no others.
    #expect(try !ground.put(7))
    #expect(throws: LogError.conflict(segment: "segment 8", location: "memory")) {
      try ground.put(8, LogGround.content(9))
    }
    #expect(throws: LogError.self) { try ground.put(8, LogGround.content(9)) }
    try ground.expectWhole(1...Self.count)
    for number in Self.count + 1...Self.count + 16 { try ground.put(number) }
    try ground.compact()
    // What differs stays, and is said, and counts for nothing.
    #expect(ground.said.update { $0.filter { $0.contains("differ") }.count } == 1, "\(ground.said.update { $0 })")
    #expect(try ground.names("joined").count == 2 && ground.names("segments").count == 1)
    try ground.expectWhole(1...Self.count + 16)
    #expect(try ground.open().logs().map(\.stretches.count) == [1])
    #expect(
      try ground.open().check(.content, cancellation: try Cancellation()).findings.filter { $0.object.contains("logs") }
        == [])
  }

  @Test("What is large, alone or behind a gap is left as it is")
  func leaves() throws {
    let ground = try Self.ground(1...10)
    for number in 12...20 as ClosedRange<UInt64> { try ground.put(number) }
    try ground.put(11, noise(200_000))
    for number in 30...44 as ClosedRange<UInt64> { try ground.put(number) }
    #expect(try ground.compact() == LogTidyingReport())
    #expect(try ground.names.count == 35)
  }

  @Test("What does not stand as it was put is not what segments are deleted for")
  func damagedAtOnce() throws {
    let ground = try Self.ground(1...16)
    let memory = ground.store
    let store = SteppedStore(
      memory,
      after: { call throws(StorageError) in
        guard case .put(let name) = call, name.path.contains("-joined/") else { return }
        memory.tamper(name) { $0[$0.count / 2] ^= 1 }
      })
    let report = try ground.compact(over: store)
    #expect(report.deletedObjects == 0)
    #expect(try ground.names("segments").count == 16)
    #expect(!ground.said.update { $0 }.isEmpty)
  }

  @Test("A name that is no log's object stays, and is said; one with a wrong tag goes, and a check tells of both")
  func names() throws {
    let ground = try Self.ground(1...2)
    let name = try #require(try ground.names.first)
    let wrong = String(name.dropLast(4)) + (name.hasSuffix("0000") ? "0001" : "0000")
    let newer = "logs/newer/thing"
    for name in [wrong, newer] { try ground.store.put(try #require(ObjectName(name)), [1]) }
    _ = try ground.open().check(.tables, cancellation: try Cancellation())
    for name in [wrong, newer] {
      #expect(ground.said.update { $0.contains { $0.contains(name) } }, "\(name)")
    }
    ground.said.update { $0 = [] }
    #expect(try ground.compact().deletedObjects == 1)
    #expect(try ground.names.contains(newer) && !ground.names.contains(wrong))
    #expect(ground.said.update { $0.contains { $0.contains(newer) } })
    try ground.expectWhole(1...2)
  }

  @Test("A write-only key's segments are joined by a full one, go on counting as that key's, and it finds them")
  func writeOnly() throws {
    let ground = try LogGround()
    let host = try ground.host("host")
    for number in 1...20 as ClosedRange<UInt64> { try ground.put(number, with: host) }
    // Litter of another key with the host's name, and names that no full key has given.
    let thief = try ground.host("thief")
    let name = try #require(try ground.names.first).replacing("0000000000000001-24", with: "0000000000000005-24")
    try ground.store.put(try #require(ObjectName(String(name.dropLast(4)) + "abcd")), [1, 2, 3])
    let joined = name.replacing("-segments/", with: "-joined/").replacing(
      "0000000000000005-24", with: "0000000000000009-0000000000000001-24")
    try ground.store.put(try #require(ObjectName(joined)), [1, 2, 3])
    #expect(try !ground.put(7, with: host))
    let report = try ground.compact()
    // The litter is no hindrance, and goes.
    #expect(report == LogTidyingReport(joinedSegments: 20, joinedObjects: 1, deletedObjects: 22))
    #expect(try ground.names.count == 1)
    for number in 1...20 as ClosedRange<UInt64> {
      #expect(try ground.get(number) == LogGround.content(number))
      #expect(try !ground.put(number, with: host))
    }
    #expect(throws: LogError.self) { try ground.put(10, LogGround.content(1), with: host) }
    try ground.put(1, LogGround.content(3), with: thief)
    #expect(throws: LogError.self) { try ground.get(1) }
  }

  @Test("Killed before any of its changes, a run loses nothing, the server goes on, and the next run ends it")
  func killed() throws {
    let ground = try Self.ground(1...20)
    for number in 0...21 {
      let copy = try Self.copy(ground)
      _ = try? copy.compact(over: SteppedStore.stopping(copy.store, beforeChange: number))
      try copy.expectWhole(1...20, "after \(number)")
      #expect(try !copy.put(20) && !copy.put(1))
      #expect(throws: LogError.self) { try copy.put(5, LogGround.content(6)) }
      try copy.put(21)
      try copy.compact()
      try copy.expectWhole(1...21, "and again after \(number)")
      #expect(try copy.names("joined").count == 1)
    }
  }

  @Test("Beside a run, at each of its calls, a server puts, finds and reads its log, and another run ends")
  func beside() throws {
    let ground = try Self.ground(1...18)
    let calls = Count()
    let copy = try Self.copy(ground)
    try copy.compact(over: SteppedStore(copy.store, before: { _ throws(StorageError) in _ = calls.next() }))
    let total = calls.next() - 1
    #expect(total > 40)
    for number in stride(from: 1, through: total, by: 5) {
      let copy = HandedOver(try Self.copy(ground))
      let count = Count()
      let stepped = SteppedStore(
        copy.value.store,
        before: { _ throws(StorageError) in
          guard count.next() == number else { return }
          do {
            try copy.value.expectWhole(1...18, "at \(number)")
            #expect(try !copy.value.put(9))
            #expect(throws: LogError.self) { try copy.value.put(10, LogGround.content(6)) }
            #expect(try copy.value.put(19))
            if number % 3 == 0 { try copy.value.compact() }
          } catch {
            Issue.record("at \(number): \(error)")
          }
        })
      try copy.value.compact(over: stepped)
      try copy.value.expectWhole(1...19, "behind \(number)")
      try copy.value.compact()
      try copy.value.expectWhole(1...19, "behind the next at \(number)")
    }
  }

  @Test("A list that is made while objects are joined shows no gap, and a reader whose object goes finds the other")
  func lists() throws {
    let ground = try Self.ground(1...16)
    // Between the two lists of a reader, and between its lists and its read.
    for isAtList in [true, false] {
      let copy = HandedOver(try Self.copy(ground))
      let opened = Mutex(false)
      let tidied = Count()
      let stepped = SteppedStore(
        copy.value.store,
        before: { call throws(StorageError) in
          let isTheCall =
            switch call {
            case .list(let folder): isAtList && folder.hasSuffix("-joined")
            case .get: !isAtList
            default: false
            }
          guard isTheCall, opened.withLock({ $0 }), tidied.next() == 1 else { return }
          do { try copy.value.compact() } catch { Issue.record("\(error)") }
        })
      let repository = try copy.value.open(stepped)
      opened.withLock { $0 = true }
      #expect(try copy.value.get(4, with: repository) == LogGround.content(4))
      #expect(tidied.next() > 1)
    }
    let copy = HandedOver(try Self.copy(ground))
    let lists = Count()
    let stepped = SteppedStore(
      copy.value.store,
      before: { call throws(StorageError) in
        guard case .list("logs") = call, lists.next() == 2 else { return }
        do { try copy.value.compact() } catch { Issue.record("\(error)") }
      })
    #expect(try copy.value.open(stepped).logs().map(\.stretches.count) == [1])
  }

  /// Counts calls of any thread.
  private final class Count: Sendable {
    private let value = Mutex(0)

    func next() -> Int {
      value.withLock { value in
        value += 1
        return value
      }
    }
  }
}
