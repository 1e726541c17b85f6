import CofferHooks
import CofferRepository
import CofferSystem
import TestSupport
import Testing

@testable import CofferActions

@Suite("What has come of an oplog, in slices")
struct ReceivedOplogTests {
  private static let entries = (1...8).map { OplogBuilder.insert($0, 100 + $0, 1) }

  private static func mark(_ entry: OplogBuilder.Entry) throws -> OplogMark {
    var parser = OplogParser()
    entry.bytes.withUnsafeBytes { parser.append($0) }
    return try #require(try parser.next()).entry.mark
  }

  /// What is given away, and what is left at the end.
  private static func slices(
    _ entries: some Sequence<OplogBuilder.Entry>, expecting expected: [OplogMark] = []
  ) throws -> [OplogSlice] {
    var log = ReceivedOplog(expecting: expected)
    var parts: [ReceivedOplog.Part] = []
    for entry in entries { try entry.bytes.withUnsafeBytes { try log.append($0) { parts.append($0) } } }
    if let part = log.takePart() { parts.append(part) }
    #expect(log.takePart() == nil)
    return try parts.map { part in
      let slice = try part.bytes.withUnsafeBytes { try OplogSlice(decoding: $0) }
      #expect(slice.first == part.first && slice.last == part.last)
      return slice
    }
  }

  @Test("A log's first slice has all that came, and a later one the last entry of the one before besides")
  func overlap() throws {
    let first = try Self.slices(Self.entries[..<3])
    #expect(first.map(\.entries) == [Self.entries[..<3].flatMap(\.bytes)])
    let last = try Self.mark(Self.entries[2])
    let second = try Self.slices(Self.entries[2...], expecting: [last])
    #expect(second.map(\.entries) == [Self.entries[2...].flatMap(\.bytes)])
    #expect(second[0].follows(first[0]))
    // Where nothing is new there is no slice.
    #expect(try Self.slices(Self.entries[2..<3], expecting: [last]) == [])
  }

  @Test("Large entries make slices of a bounded size that overlap")
  func large() throws {
    let entries = (1...6).map { OplogBuilder.insert($0, 100, $0, size: 6 << 20) }
    let slices = try Self.slices(entries)
    #expect(slices.count == 5)
    #expect(zip(slices, slices.dropFirst()).allSatisfy { $1.follows($0) })
    #expect(slices.map(\.entries) == zip(entries, entries.dropFirst()).map { $0.bytes + $1.bytes })
    let small = (1...40).map { OplogBuilder.insert($0, 100, $0, size: 1 << 20) }
    #expect(try Self.slices(small).allSatisfy { $0.entries.count <= OplogSlice.size })
  }

  @Test("A slice ends with what any repository has last, so that each goes on with its own")
  func several() throws {
    let expected = try [Self.mark(Self.entries[4]), Self.mark(Self.entries[1])]
    let slices = try Self.slices(Self.entries[1...], expecting: expected)
    #expect(slices.map(\.entries) == [Self.entries[1...4].flatMap(\.bytes), Self.entries[4...].flatMap(\.bytes)])
  }

  @Test("An entry that does not come again is missed at once: thrown away, or another one in its place")
  func missing() throws {
    let last = try Self.mark(Self.entries[2])
    let next = try Self.mark(Self.entries[3])
    #expect(throws: ReceivedOplog.Missing(mark: last, found: next)) {
      try Self.slices(Self.entries[3...], expecting: [last])
    }
    let other = OplogBuilder.insert(99, Self.entries[2].seconds, 1)
    let found = try Self.mark(other)
    #expect(throws: ReceivedOplog.Missing(mark: last, found: found)) {
      try Self.slices([other], expecting: [last])
    }
    // The second repository's is seen to be missing, too.
    let first = try Self.mark(Self.entries[0])
    #expect(throws: ReceivedOplog.Missing(mark: last, found: next)) {
      try Self.slices([Self.entries[0], Self.entries[1], Self.entries[3]], expecting: [first, last])
    }
  }
}
