import CofferHooks
import CofferRepository
import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferActions

@Suite("How far a server's log leads from a base backup")
struct LogRouteTests {
  private static let identifier: UInt64 = 7_421_000_000_000_000_001
  private static let server = LogCluster.server(identifier)
  private static let size = 1 << 24
  private let repository: Repository

  init() throws {
    repository = try Repository.create(
      in: MemoryStore(), options: CreationOptions(packTarget: 1 << 18, passphraseCost: 5),
      passphrase: SecretBytes(passphrase: "correct horse"),
      surroundings: RepositorySurroundings(
        clock: .system, random: .system, keyFolder: NSTemporaryDirectory(), cacheFolder: nil, workers: 2))
  }

  /// - Parameter numbers: Of segments, counted from the log's beginning.
  private func put(_ numbers: ClosedRange<UInt64>, timeline: UInt32 = 1) throws {
    for number in numbers {
      let position = LogSequenceNumber(number << 24)
      try put(
        .segment, position.segmentNumber(exponent: 24), timeline, [UInt8](repeating: UInt8(number % 200), count: 64))
    }
  }

  private func put(history text: String, of timeline: UInt32) throws {
    try put(.file("history"), 0, timeline, Array(text.utf8), exponent: 0)
  }

  private func put(
    _ kind: LogPart.Kind, _ number: UInt64, _ timeline: UInt32, _ bytes: [UInt8], exponent: UInt8 = 24
  ) throws {
    let place = try #require(LogPlace(history: timeline, number: number, exponent: exponent))
    let part = try #require(
      LogPart(
        kind, at: place, title: "part",
        origin: LogOrigin(Self.server, hostname: "db1", name: "main"), size: bytes.count))
    _ = try repository.put(part, bytes, compressionLevel: 1)
  }

  private func route(
    from start: UInt64, endingIn last: UInt64? = nil, timeline: UInt32 = 1, to wanted: RecoveryTimeline = .latest
  ) throws -> LogRoute {
    let base = try #require(
      BaseBackupFacts(
        systemIdentifier: Self.identifier, timeline: timeline, start: LogSequenceNumber(start << 24 | 0x28),
        end: LogSequenceNumber((last ?? start) << 24 | 0x138), segmentSize: Self.size, hasChecksums: true,
        tablespaces: []))
    let reader = try repository.logReader(of: Self.server, signers: [])
    return try LogRoute(from: base, to: wanted, reader, reader.coverage())
  }

  @Test("To the end of the log, over the border of four gigabytes, and to a gap")
  func gaps() throws {
    try put(250...260)
    try put(262...263)
    let route = try route(from: 252)
    #expect(route.lastSegment?.segmentName == "000000010000000100000004")
    #expect(route.end.text == "1/5000000")
    #expect(route.behindGap?.segmentName == "000000010000000100000006")
    let time = try #require(try route.lastTime())
    #expect(time <= Date())
    let whole = try self.route(from: 262)
    #expect(whole.end.text == "1/8000000" && whole.behindGap == nil)
    // The log begins behind the backup, and ends before one.
    let late = try self.route(from: 240)
    #expect(
      late.lastSegment == nil && late.behindGap?.segmentName == "0000000100000000000000FA"
        && late.end.text == "0/F0000138")
    let early = try self.route(from: 300)
    #expect(early.lastSegment == nil && early.behindGap == nil && early.end.text == "1/2C000138")
    #expect(try early.lastTime() == nil)
  }

  @Test("What is missing before the segment in which a base backup ends, it has itself")
  func own() throws {
    try put(3...4)
    try put(6...9)
    let route = try route(from: 2, endingIn: 6)
    #expect(route.leansOnBase && route.behindGap == nil && route.end.text == "0/A000000")
    #expect(try !self.route(from: 3, endingIn: 4).leansOnBase && self.route(from: 6, endingIn: 8).behindGap == nil)
    // It ends in what is missing.
    let gap = try self.route(from: 2, endingIn: 5)
    #expect(gap.behindGap?.segmentName == "000000010000000000000006" && gap.end.text == "0/5000138")
  }

  @Test("Into the segment that a server was still streaming, as far as its pieces are there")
  func pieces() throws {
    try put(1...5)
    for range in [0..<100, 50..<300, 301..<400] {
      try put(.piece(range), 6, 1, [UInt8](repeating: 1, count: range.count))
    }
    let route = try route(from: 2)
    #expect(route.end.text == "0/600012C" && route.lastSegment?.segmentName == "000000010000000000000006")
    let time = try #require(try route.lastTime())
    #expect(route.behindGap == nil && time <= Date())
    try put(7...7)
    #expect(try self.route(from: 2).end.text == "0/6000000")
  }

  @Test("Over timelines: the newest that there is, a named one, the backup's own; and none that does not come from it")
  func timelines() throws {
    try put(1...9)
    // Left in the middle of segment 6, of which the new one has its own.
    try put(6...12, timeline: 2)
    try put(history: "1\t0/6800000\tx\n", of: 2)
    try put(11...14, timeline: 3)
    try put(history: "1\t0/6800000\tx\n2\t0/B000100\ty\n", of: 3)
    #expect(try route(from: 2).history.parts.map(\.timeline) == [1, 2, 3])
    #expect(try route(from: 2).lastSegment?.segmentName == "00000003000000000000000E")
    #expect(try route(from: 2, to: .number(2)).lastSegment?.segmentName == "00000002000000000000000C")
    #expect(try route(from: 2, to: .current).lastSegment?.segmentName == "000000010000000000000009")
    #expect(try route(from: 7, timeline: 2).lastSegment?.segmentName == "00000003000000000000000E")
    #expect(try route(from: 7, timeline: 2, to: .current).lastSegment?.segmentName == "00000002000000000000000C")
    // Timeline 1 was left before this backup of it ended.
    #expect(throws: ClusterRestoreError.offTimeline(3)) { try route(from: 8) }
    #expect(try route(from: 8, to: .current).lastSegment?.segmentName == "000000010000000000000009")
    #expect(throws: ClusterRestoreError.noTimeline(9)) { try route(from: 2, to: .number(9)) }
    try put(history: "nonsense\n", of: 4)
    #expect(throws: ClusterRestoreError.noHistory("00000004.history")) { try route(from: 2) }
  }

  @Test(
    "A moment is read to the microsecond, here or in a zone, and nothing else is one",
    arguments: [
      ("2026-01-31 14:31:07Z", 1_769_869_867_000_000), ("2026-01-31T14:31:07.5+01", 1_769_866_267_500_000),
      ("2026-01-31 14:31-02:30", 1_769_878_860_000_000), ("2026-01-31 14:31:07.000001 +0000", 1_769_869_867_000_001),
      ("2026-01-31", nil), ("2026-01-31Z", nil), ("2026-01-31 14:31:07.+01", nil), ("2026-01-31 14:31.5Z", nil),
      ("2026-01-31 14:31:07+1", nil), ("2026-01-31 14:31:07+99", nil), ("2026-01-31 14:31:07.1234567Z", nil),
      ("2026-01-31 14:31:07x", nil), ("", nil), ("Z", nil), ("2026-02-30 14:31:07Z", nil),
    ] as [(String, Int64?)])
  func moments(text: String, microseconds: Int64?) {
    #expect(RecoveryTime(text)?.microseconds == microseconds)
  }

  @Test("A tablespace's places are told apart at the first sign that is not escaped")
  func mappings() {
    #expect(TablespaceMapping("/a=/b/").map { [$0.old, $0.new] } == ["/a", "/b"])
    #expect(TablespaceMapping("/a\\=b=/c\\=").map { [$0.old, $0.new] } == ["/a=b", "/c="])
    for wrong in ["", "/a", "/a=", "=/b", "a=/b", "/a=b", "/a=/b=/c", "/a\\=/b"] {
      #expect(TablespaceMapping(wrong) == nil, "\(wrong)")
    }
  }
}
