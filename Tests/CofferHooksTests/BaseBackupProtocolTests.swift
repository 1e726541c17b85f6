import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

/// A server that answers as it is told to.
private final class ToldServer: BaseBackupConversation {
  enum Answer {
    case reply(ReplicationConnection.Reply)
    case messages([[UInt8]])
    case failure(ReplicationError)
    /// Nothing comes any more.
    case silence
  }

  let serverVersion: Int
  var notices: [String] = []
  private var answers: [Answer]
  private var messages: [[UInt8]] = []
  private(set) var commands: [String] = []

  init(_ version: Int, _ answers: [Answer]) {
    serverVersion = version
    self.answers = answers
  }

  func parameter(_ name: String) -> String? { name == "server_version" ? "told" : nil }

  func query(_ text: String) throws -> ReplicationRows {
    let settings = [
      "SHOW wal_segment_size": ("wal_segment_size", "16MB"), "SHOW data_checksums": ("data_checksums", "off"),
      "IDENTIFY_SYSTEM": ("systemid", "7"),
    ]
    guard let (name, value) = settings[text] else { return ReplicationRows(names: [], rows: []) }
    return ReplicationRows(names: [name], rows: [[Array(value.utf8)]])
  }

  func begin(_ text: String, called name: String?) { commands.append(text) }

  func expectMuch() {}

  func next(until deadline: Double?) throws -> ReplicationConnection.Reply? {
    guard !answers.isEmpty else { return nil }
    switch answers.removeFirst() {
    case .reply(let reply): return reply
    case .messages(let all):
      messages = all
      return .copyOut
    case .failure(let error): throw error
    case .silence: return nil
    }
  }

  func receive<Value>(
    until deadline: Double?, orUntil wake: Int32?, _ body: (UnsafeRawBufferPointer) throws -> Value
  ) throws -> ReplicationConnection.Received<Value> {
    if case .silence? = answers.first, messages.isEmpty { return .nothing }
    guard !messages.isEmpty else { return .end }
    return .message(try messages.removeFirst().withUnsafeBytes(body))
  }
}

@Suite("What servers send for a base backup")
struct BaseBackupProtocolTests {
  private typealias Answer = ToldServer.Answer

  private static let identity = DumpIdentity(hook: "postgresql_clusters", database: "main")
  private static let tablespace = BaseBackupTarTests.member("PG_15_1/7", Array("seven".utf8))
  private static let base = BaseBackupTarTests.member("backup_label", Array("START".utf8))
  private static let zeros = [UInt8](repeating: 0, count: 1024)
  private static let manifest = Array("{ manifest }".utf8)

  private static func rows(_ names: [String], _ rows: [[String?]]) -> Answer {
    .reply(.rows(ReplicationRows(names: names, rows: rows.map { $0.map { $0.map { Array($0.utf8) } } })))
  }

  private static func position(_ number: String, _ timeline: String = "3") -> Answer {
    rows(["recptr", "tli"], [[number, timeline]])
  }

  private static var archives: Answer {
    rows(["spcoid", "spclocation", "size"], [["16384", "/srv/a", nil], [nil, nil, nil]])
  }

  private static func message(_ text: String) -> [UInt8] { Array(text.utf8) }
  private static func data(_ bytes: [UInt8]) -> [UInt8] { [UInt8(ascii: "d")] + bytes }

  /// As servers from 15 on send it.
  private static let messages = [
    message("n16384.tar\u{0}/srv/a\u{0}"), data(tablespace), message("p12345678"), data(zeros),
    message("nbase.tar\u{0}\u{0}"), data(Array(base.prefix(100))), data(Array(base.dropFirst(100)) + zeros),
    message("m"), data(Array(manifest.prefix(3))), data(Array(manifest.dropFirst(3))),
  ]

  private func take(_ server: ToldServer, limits: DumpLimits = DumpLimits(stall: 5)) throws -> TakenDump {
    let context = try makeContext(limits: limits)
    let running = try BaseBackupStream(of: Self.identity, server, ReplicatedServer(server), context: context)
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1000)
    while case let count = try piece.withUnsafeMutableBytes({ try running.read(into: $0) }), count > 0 {
      bytes += piece[..<count]
    }
    let outcome = try running.finish()
    #expect(outcome.bytes == UInt64(bytes.count))
    return TakenDump(facts: outcome.facts, bytes: bytes)
  }

  @Test("Servers from 15 on, those before, and those without a manifest give the same archive, but for that")
  func versions() throws {
    let start = [Self.position("0/2000028"), Self.archives]
    let end = [Self.position("1/0"), Answer.reply(.done)]
    let new = ToldServer(150_000, start + [.messages(Self.messages)] + end)
    let dump = try take(new)
    let old = ToldServer(
      140_000,
      start + [
        .messages([Array(Self.tablespace.prefix(700)), Array(Self.tablespace.dropFirst(700))]), .messages([Self.base]),
        .messages([Self.manifest]),
      ] + end)
    #expect(try take(old).bytes == dump.bytes)
    let older = ToldServer(120_000, start + [.messages([Self.tablespace]), .messages([Self.base])] + end)
    let block = try #require(TarBlock(Array(Self.base.prefix(512)))).file(
      Array("backup_manifest".utf8), size: UInt64(Self.manifest.count))
    let member = block.bytes + Self.manifest + [UInt8](repeating: 0, count: 512 - Self.manifest.count)
    #expect(try take(older).bytes == dump.bytes.dropLast(1024 + member.count) + Self.zeros)
    #expect(Array(dump.bytes.suffix(1024 + member.count)) == member + Self.zeros)

    #expect(new.commands.first?.contains("MANIFEST 'yes')") == true && new.commands.first?.contains("(") == true)
    #expect(old.commands == ["BASE_BACKUP LABEL 'coffer' FAST WAL NOWAIT TABLESPACE_MAP MANIFEST 'yes'"])
    #expect(older.commands == ["BASE_BACKUP LABEL 'coffer' FAST WAL NOWAIT TABLESPACE_MAP"])
    let facts = try #require(dump.facts.base)
    #expect(facts.systemIdentifier == 7 && facts.timeline == 3 && facts.segmentSize == 1 << 24 && !facts.hasChecksums)
    #expect(facts.start.text == "0/2000028" && facts.end.text == "1/0")
    #expect(facts.tablespaces.map(\.oid) == [16_384] && dump.facts.serverVersion == "told")
  }

  @Test("What a server leaves out is said, but for its own socket")
  func leftOut() throws {
    let server = ToldServer(
      150_000,
      [Self.position("0/2000028"), Self.archives, .messages(Self.messages), Self.position("1/0"), .reply(.done)])
    let link = "WARNING:  skipping special file \"./postgresql.conf\""
    server.notices = ["WARNING:  skipping special file \"./.s.PGSQL.5432\"", link]
    let running = try BaseBackupStream(of: Self.identity, server, ReplicatedServer(server), context: makeContext())
    #expect(try running.finish().warnings == [link])
  }

  @Test("What ends early, is out of order, or is refused at its end is no dump")
  func failures() throws {
    let start = [Self.position("0/2000028"), Self.archives]
    let end = [Self.position("1/0"), Answer.reply(.done)]
    func fails(_ answers: [Answer], _ sign: String, limits: DumpLimits = DumpLimits(stall: 5), version: Int = 150_000) {
      let error = #expect(throws: DumpError.self, "\(sign)") {
        try take(ToldServer(version, answers), limits: limits)
      }
      let problem = error?.diagnosis.problem ?? ""
      #expect(problem.contains(sign), "\(problem)")
    }
    func without(_ numbers: Int...) -> [Answer] {
      start + [.messages(Self.messages.enumerated().filter { !numbers.contains($0.offset) }.map(\.element))] + end
    }
    fails(without(6), "ends within a member")
    fails(without(4, 5, 6), "did not send all")
    fails(without(0, 1, 2, 3), "did not send all")
    fails(without(7, 8, 9), "no manifest")
    fails(without(8, 9), "no manifest")
    fails(without(0), "bytes of no archive")
    fails(start + [.messages(Self.messages + [Self.message("nx.tar\u{0}/x\u{0}")])] + end, "had not named")
    fails(start + [.messages([Self.message("n5.tar\u{0}/x\u{0}")])] + end, "had not named")
    fails(start + [.messages([Self.message("?")])] + end, "does not know")
    fails(start + [.messages(Self.messages)], "not what the protocol says")
    fails([Self.position("0/2000028")] + end, "not what the protocol says")
    fails([Self.position("nowhere"), Self.archives], "not what the protocol says")
    fails(start + [.messages(Self.messages), Self.position("0/1"), .reply(.done)], "not what the protocol says")
    fails(
      start + [
        .messages(Self.messages), Self.position("1/0"),
        .failure(.refused(place: "p", command: "BASE_BACKUP", state: "XX001", "checksum verification failure")),
      ], "checksum")
    fails(
      start + [.messages([Self.tablespace]), .messages([Self.base])] + end, "not what the protocol says",
      version: 140_000)
    for silent in [[.failure(.silent(place: "p"))], start + [.messages(Self.messages), .failure(.silent(place: "p"))]] {
      fails(silent, "wrote nothing for 5 seconds")
    }
    fails(start + [.messages([]), .silence], "wrote nothing for 1 seconds", limits: DumpLimits(stall: 1))
    fails(start + [.messages([]), .silence], "more than 2 seconds", limits: DumpLimits(stall: 5, total: 2))
    fails(start + [.messages(Self.messages)] + end, "more than 0 seconds", limits: DumpLimits(stall: 5, total: 0))
  }

  @Test("Settings of segments' size are read as servers write them")
  func segmentSizes() {
    #expect(WALPageHeader.segmentSize("1MB") == 1 << 20)
    #expect(WALPageHeader.segmentSize("16MB") == 1 << 24)
    #expect(WALPageHeader.segmentSize("1GB") == 1 << 30)
    for text in ["", "MB", "16", "3MB", "2GB", "-1MB", "1024kB", "9999999999999999999GB"] {
      #expect(WALPageHeader.segmentSize(text) == nil, "\(text)")
    }
  }
}
