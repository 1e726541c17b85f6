import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

@Suite("Pieces of segments that are not full yet")
struct LogPieceTests {
  private let ground: LogGround

  init() throws {
    ground = try LogGround()
  }

  /// Stores bytes of a segment as they would come of a server.
  private func put(_ number: UInt64, _ range: Range<Int>, history: UInt32 = 1, with repository: Repository? = nil)
    throws
  {
    try ground.put(
      number, Array(LogGround.content(number)[range]), history: history, kind: .piece(range), with: repository)
  }

  private func beginning(_ number: UInt64, signers: [String] = []) throws -> [UInt8]? {
    let reader = try ground.open().logReader(of: LogGround.server, signers: signers)
    guard let beginning = try reader.beginning(history: 1, number: number, title: "segment \(number)") else {
      return nil
    }
    var bytes: [UInt8] = []
    try reader.read(beginning, title: "segment \(number)", start: { bytes = [] }, { bytes += $0 })
    #expect(bytes.count == 1 << 24)
    #expect(bytes[beginning.count...].allSatisfy { $0 == 0 })
    return Array(bytes[..<beginning.count])
  }

  private func stream() throws -> LogStream {
    let streams = try ground.open().logs()
    return try #require(streams.first)
  }

  @Test("Names tell which bytes they are, and pieces reach as far as they leave no gap")
  func names() throws {
    #expect(LogPiece.what(0..<1) == "0000000000000001")
    #expect(LogPiece.what(0x12..<0x4000_0000) == "0000001240000000")
    #expect(LogPiece.reach([]) == 0)
    #expect(LogPiece.reach([10..<20, 0..<10]) == 20)
    #expect(LogPiece.reach([0..<10, 11..<20]) == 10)
    #expect(LogPiece.reach([0..<10, 0..<30, 5..<8, 30..<31]) == 31)
    #expect(LogPiece.reach([1..<10]) == 0)
  }

  @Test("What has come of the last segment is given back, with zeros behind it, and is the end of the log")
  func end() throws {
    try ground.put(1)
    #expect(try stream().end == 2 << 24)
    try put(2, 0..<700)
    try put(2, 700..<1500)
    // Bytes that came twice, and some behind a gap.
    try put(2, 600..<900)
    try put(2, 1600..<1700)
    #expect(try beginning(2) == Array(LogGround.content(2)[..<1500]))
    let stream = try stream()
    #expect(stream.tail == LogPiece(place: try LogGround.place(2), range: 0..<1500))
    #expect(stream.end == 2 << 24 + 1500)
    #expect(try stream.first == LogGround.place(1) && stream.last == LogGround.place(2) && stream.gaps.isEmpty)
    #expect(stream.objectCount == 5)
    #expect(throws: LogError.missing(segment: "segment 3", location: "memory")) { try beginning(3) }
  }

  @Test("A piece that is damaged is no segment, and one that something is behind is none either")
  func gaps() throws {
    try put(4, 0..<100)
    try put(5, 0..<200)
    #expect(throws: LogError.gap(segment: "segment 4", location: "memory")) { try beginning(4) }
    #expect(try beginning(5) == Array(LogGround.content(5)[..<200]))
    #expect(throws: LogError.gap(segment: "segment 3", location: "memory")) { try beginning(3) }
    #expect(try stream().tail?.place == LogGround.place(5))
    let name = try #require(try ground.names("files").last.flatMap { ObjectName($0) })
    ground.store.tamper(name) { $0[$0.count / 2] ^= 1 }
    #expect(throws: (any Error).self) { try beginning(5) }
  }

  @Test("Behind a whole segment that is joined with others, the tail is still the end")
  func joined() throws {
    for number in 1...20 as ClosedRange<UInt64> { try ground.put(number) }
    try put(21, 0..<10)
    try ground.compact()
    #expect(try stream().end == 21 << 24 + 10)
    #expect(try stream().stretches.count == 1)
    #expect(try beginning(21) == Array(LogGround.content(21)[..<10]))
    try ground.put(25)
    try put(30, 0..<10)
    let gaps = try stream().gaps.map { [$0.before.number, $0.after.number] }
    #expect(gaps == [[20, 25], [25, 30]])
  }

  @Test("Pieces go when their segment is whole, single or joined, and those that differ stay and are said")
  func tidying() throws {
    try put(1, 0..<700)
    try put(1, 700..<5000)
    #expect(try ground.compact() == LogTidyingReport())
    try ground.put(1)
    #expect(try beginning(1) == nil)
    // Of another server that has the same identity.
    try ground.put(1, noise(50, seed: 9), kind: .piece(0..<50))
    try put(2, 0..<9)
    let report = try ground.compact()
    #expect(report.deletedObjects == 2)
    #expect(try ground.names("files").count == 2)
    #expect(ground.said.update { $0.filter { $0.contains("differ") }.count } == 1, "\(ground.said.update { $0 })")
    for number in 2...20 as ClosedRange<UInt64> { try ground.put(number) }
    try ground.compact()
    try put(7, 0..<90)
    #expect(try ground.compact().deletedObjects == 1)
    try ground.expectWhole(1...20)
  }

  @Test("Pieces go for which a larger one stands, and the beginning of the segment is the same")
  func joinedPieces() throws {
    for start in stride(from: 0, to: 1000, by: 100) { try put(1, start..<start + 100) }
    try put(1, 0..<500)
    try put(1, 450..<600)
    let before = try beginning(1)
    #expect(try ground.open().deletePieces(of: LogGround.place(1), LogGround.server) == 6)
    #expect(try beginning(1) == before && before?.count == 1000)
    #expect(try ground.open().deletePieces(of: LogGround.place(1), LogGround.server) == 0)
    // One that is damaged stands for nothing.
    try put(1, 0..<1000)
    let name = try #require(
      try ground.names("files").first { $0.contains("00000000000003e8") }.flatMap { ObjectName($0) })
    ground.store.tamper(name) { $0[$0.count / 2] ^= 1 }
    #expect(try ground.compact().deletedObjects == 0)
  }

  @Test("Who stores a log takes its own pieces away with a full key, and none with a write-only key")
  func ownPieces() throws {
    let host = try ground.host("one of a host")
    try put(1, 0..<10, with: host)
    try put(1, 0..<20)
    try ground.put(1, with: host)
    #expect(try host.deletePieces(of: LogGround.place(1), LogGround.server) == 0)
    // Only the host has the whole of it.
    #expect(try ground.open().deletePieces(of: LogGround.place(1), LogGround.server) == 0)
    try ground.put(1)
    #expect(try ground.open().deletePieces(of: LogGround.place(1), LogGround.server) == 1)
    #expect(try ground.names("files").count == 1)
    #expect(
      try host.ownLogs(of: LogGround.server).map(\.signer) != ground.open().ownLogs(of: LogGround.server).map(\.signer))
    #expect(try ground.compact().deletedObjects == 1)
  }

  @Test("A segment with something behind it is given as far as it goes where the log is to end at a gap")
  func endAtGap() throws {
    func beginning(_ number: UInt64) throws -> Int? {
      try ground.open().logReader(of: LogGround.server, signers: [])
        .beginning(history: 1, number: number, title: "it", endsAtGap: true)?.count
    }
    try put(2, 0..<100)
    try put(3, 0..<50)
    #expect(try beginning(2) == 100)
    try ground.put(5)
    #expect(try beginning(2) == 100 && beginning(3) == 50)
    #expect(throws: LogError.gap(segment: "segment 2", location: "memory")) { try self.beginning(2) }
    #expect(throws: LogError.missing(segment: "it", location: "memory")) { try beginning(4) }
  }

  @Test("Pieces that go while they are read, for a larger one or the whole segment, are no end of the log")
  func replaced() throws {
    for start in stride(from: 0, to: 900, by: 100) { try put(1, start..<start + 100) }
    func read(_ change: () throws -> Void) throws -> [UInt8] {
      let reader = try ground.open().logReader(of: LogGround.server, signers: [])
      let beginning = try #require(try reader.beginning(history: 1, number: 1, title: "it"))
      try change()
      var bytes: [UInt8] = []
      try reader.read(beginning, title: "it", start: { bytes = [] }, { bytes += $0 })
      return bytes
    }
    let padded = try read {
      try put(1, 0..<1000)
      #expect(try ground.open().deletePieces(of: LogGround.place(1), LogGround.server) == 9)
    }
    #expect(padded.count == 1 << 24 && padded.prefix(1000).elementsEqual(LogGround.content(1).prefix(1000)))
    #expect(padded.dropFirst(1000).allSatisfy { $0 == 0 })
    let whole = try read {
      try ground.put(1)
      #expect(try ground.compact().deletedObjects == 1)
    }
    #expect(whole == LogGround.content(1))
    // What has gone without anything in its place is an error, and no end.
    try put(2, 0..<10)
    let reader = try ground.open().logReader(of: LogGround.server, signers: [])
    let beginning = try #require(try reader.beginning(history: 1, number: 2, title: "it"))
    for name in try ground.names("files") { try ground.store.delete(try #require(ObjectName(name)), cancellation: nil) }
    #expect(throws: StorageError.self) { try reader.read(beginning, title: "it", start: {}, { _ in }) }
  }

  @Test("A key that is named is all that counts: another's pieces are not even an end that is undecided")
  func named() throws {
    let host = try ground.host("one of a host")
    let other = try ground.host("one of another")
    try ground.put(1, with: host)
    try put(5, 0..<10, with: other)
    let id = host.context.keys.id.description
    #expect(throws: LogError.missing(segment: "segment 2", location: "memory")) { try beginning(2, signers: [id]) }
  }

  @Test("Names that somebody else has made with a write-only key's id are not what that has put")
  func forged() throws {
    let host = try ground.host("one of a host")
    for number in 1...20 as ClosedRange<UInt64> { try ground.put(number, with: host) }
    func end() throws -> UInt64? {
      let streams = try host.ownLogs(of: LogGround.server)
      #expect(streams.count == 1)
      return streams.first?.end
    }
    let name = try #require(try ground.names("segments").last)
    for (kind, place) in [
      ("segments", "0000000000000019-24"), ("joined", "0000000000000029-0000000000000019-24"),
      ("files", "0000000000000039-24-0000000000000007"),
    ] {
      let forged = name.replacing("-segments/", with: "-\(kind)/").replacing("0000000000000014-24", with: place)
      #expect(forged != name)
      try ground.store.put(try #require(ObjectName(forged)), try ground.store.get(try #require(ObjectName(name))))
      #expect(try end() == 21 << 24, "\(kind)")
    }
    try ground.compact()
    #expect(try ground.names("joined").count == 1)
    #expect(try end() == 21 << 24)
    try put(21, 0..<10, with: host)
    #expect(try end() == 21 << 24 + 10)
  }

  @Test("A thief's pieces count for nothing where full keys have put the log")
  func signers() throws {
    let host = try ground.host("one of a host")
    let other = try ground.host("one of another")
    try put(1, 0..<10, with: host)
    #expect(try beginning(1) == Array(LogGround.content(1)[..<10]))
    try put(1, 10..<30, with: other)
    #expect(throws: LogError.self) { try beginning(1) }
    try put(1, 0..<5)
    #expect(try beginning(1) == Array(LogGround.content(1)[..<5]))
  }
}
