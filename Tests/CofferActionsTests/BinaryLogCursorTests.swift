import CofferHooks
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferActions
@testable import CofferRepository

@Suite("Where a binary log goes on, and what is stored of it")
struct BinaryLogCursorTests {
  private static let server = LogServer(system: "mariadb", identity: "db1/main")

  private static func reach(_ file: String, _ end: UInt64, isWhole: Bool = false) -> BinaryLogReach {
    BinaryLogReach(file: file, end: end, isWhole: isWhole, time: 1, created: 5, serverID: 7, gtid: "0-7-1")
  }

  private static func cursor(_ reach: BinaryLogReach?, last: UInt64 = 9, history: UInt32 = 2) throws -> BinaryLogCursor
  {
    let places = try [1, last].map { try #require(LogPlace(history: history, number: $0, exponent: 0)) }
    var stream = LogStream(
      origin: LogOrigin(server, hostname: "db1", name: "main"), server: "00", signer: .full, history: history,
      exponent: 0, stretches: [(places[0], places[1])], objectCount: 1, tail: nil, storedSize: 1, received: .distantPast
    )
    stream.binaryReach = reach
    return BinaryLogCursor([stream])
  }

  private static func files(_ all: [(String, UInt64)]) throws -> [BinaryLogServer.File] {
    try all.map { BinaryLogServer.File(name: try #require(BinaryLogFileName($0.0)), size: $0.1) }
  }

  @Test("The log goes on behind the last slice, in the same file or in the one behind it")
  func next() throws {
    let files = try Self.files([("b.000003", 500), ("b.000004", 600)])
    func next(_ reach: BinaryLogReach) throws -> (String, UInt64)? {
      try Self.cursor(reach).next(in: files, of: "here").map { ($0.file.text, $0.position) }
    }
    #expect(try #require(try next(Self.reach("b.000004", 300))) == ("b.000004", 300))
    #expect(try #require(try next(Self.reach("b.000003", 500, isWhole: true))) == ("b.000003", 500))
    #expect(try #require(try next(Self.reach("b.000002", 77, isWhole: true))) == ("b.000003", 4))
    #expect(try BinaryLogCursor([]).next(in: files, of: "here") == nil)
    // Behind 4 GiB no server can be asked to go on, but the file may have ended there.
    let large = try Self.files([("b.000003", 5 << 30), ("b.000004", 600)])
    let behind = try Self.cursor(Self.reach("b.000003", 5 << 30, isWhole: true)).next(in: large, of: "here")
    #expect(behind?.file.text == "b.000004" && behind?.position == 4)
    // A number that the server has left out leads to the file behind it, when nothing is missing before.
    let skipping = try Self.files([("b.000003", 500), ("b.000007", 600)])
    for (reach, place) in [
      (Self.reach("b.000003", 500, isWhole: true), ("b.000007", 4)), (Self.reach("b.000003", 500), ("b.000003", 500)),
      (Self.reach("b.000003", 400, isWhole: true), ("b.000003", 400)),
    ] as [(BinaryLogReach, (String, UInt64))] {
      let point = try #require(try Self.cursor(reach).next(in: skipping, of: "here"))
      #expect((point.file.text, point.position) == place)
    }
    #expect(throws: BinaryLogGap.tooFar(place: "here", file: "b.000003")) {
      try Self.cursor(Self.reach("b.000003", 5 << 30)).next(in: large, of: "here")
    }
    let cursor = try Self.cursor(Self.reach("b.000004", 300))
    #expect(cursor.history == 2 && cursor.number == 10)
  }

  @Test("What the server has deleted, or has begun anew, is a gap, and leaving it begins the next history")
  func gaps() throws {
    let files = try Self.files([("b.000003", 500), ("b.000004", 600)])
    func gap(_ reach: BinaryLogReach) throws -> String {
      do {
        _ = try Self.cursor(reach).next(in: files, of: "here")
        return ""
      } catch let gap as BinaryLogGap {
        #expect(gap.diagnosis.suggestion?.contains("--leave-gap") == true)
        return gap.diagnosis.problem
      }
    }
    #expect(try gap(Self.reach("b.000002", 77)).contains("has deleted"))
    #expect(try gap(Self.reach("b.000001", 77, isWhole: true)).contains("has deleted"))
    #expect(try gap(Self.reach("b.000004", 601)).contains("601 bytes of it are stored, and the server's has 600"))
    #expect(try gap(Self.reach("b.000005", 4)).contains("newest is b.000004"))
    #expect(try gap(Self.reach("other.000004", 4)).contains("no files that are called so"))
    #expect(try gap(Self.reach("b.000004", 1)) == "")
    var cursor = try Self.cursor(Self.reach("b.000009", 77))
    cursor.leaveGap()
    #expect(cursor.history == 3 && cursor.number == 1 && cursor.reach == nil && cursor.isBehindGap)
    // What is stored, and cannot be read, leads nowhere.
    let lost = try Self.cursor(nil)
    #expect(lost.history == 3 && lost.number == 1 && lost.isBehindGap)
    #expect(try Self.cursor(nil, history: .max).history == .max)
    let absurd = try Self.cursor(Self.reach("b.000004", 3))
    #expect(absurd.isBehindGap)
    // What another key has begun is nobody else's.
    #expect(BinaryLogCursor([]).history == 1 && BinaryLogCursor([], taken: 4).history == 5)
    #expect(BinaryLogCursor([], taken: .max).history == .max)
    var beside = BinaryLogCursor([], taken: 4)
    beside.leaveGap()
    #expect(beside.history == 6)
  }

  @Test("A server that is away is waited for, and what nobody knows to pass by itself only for a while")
  func failures() {
    func failed(_ line: String) -> BinaryLogError { .failed(place: "here", program: "mariadb-binlog", lines: [line]) }
    var failures = UnknownFailures()
    func areTooMany(_ error: BinaryLogError, hasStreamed: Bool = false) -> Bool {
      failures.areTooMany(with: error, hasStreamed: hasStreamed)
    }
    for _ in 1...1000 {
      for error in [
        failed("ERROR 2002 (HY000): Can't connect to server on 'db1'"), .lost(place: "here", "it does not answer"),
      ] {
        #expect(!areTooMany(error))
      }
    }
    let strange = failed("ERROR: Log event checksum is wrong")
    for _ in 1..<UnknownFailures.limit { #expect(!areTooMany(strange)) }
    // It has come further meanwhile.
    #expect(!areTooMany(strange, hasStreamed: true))
    for number in 1...UnknownFailures.limit { #expect(areTooMany(strange) == (number == UnknownFailures.limit)) }
  }

  @Test("A repository that has more than others is given nothing twice")
  func several() throws {
    var cursor = try Self.cursor(Self.reach("b.000004", 300))
    #expect(cursor.has(Self.reach("b.000003", 900)) && cursor.has(Self.reach("b.000004", 300)))
    #expect(!cursor.has(Self.reach("b.000004", 301)) && !cursor.has(Self.reach("b.000005", 4)))
    cursor.advance(to: Self.reach("b.000004", 301))
    #expect(cursor.number == 11 && cursor.has(Self.reach("b.000004", 301)))
    #expect(!BinaryLogCursor([]).has(Self.reach("b.000001", 4)))
  }

  // MARK: - What has come

  private static func file() -> BinaryLogBuilder {
    var file = BinaryLogBuilder(begun: 5)
    file.addGTIDList([(0, 7, 1)])
    for number in 2...6 {
      file.addGTID(UInt64(number))
      file.add(2, [UInt8](repeating: UInt8(number), count: 100), time: BinaryLogBuilder.time + UInt32(number))
    }
    return file
  }

  private static func received(
    cuts: Set<UInt64> = [], expecting: [ReceivedBinaryLog.Expectation] = []
  ) throws -> ReceivedBinaryLog {
    ReceivedBinaryLog(
      try #require(BinaryLogFileName("b.000001")), from: 4, gtids: GTIDPosition(), cuts: cuts, expecting: expecting)
  }

  private static func slice(_ part: ReceivedBinaryLog.Part) throws -> BinaryLogSlice {
    try part.bytes.withUnsafeBytes { try BinaryLogSlice(decoding: $0) }
  }

  @Test("Slices end where they are told to, and where another repository goes on; together they are the file")
  func slices() throws {
    let file = Self.file()
    var log = try Self.received(cuts: [file.ends[3]])
    var parts: [ReceivedBinaryLog.Part] = []
    let half = Int(file.ends[5]) + 30
    try file.bytes[..<half].withUnsafeBytes { try log.append($0) { parts.append($0) } }
    #expect(parts.map(\.reach.end) == [file.ends[3]] && !log.isAtBoundary)
    parts += [log.takePart()].compactMap(\.self)
    let rest = log.takePart()
    #expect(rest == nil)
    try file.bytes[half...].withUnsafeBytes { try log.append($0) { parts.append($0) } }
    parts += [log.takePart()].compactMap(\.self)
    let slices = try parts.map(Self.slice)
    #expect(slices.map(\.range.upperBound) == [file.ends[3], file.ends[5], UInt64(file.bytes.count)])
    #expect(slices.flatMap(\.events) == Array(file.bytes.dropFirst(4)))
    #expect(slices.map(\.gtid) == ["", "0-7-2", "0-7-3"] && parts.map(\.reach.gtid) == ["0-7-2", "0-7-3", "0-7-6"])
    #expect(zip(slices.dropFirst(), slices).allSatisfy { $0.follows($1) })
    #expect(slices[2].times == (BinaryLogBuilder.time, BinaryLogBuilder.time + 6))
    #expect(parts.allSatisfy { $0.reach.created == 5 && $0.reach.serverID == 7 && !$0.reach.isWhole })
  }

  @Test("Another file, or another log before it, is seen before anything of it is stored")
  func expectations() throws {
    let file = Self.file()
    func isRight(_ expectations: ReceivedBinaryLog.Expectation..., of another: BinaryLogBuilder? = nil) throws -> Bool {
      var log = try Self.received(expecting: expectations)
      var count = 0
      do {
        try (another ?? file).bytes.withUnsafeBytes { try log.append($0) { _ in count += 1 } }
        return true
      } catch is ReceivedBinaryLog.Mismatch {
        // Nor is anything kept that could be stored when the receiver ends.
        let rest = log.takePart()
        #expect(count == 0 && rest == nil)
        return false
      }
    }
    #expect(try isRight(.begun(5, serverID: 7)))
    #expect(try !isRight(.begun(6, serverID: 7)))
    #expect(try !isRight(.begun(5, serverID: 8)))
    #expect(try isRight(.gtid("0-7-1")))
    #expect(try !isRight(.gtid("0-7-2")))
    #expect(try !isRight(.gtid("")))
    // Each of several repositories has something to say.
    #expect(try isRight(.begun(5, serverID: 7), .begun(5, serverID: 7), .gtid("0-7-1"), .gtid("0-7-1")))
    #expect(try !isRight(.begun(5, serverID: 7), .begun(6, serverID: 7)))
    #expect(try !isRight(.begun(5, serverID: 7), .gtid("0-7-2")))
    #expect(try !isRight(.gtid("0-7-1"), .gtid("0-7-2")))
    // A log that does not say its position is another one.
    var other = BinaryLogBuilder(begun: 5)
    other.add(2, [1, 2, 3])
    #expect(try !isRight(.gtid("0-7-1"), of: other))
  }

  @Test("What may be of another log is not given away when the connection breaks off")
  func uncertain() throws {
    let file = Self.file()
    var log = try Self.received(expecting: [.gtid("0-7-1")])
    let (format, list) = (Int(file.ends[0]), Int(file.ends[1]))
    try file.bytes[..<format].withUnsafeBytes { try log.append($0) { _ in } }
    let early = log.takePart()
    #expect(early == nil)
    try file.bytes[format..<list].withUnsafeBytes { try log.append($0) { _ in } }
    let part = log.takePart()
    #expect(part?.start == 4 && part?.reach.end == file.ends[1])
  }

  @Test("Many events make slices of 16 MiB, and one that is larger is a slice of its own")
  func large() throws {
    var file = BinaryLogBuilder()
    for _ in 1...5 { file.add(2, [UInt8](repeating: 1, count: 6 << 20)) }
    file.add(2, [UInt8](repeating: 1, count: 20 << 20))
    file.add(3, [])
    var log = try Self.received()
    var sizes: [Int] = []
    try file.bytes.withUnsafeBytes { bytes in
      for start in stride(from: 0, to: bytes.count, by: 1 << 20) {
        try log.append(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + 1 << 20, bytes.count)])) {
          sizes.append(try Self.slice($0).events.count >> 20)
        }
      }
    }
    #expect(sizes == [12, 12, 6, 20])
    let part = log.takePart()
    let last = try #require(part)
    #expect(last.reach.isWhole && last.reach.end == UInt64(file.bytes.count))
  }
}
