import CofferHooks
import CofferMonitoring
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferActions
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
    LogStream(
      origin: LogOrigin(server, hostname: host, name: "main"), server: "00", signer: .full, history: history,
      exponent: 24, stretches: [(try place(first, history: history), try place(last, history: history))],
      objectCount: 1, tail: tail > 0 ? LogPiece(place: try place(last + 1, history: history), range: 0..<tail) : nil,
      storedSize: 1, received: now.addingTimeInterval(-age))
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
