import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("What of a server's log leads from a dump to a moment", .serialized)
struct ReplayLogTests {
  private let bench: ReplayBench
  private var server: OwnMariaDBServer { bench.server }
  private var context: HookContext { bench.context }

  init() throws {
    bench = try ReplayBench()
  }

  @Test("A log of another server, damage and what is not the place of a dump are seen")
  func faults() throws {
    try bench.commit(1)
    let dump = try bench.dump("shop")
    try bench.commit(2)
    let place = try #require(dump.facts.log)
    let all = try bench.pieces()
    let ground = try DrillGround(in: "/tmp", user: "nobody", context: context)
    defer { ground.remove() }
    let unsaid = DumpLogPlace(file: place.file, position: place.position, gtid: nil, time: 0)
    var count = 0
    func fault(_ place: DumpLogPlace?, _ target: ReplayTarget, gtid: String, _ pieces: [ReplayPiece]) throws
      -> ReplayFault?
    {
      count += 1
      let log = try ReplayLog(
        from: [try #require(place)], of: ["shop"], to: target, on: ground, name: "log\(count)")
      do {
        for piece in pieces { _ = try log.take(piece, gtid: gtid) }
        return nil
      } catch let fault as ReplayFault {
        return fault
      }
    }
    let end = ReplayTarget.time(.max)
    #expect(try fault(place, end, gtid: "0-7-0", all) == nil)
    #expect(try fault(place, end, gtid: "3-1-4", all) == .notThere(place))
    let beside = DumpLogPlace(file: place.file, position: place.position + 1, gtid: nil, time: 0)
    #expect(try fault(beside, end, gtid: "", all) == beside.map { .notThere($0) })
    #expect(try fault(unsaid, end, gtid: "", all) == unsaid.map { .notThere($0) })
    #expect(try fault(place, .time(0), gtid: "", all) == .targetBefore(place))
    // Before the dump there may be the end of a transaction whose beginning is in an earlier slice.
    let start = try #require(Int(exactly: place.position)) - 4 - 31
    let part = ReplayPiece(
      file: place.file, range: UInt64(start + 4)..<all[0].range.upperBound, format: all[0].format,
      events: Array(all[0].events[start...]))
    #expect(try fault(place, end, gtid: try #require(place.gtid), [part]) == nil)
    #expect(try fault(place, end, gtid: try #require(place.gtid), [part, part]) != nil)
    for index in stride(from: 0, to: all[0].events.count, by: 7) {
      var events = all[0].events
      events[index] ^= 0xff
      let bent = ReplayPiece(file: all[0].file, range: all[0].range, format: all[0].format, events: events)
      // Nothing but a fault: it must end, and reach beyond nothing.
      _ = try fault(place, end, gtid: "", [bent])
      _ = try fault(
        place, end, gtid: "",
        [ReplayPiece(file: bent.file, range: bent.range, format: bent.format, events: Array(all[0].events[..<index]))])
    }
  }

  @Test(
    "A physical backup may have transactions that its server's log never had, and what follows has to be behind them")
  func currentPosition() throws {
    let ground = try DrillGround(in: "/tmp", user: "nobody", context: context)
    defer { ground.remove() }
    var count = 0
    func fits(_ gtid: String, behind list: [(UInt32, UInt32, UInt64)], of databases: [String]? = nil) throws -> Bool {
      var file = BinaryLogBuilder()
      let format = file.bytes.count
      file.addGTIDList(list)
      let position = UInt64(file.bytes.count)
      file.addGTID(101)
      file.addStatement("BEGIN")
      file.add(16, [1, 0, 0, 0, 0, 0, 0, 0])
      let place = try #require(DumpLogPlace(file: "binlog.000001", position: position, gtid: gtid, time: 0))
      count += 1
      let log = try ReplayLog(from: [place], of: databases, to: .time(.max), on: ground, name: "log\(count)")
      do {
        _ = try log.take(
          ReplayPiece(
            file: place.file, range: 4..<UInt64(file.bytes.count), format: Array(file.bytes[4..<format]),
            events: Array(file.bytes[4...])),
          gtid: "")
        #expect(log.transactionCount == 1)
        return true
      } catch ReplayFault.notThere(let other) {
        #expect(other == place)
        return false
      }
    }
    // Of a server that was restored, and has written nothing since; of a replica that has become the first.
    #expect(try fits("0-7-100", behind: []) && fits("0-7-100,1-9-5", behind: [(0, 7, 100)]))
    #expect(try fits("", behind: []) && fits("0-7-100", behind: [(0, 7, 100)]))
    // Another server's.
    #expect(try !fits("0-7-101", behind: []) && !fits("0-8-200,1-9-5", behind: []))
    #expect(try !fits("0-7-99,1-9-5", behind: [(0, 7, 100)]) && !fits("", behind: [(0, 7, 100)]))
    // A dump has the log's own position.
    #expect(try !fits("0-7-100", behind: [], of: ["shop"]) && fits("", behind: [], of: ["shop"]))
  }

  @Test("A file of the log that is missing between others is seen")
  func missingFile() throws {
    let dump = try bench.dump("shop")
    for number in 1...3 {
      try bench.commit(number)
      try server.sql("FLUSH BINARY LOGS")
    }
    let ground = try DrillGround(in: "/tmp", user: "nobody", context: context)
    defer { ground.remove() }
    let all = try bench.pieces()
    func take(_ pieces: [ReplayPiece], _ name: String) throws {
      let log = try ReplayLog(
        from: [try #require(dump.facts.log)], of: ["shop"], to: .time(.max), on: ground, name: name)
      for piece in pieces { _ = try log.take(piece, gtid: "") }
    }
    try take(all, "all")
    #expect(throws: ReplayFault.missing(before: all[2].file)) { try take([all[0]] + all[2...], "some") }
  }

  @Test("What a session says of the time within a transaction does not make the log seem to lead further")
  func sessionTime() throws {
    let dump = try bench.dump("shop")
    try server.sql(
      """
      BEGIN; SET timestamp = 2147480000; INSERT INTO shop.ledger VALUES (1, 'n'); SET timestamp = DEFAULT;
      INSERT INTO shop.ledger VALUES (2, 'n'); COMMIT
      """)
    let ground = try DrillGround(in: "/tmp", user: "nobody", context: context)
    defer { ground.remove() }
    let log = try bench.log([dump], to: .time(2_147_470_000), on: ground)
    #expect(!log.isAtTarget && log.transactionCount == 1)
    #expect(log.newest < 2_147_470_000)
  }
}
