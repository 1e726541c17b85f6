import CofferMonitoring
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferActions
@testable import CofferHooks
@testable import CofferRepository

@Suite("How far logs reach, and where they go on")
struct LogStatusTests {
  private static let server = LogServer(system: "postgresql", identity: "7")
  private static let now = Date(timeIntervalSince1970: 1_800_000_000)

  private static func place(_ number: UInt64, history: UInt32 = 1) throws -> LogPlace {
    try #require(LogPlace(history: history, number: number, exponent: 24))
  }

  /// A log of segments from the first to the last, and so many bytes of the one behind.
  private static func stream(
    _ first: UInt64, _ last: UInt64, tail: Int = 0, history: UInt32 = 1, host: String = "db1", age: Double = 60
  ) throws -> LogStream {
    let received = now.addingTimeInterval(-age)
    return LogStream(
      origin: LogOrigin(server, hostname: host, name: "main"), server: "00", signer: .full, history: history,
      exponent: 24, stretches: [(try place(first, history: history), try place(last, history: history))],
      objectCount: 1, tail: tail > 0 ? LogPiece(place: try place(last + 1, history: history), range: 0..<tail) : nil,
      storedSize: 1, received: received, begun: received)
  }

  private static func named(limit: Double?) -> LogCluster.Named {
    LogCluster.Named(name: "main", hostname: "db1", limit: limit)
  }

  @Test(
    "The newest point is that of the latest timeline, and what is too old, or not there, is a problem where it is asked for"
  )
  func newest() throws {
    let streams = [
      try Self.stream(1, 9, age: 900), try Self.stream(9, 10, tail: 77, history: 2, age: 120),
      try Self.stream(1, 99, history: 3, host: "db2", age: 1),
    ]
    let status = try #require(LogStatus(Self.named(limit: 600), streams, now: Self.now))
    #expect(
      status.newest
        == LogStatus.Newest(
          timeline: 2, end: LogSequenceNumber(11 << 24 + 77), received: Self.now.addingTimeInterval(-120), age: 120))
    #expect(status.problem == nil)
    let late = try #require(LogStatus(Self.named(limit: 60), streams, now: Self.now))
    #expect(late.problem?.contains("more than") == true)
    #expect(StatusText.log(late).hasSuffix("OVERDUE") && StatusText.log(late).contains("0/B00004D of timeline 2"))
    let missing = try #require(LogStatus(Self.named(limit: 60), [], now: Self.now))
    #expect(missing.problem == "There is no log of it" && missing.newest == nil)
    #expect(LogStatus(Self.named(limit: nil), [], now: Self.now) == nil)
    #expect(LogStatus(Self.named(limit: nil), streams, now: Self.now)?.problem == nil)
  }

  @Test("A binary log that is old counts as new where the server has nothing more, which is asked only then")
  func idle() throws {
    let server = LogServer(system: "mariadb", identity: "db1/main")
    let places = try [1, 9].map { try #require(LogPlace(history: 1, number: $0, exponent: 0)) }
    var stream = LogStream(
      origin: LogOrigin(server, hostname: "db1", name: "main"), server: "00", signer: .full, history: 1, exponent: 0,
      stretches: [(places[0], places[1])], objectCount: 1, tail: nil, storedSize: 1,
      received: Self.now.addingTimeInterval(-900))
    let reach = BinaryLogReach(
      file: "b.000003", end: 500, isWhole: false, time: 1, created: 5, serverID: 7, gtid: nil)
    stream.binaryReach = reach
    func problem(limit: Double, hasAll: Bool) -> (String?, asked: Int) {
      var asked = 0
      let named = LogCluster.Named(system: "mariadb", name: "main", hostname: "db1", limit: limit)
      let status = LogStatus(named, [stream], now: Self.now) {
        #expect($0 == reach)
        asked += 1
        return hasAll
      }
      return (status?.problem, asked)
    }
    for (limit, hasAll, isLate, count) in [(600.0, true, false, 1), (600, false, true, 1), (1000, false, false, 0)] {
      let (text, asked) = problem(limit: limit, hasAll: hasAll)
      #expect((text?.contains("more than") ?? false) == isLate)
      #expect(asked == count)
    }
  }

  @Test("What no restore believes makes no log look new, and what keeps a restore from the end of the log is told")
  func believed() throws {
    func status(_ streams: [LogStream], limit: Double? = 600, needs: [LogNeed] = []) throws -> LogStatus {
      try #require(LogStatus(Self.named(limit: limit), streams, needs: needs, now: Self.now))
    }
    var dead = try Self.stream(1, 9, age: 5000)
    var strange = try Self.stream(1, 50, age: 1)
    strange.counts = false
    let late = try status([dead, strange])
    #expect(late.newest?.age == 5000 && late.problem?.contains("more than") == true)
    #expect(late.remarks.count == 1 && late.remarks[0].contains("--signer"))
    #expect(StatusText.log(late).contains("--signer"))
    dead.counts = false
    let nobody = try status([dead, strange])
    #expect(nobody.newest == nil && nobody.problem == "There is no log of it that counts without --signer")
    #expect(StatusText.log(nobody).hasPrefix("No log of main (db1) that counts; "))
    dead.counts = true

    // A timeline that no restore finds.
    let lost = try Self.stream(5, 60, history: 3, age: 1)
    dead.reach = 2
    let unfound = try status([dead, lost])
    #expect(unfound.newest?.timeline == 1 && unfound.problem?.contains("more than") == true)
    #expect(unfound.remarks.contains { $0.contains("00000003.history") })
    // From a base backup of its own it is found.
    let own = LogNeed(server: Self.server, first: try Self.place(7, history: 3))
    #expect(try status([dead, lost], needs: [own]).newest?.timeline == 3)

    // Two that are alive, and one that has gone out from the other.
    let first = try Self.stream(1, 9, age: 10)
    var second = try Self.stream(5, 6, history: 2, age: 1)
    second.begun = Self.now.addingTimeInterval(-1000)
    let both = try status([first, second])
    #expect(both.newest?.timeline == 2 && both.problem?.hasPrefix("timeline 1 goes on beside it") == true)
    let unasked = try status([first, second], limit: nil)
    #expect(unasked.problem == nil && unasked.remarks == both.remarks && both.remarks.count == 1)
    second.begun = Self.now.addingTimeInterval(-5)
    #expect(try status([first, second]).remarks == [])
    second.begun = Self.now.addingTimeInterval(-200_000)
    #expect(try status([Self.stream(1, 9, age: 100_000), second]).remarks == [])

    // A gap counts behind the newest base backup.
    func broken(_ age: Double) throws -> LogStream {
      LogStream(
        origin: LogOrigin(Self.server, hostname: "db1", name: "main"), server: "00", signer: .full, history: 1,
        exponent: 24, stretches: [try (Self.place(1), Self.place(3)), try (Self.place(5), Self.place(9))],
        objectCount: 8, tail: nil, storedSize: 1, received: Self.now.addingTimeInterval(-age))
    }
    func need(_ number: UInt64) throws -> LogNeed { LogNeed(server: Self.server, first: try Self.place(number)) }
    #expect(try status([broken(1)], needs: [need(2), need(6)]).problem?.contains("is missing") == true)
    #expect(try status([broken(1)], needs: [need(6), need(2)]).remarks == [])
    #expect(try status([broken(1)]).remarks == [])

    // The server that was called so before is another one.
    let before = LogStream(
      origin: LogOrigin(LogServer(system: "postgresql", identity: "6"), hostname: "db1", name: "main"), server: "01",
      signer: .full, history: 7, exponent: 24,
      stretches: [try (Self.place(1, history: 7), Self.place(200, history: 7))],
      objectCount: 1, tail: nil, storedSize: 1, received: Self.now.addingTimeInterval(-90_000))
    #expect(try status([first, before]).newest?.timeline == 1)
  }

  @Test("A slot is called after the server, and what is no slot's name is answered by the nearest that is one")
  func slots() {
    #expect(WALReceiveAction.standardSlot("main") == "coffer_main")
    #expect(WALReceiveAction.standardSlot("Main-1 é") == "coffer_main_1___")
    #expect(WALReceiveAction.slotName("coffer_Main") == "coffer_main")
    #expect(WALReceiveAction.slotName(String(repeating: "x", count: 99)).utf8.count == 63)
  }

  @Test(
    "A server that is away is tried more and more seldom, until something of it was stored, or it was there for a while"
  )
  func pauses() {
    var pause = ReconnectPause()
    let first = (0..<8).map { _ in pause.next(stored: 0, streamed: 5) }
    #expect(first.map(\.seconds) == [1, 2, 4, 8, 16, 32, 60, 60])
    #expect(first.map(\.isFirst) == [true] + [Bool](repeating: false, count: 7))
    // An idle server has nothing to store.
    let later = [(3, 0.0), (3, 0), (4, 0), (4, 0), (4, 61)].map { pause.next(stored: $0.0, streamed: $0.1) }
    #expect(later.map(\.seconds) == [1, 2, 1, 2, 1])
    #expect(later.map(\.isFirst) == [true, false, true, false, true])
  }

  @Test("A log that does not leave its server is found, each with what to do")
  func doctor() {
    let cluster = LogExamination.Cluster(name: "main", isAwaited: true)
    func slot(_ name: String, _ status: String?, isActive: Bool = false) -> LogInspection.Slot {
      LogInspection.Slot(name: name, isActive: isActive, status: status, start: nil, kept: 1 << 30)
    }
    let off = LogInspection.Archiver(isOn: false, isTold: true, last: nil, failureCount: 0, failing: nil)
    func grades(_ archiver: LogInspection.Archiver, _ slots: LogInspection.Slot...) -> [Finding.Grade] {
      cluster.findings(archiver, slots).map(\.grade)
    }
    #expect(grades(off) == [.problem])
    #expect(
      LogExamination.Cluster(name: "main", isAwaited: false).findings(off, [slot("other", "lost")]).map(\.grade)
        == [.advice])
    #expect(grades(off, slot("coffer_main", "reserved", isActive: true)) == [.ok])
    #expect(grades(off, slot("coffer_main", "extended")) == [.problem])
    #expect(grades(off, slot("coffer_main", nil)) == [.problem])
    #expect(grades(off, slot("coffer_main", "unreserved", isActive: true)) == [.problem])
    let lost = cluster.findings(off, [slot("coffer_main", "lost")])
    #expect(lost.first?.remedy?.contains("pg_drop_replication_slot('coffer_main')") == true)
    let fine = LogInspection.Archiver(
      isOn: true, isTold: true, last: "000000010000000000000001", failureCount: 3, failing: nil)
    #expect(grades(fine) == [.ok])
    // A server that was told nothing fails at nothing.
    let idle = LogInspection.Archiver(
      isOn: true, isTold: false, last: "000000010000000000000001", failureCount: 0, failing: nil)
    #expect(grades(idle) == [.problem])
    let failing = LogInspection.Archiver(
      isOn: true, isTold: true, last: nil, failureCount: 3,
      failing: .init(name: "000000010000000000000002", time: "2026-01-01"))
    #expect(
      cluster.findings(failing, []).first?.text
        == "archive_command has failed since 2026-01-01, at 000000010000000000000002; in all 3 times")
  }

  @Test("Of a binary log the newest history counts, as its last slice says, and a gap in it is a problem")
  func binary() throws {
    let server = LogServer(system: "mariadb", identity: "db1/main")
    func stream(_ history: UInt32, _ stretches: [ClosedRange<UInt64>], _ file: String?) throws -> LogStream {
      let places = try stretches.map { stretch in
        let ends = try [stretch.lowerBound, stretch.upperBound].map {
          try #require(LogPlace(history: history, number: $0, exponent: 0))
        }
        return (first: ends[0], last: ends[1])
      }
      var stream = LogStream(
        origin: LogOrigin(server, hostname: "db1", name: "main"), server: "00", signer: .full, history: history,
        exponent: 0, stretches: places, objectCount: 1, tail: nil, storedSize: 1,
        received: Self.now.addingTimeInterval(-90))
      stream.binaryReach = file.map {
        BinaryLogReach(file: $0, end: 4711, isWhole: false, time: 1, created: 1, serverID: 1, gtid: nil)
      }
      stream.reach = history
      return stream
    }
    let named = LogCluster.Named(system: "mariadb", name: "main", hostname: "db1", limit: 600)
    let old = try stream(1, [1...900], "binlog.000009")
    let status = try #require(
      LogStatus(named, [old, stream(2, [1...3], "binlog.000012"), Self.stream(1, 9)], now: Self.now))
    #expect(status.problem == nil && status.remarks == [] && status.newest?.age == 90)
    #expect(StatusText.log(status).contains("reaches binlog.000012, byte 4711, stored"))
    let broken = try #require(LogStatus(named, [old, stream(2, [1...3, 5...6], "binlog.000012")], now: Self.now))
    #expect(broken.problem == "slices are missing between 3 and 5")
    #expect(LogStatus(named, [try Self.stream(1, 9)], now: Self.now)?.problem == "There is no log of it")
  }

  @Test("A repository has all of a server's log only where it is that server's, and of its timeline")
  func stored() throws {
    let cluster = LogExamination.Cluster(name: "main", isAwaited: true)
    let log = try #require(LogStatus(Self.named(limit: 600), [Self.stream(1, 9, history: 2)], now: Self.now))
    let end = try #require(log.newest?.end)
    let identity = try #require(UInt64(Self.server.identity))
    func finding(_ server: UInt64, _ timeline: UInt32?, _ end: UInt64) throws -> Finding {
      let position = LogInspection.Position(
        systemIdentifier: server, timeline: timeline, end: LogSequenceNumber(end))
      return try #require(cluster.finding(position, log, in: "/r"))
    }
    #expect(
      try finding(identity, 2, end.value)
        == .ok("log of main", "/r has all that the server has written, to \(end.text)"))
    #expect(try finding(identity, nil, end.value).grade == .ok)
    #expect(try finding(identity, 2, end.value + 2048).text.hasSuffix("more"))
    // Before the end of what is stored, and stored nowhere.
    for timeline in [1, 3] as [UInt32] {
      let other = try finding(identity, timeline, end.value - 2048)
      #expect(other.grade == .advice && other.text.contains("the server writes timeline \(timeline) "))
    }
    let anew = try finding(identity &+ 1, 2, 2048)
    #expect(anew.grade == .problem && anew.text.contains("of another server"))
  }

  @Test("Figures tell of each server's log, and of one that is not there any more nothing stays")
  func figures() throws {
    let folder = NSTemporaryDirectory() + "log-figures-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = try MetricsFile("\(folder)/coffer.prom", option: "--prometheus")
    func figures(_ logs: [BackupFigures.Log]) -> BackupFigures {
      BackupFigures(
        configuration: "/c.yaml", repository: "here",
        whole: .init(time: nil, due: nil, bytes: nil, growth: nil, isOverdue: nil), databases: [], logs: logs)
    }
    try file.update(with: figures([.init(server: "old", host: "db1", time: Self.now, isOverdue: nil)]))
    try file.update(with: figures([.init(server: "main", host: "db1", time: Self.now, isOverdue: true)]))
    let text = try String(contentsOfFile: "\(folder)/coffer.prom", encoding: .utf8)
    let labels = #"configuration="/c.yaml",repository="here",server="main",host="db1""#
    #expect(text.contains("\ncoffer_log_newest_timestamp_seconds{\(labels)} 1800000000\n"), "\(text)")
    #expect(text.contains("\ncoffer_log_overdue{\(labels)} 1\n"))
    #expect(!text.contains("server=\"old\""))
  }

  @Test("The log goes on behind what the repository that has least has, and what all have in pieces is not asked for")
  func resumption() throws {
    func resumption(_ streams: [[LogStream]]) throws -> (place: LogPlace, taken: Int)? {
      LogResumption(streams, exponent: 24).map { ($0.place, $0.taken) }
    }
    #expect(try resumption([[], []]) == nil)
    #expect(try LogResumption([[Self.stream(1, 5)]], exponent: 20) == nil)
    let alone = try #require(try resumption([[Self.stream(1, 5, tail: 9)]]))
    #expect(try alone == (Self.place(6), 9))
    let least = try #require(
      try resumption([[Self.stream(1, 5, tail: 9)], [Self.stream(1, 5, tail: 7)], [Self.stream(1, 8)]]))
    #expect(try least == (Self.place(6), 7))
    let later = try #require(try resumption([[Self.stream(1, 5), Self.stream(5, 5, history: 2)]]))
    #expect(try later == (Self.place(6, history: 2), 0))
    // One that has nothing begins with the others, and needs the whole segment.
    let fresh = try #require(try resumption([[Self.stream(1, 5, tail: 9)], []]))
    #expect(try fresh == (Self.place(6), 0))
    // What the server was never told to be stored comes again, whatever there is behind it.
    let known = try #require(try LogResumption([[Self.stream(1, 5, tail: 9)]], exponent: 24))
    let cases: [(kept: UInt64, byte: UInt64, timeline: UInt32, place: UInt64, taken: Int)] = [
      (6, 9, 1, 6, 9), (6, 7, 1, 6, 7), (6, 10, 1, 6, 9), (7, 1, 1, 6, 9), (4, 5, 1, 4, 0), (4, 5, 2, 6, 9),
    ]
    for (kept, byte, timeline, number, taken) in cases {
      let start = try Self.place(kept).start
      let next = known.notBehind(LogSequenceNumber(start + byte), timeline: timeline)
      let place = try Self.place(number)
      #expect(next.place == place && next.taken == taken)
    }
  }
}
