import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("A connection for replication", .serialized)
struct ReplicationConnectionTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  /// An entry of `postgresql_clusters` for a server.
  private func server(_ server: PostgreSQLServer, _ more: String..., password: String? = nil, user: String? = nil)
    throws
    -> ReplicationServer
  {
    let lines =
      [
        "postgresql_clusters:", "  - name: main", "    hostname: \(server.hostname)", "    port: \(server.port)",
        "    username: \(user ?? server.username)", "    password: \(password ?? server.password)",
      ] + more.map { "    \($0)" }
    let root = try makeRoot(lines.joined(separator: "\n") + "\n")
    let entry = try #require(root[PostgreSQLClusterOptions.clusters].first)
    return try ReplicationServer(cluster: entry, context: makeContext())
  }

  private func connect(
    _ server: ReplicationServer, name: String = "coffer test", cancellation: Cancellation? = nil
  ) throws -> ReplicationConnection {
    try ReplicationConnection(
      to: server, name: name, clock: .system, cancellation: cancellation ?? Cancellation())
  }

  /// The messages of a copy to its end.
  private func messages(_ connection: ReplicationConnection) throws -> [[UInt8]] {
    var all: [[UInt8]] = []
    while true {
      switch try connection.receive({ Array($0) }) {
      case .message(let bytes): all.append(bytes)
      case .end: return all
      case .nothing: continue
      }
    }
  }

  @Test("A server is asked over a connection like others what keeps its log, and from where on")
  func inspection() throws {
    let inspection = try LogInspection(of: server(one), clock: .system, cancellation: Cancellation())
    let connection = try connect(server(one))
    _ = try connection.query("CREATE_REPLICATION_SLOT coffer_inspected PHYSICAL RESERVE_WAL")
    defer { _ = try? connection.query("DROP_REPLICATION_SLOT coffer_inspected") }
    let slot = try #require(try inspection.slots().first { $0.name == "coffer_inspected" })
    let told = try connection.query("READ_REPLICATION_SLOT coffer_inspected")
    #expect(slot.start?.text == told.text(0, "restart_lsn") && slot.start != nil)
    #expect(!slot.isActive && slot.status == "reserved" && slot.kept != nil)
    let position = try #require(try inspection.position())
    #expect(try position >= #require(slot.start))
    let mode = try one.run("SHOW archive_mode").trimmingCharacters(in: .whitespacesAndNewlines)
    #expect(try inspection.archiver().isOn == (mode != "off"))
    #expect(try inspection.archiver().failing == nil)
    // What somebody has put beside the server's own views is not asked.
    #expect(try inspection.slots().count == Int(one.run("SELECT count(*) FROM pg_replication_slots").dropLast()))
  }

  @Test("It says which server it is, and its rows are the server's")
  func identity() throws {
    let connection = try connect(server(one))
    let answer = try connection.query("IDENTIFY_SYSTEM")
    #expect(answer.names == ["systemid", "timeline", "xlogpos", "dbname"])
    #expect(answer.rows.count == 1)
    let identifier = try one.run("SELECT system_identifier FROM pg_control_system()")
    #expect(answer.text(0, "systemid").map { $0 + "\n" } == identifier)
    #expect(answer.bytes(0, "timeline") == Array("1".utf8))
    #expect(answer.bytes(0, "dbname") == nil)
    #expect(answer.bytes(1, "systemid") == nil)
    #expect(answer.bytes(0, "other") == nil)
    #expect(connection.serverVersion / 10_000 == 15)
    #expect(connection.parameter("server_version")?.hasPrefix("15.") == true)
    #expect(try connection.query("SHOW wal_segment_size").text(0, "wal_segment_size") == "16MB")
  }

  @Test("What the server refuses is told with its state, and the connection goes on")
  func refusal() throws {
    let connection = try connect(server(one))
    let error = #expect(throws: ReplicationError.self) {
      try connection.query("START_REPLICATION SLOT \"none_such\" 0/0")
    }
    guard case .refused(_, let command, let state, let text) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(command == "START_REPLICATION SLOT \"none_such\" 0/0")
    #expect(state == "42704")
    #expect(text == "replication slot \"none_such\" does not exist")
    #expect(error?.isTransient == false)
    #expect(try connection.query("IDENTIFY_SYSTEM").rows.count == 1)
  }

  @Test("A wrong password, a missing right and a server that is not there are told, with what to do")
  func unreachable() throws {
    let wrong = #expect(throws: ReplicationError.self) { try connect(server(one, password: "wrong")) }
    #expect(wrong?.diagnosis.problem.contains("password authentication failed") == true, "\(wrong as Any)")
    #expect(wrong?.diagnosis.suggestion == "Correct username and password in the configuration")
    #expect(wrong?.isTransient == false)
    #expect(wrong?.description.contains("wrong") == false)

    try one.run("DROP ROLE IF EXISTS follower; CREATE ROLE follower LOGIN PASSWORD 'secret'")
    let unable = #expect(throws: ReplicationError.self) {
      try connect(server(one, password: "secret", user: "follower"))
    }
    #expect(unable?.diagnosis.suggestion == "Give the user the right, as a superuser: ALTER ROLE the user REPLICATION")
    #expect(unable?.isTransient == false)
    try one.run("ALTER ROLE follower REPLICATION")
    #expect(try connect(server(one, password: "secret", user: "follower")).query("IDENTIFY_SYSTEM").rows.count == 1)
    try one.run("DROP ROLE follower")

    let nowhere = try makeRoot("postgresql_clusters:\n  - name: main\n    hostname: 127.0.0.1\n    port: 1\n")
    let entry = try #require(nowhere[PostgreSQLClusterOptions.clusters].first)
    let missing = #expect(throws: ReplicationError.self) {
      try connect(ReplicationServer(cluster: entry, context: makeContext()))
    }
    #expect(missing?.diagnosis.subject == "127.0.0.1:1")
    #expect(missing?.diagnosis.problem.contains("Connection refused") == true)
    #expect(missing?.isTransient == true)
  }

  @Test("It is encrypted and the server is who it says, and all of a large copy comes through")
  func encryption() throws {
    let authority = try #require(ProcessInfo.processInfo.environment["COFFER_TEST_POSTGRESQL_CA"])
    let secured = try server(one, "ssl_mode: verify-full", "ssl_root_cert: \(authority)")
    let connection = try connect(secured, name: "coffer encrypted")
    let seen = try one.run(
      "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'coffer encrypted'")
    #expect(seen == "t\n")
    try connection.begin("BASE_BACKUP (CHECKPOINT 'fast', WAIT false)")
    var parts: [ReplicationConnection.Reply] = []
    var size = 0
    while let reply = try connection.next() {
      if case .copyOut = reply { size += try messages(connection).reduce(0) { $0 + $1.count } }
      parts.append(reply)
    }
    // Where it begins, tablespaces, data, where it ends; twice done, with the statement itself.
    #expect(parts.filter { $0 == .copyOut }.count == 1)
    #expect(parts.last == .done)
    #expect(size > 20 << 20)
    #expect(try connection.query("IDENTIFY_SYSTEM").rows.count == 1)

    let stranger = NSTemporaryDirectory() + "/stranger-\(UInt32.random(in: 0 ... .max)).crt"
    defer { try? FileManager.default.removeItem(atPath: stranger) }
    try "".write(toFile: stranger, atomically: true, encoding: .utf8)
    let untrusted = try server(one, "ssl_mode: verify-full", "ssl_root_cert: \(stranger)")
    let error = #expect(throws: ReplicationError.self) { try connect(untrusted) }
    #expect(error?.diagnosis.problem.contains("certificate") == true, "\(error as Any)")
    #expect(error?.isTransient == false)
    let bare = try server(two, "ssl_mode: require")
    let plain = #expect(throws: ReplicationError.self) { try connect(bare) }
    #expect(plain?.diagnosis.problem.contains("does not support SSL") == true, "\(plain as Any)")
    #expect(plain?.isTransient == false)
  }

  /// Where the server's log ends.
  private func position(_ server: PostgreSQLServer) throws -> String {
    try server.run("SELECT pg_current_wal_flush_lsn()").trimmingCharacters(in: .newlines)
  }

  /// A status update of the streaming protocol: everything up to a place is written, flushed and applied.
  private func status(_ place: UInt64) -> [UInt8] {
    let number = withUnsafeBytes(of: place.bigEndian) { Array($0) }
    return Array("r".utf8) + number + number + number + [UInt8](repeating: 0, count: 8) + [1]
  }

  @Test("The log comes as it is written, is acknowledged, and the stream ends when it is told to")
  func streaming() throws {
    let connection = try connect(server(one), name: "coffer stream")
    try connection.begin("START_REPLICATION PHYSICAL \(position(one))")
    #expect(try connection.next() == .copyBoth)
    try one.run("SELECT pg_logical_emit_message(false, 'coffer', 'streamed to the connection')")
    var text: [UInt8] = []
    while !String(decoding: text, as: UTF8.self).contains("streamed to the connection") {
      if case .message(let bytes) = try connection.receive(until: Clock.system.steadySeconds() + 30, { Array($0) }) {
        if bytes.first == UInt8(ascii: "w") { text += bytes.dropFirst(25) }
      }
    }
    let end = try position(one)
    let parts = end.split(separator: "/").compactMap { UInt64($0, radix: 16) }
    try connection.send(status(parts[0] << 32 | parts[1]))
    // It answers to what asked for that, and by then has taken the acknowledgement.
    var answers = 0
    while answers == 0 {
      if case .message(let first) = try connection.receive({ $0.first }), first == UInt8(ascii: "k") { answers += 1 }
    }
    #expect(
      try one.run("SELECT flush_lsn >= '\(end)' FROM pg_stat_replication WHERE application_name = 'coffer stream'")
        == "t\n")
    try connection.endSending()
    _ = try messages(connection)
    while let reply = try connection.next() { #expect(reply == .done) }
    #expect(try connection.query("IDENTIFY_SYSTEM").rows.count == 1)
  }

  @Test("A server that ends the session in the middle of a copy is told, and so is a line that is cut")
  func lostMidway() throws {
    let ended = try connect(server(one), name: "coffer ended")
    try ended.begin("START_REPLICATION PHYSICAL \(position(one))")
    #expect(try ended.next() == .copyBoth)
    try one.run(
      "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'coffer ended'")
    let error = #expect(throws: ReplicationError.self) {
      _ = try messages(ended)
      while try ended.next() != nil {}
    }
    #expect(error?.isTransient == true, "\(error as Any)")
    #expect(error?.diagnosis.problem.contains("terminating connection") == true, "\(error as Any)")

    let cut = try connect(server(one), name: "coffer cut")
    try cut.begin("START_REPLICATION PHYSICAL \(position(one))")
    #expect(try cut.next() == .copyBoth)
    shutdown(cut.socket, Int32(SHUT_RDWR))
    let second = #expect(throws: ReplicationError.self) {
      _ = try messages(cut)
      while try cut.next() != nil {}
    }
    guard case .lost = second else {
      Issue.record("\(second as Any)")
      return
    }
    #expect(throws: ReplicationError.self) { try cut.query("IDENTIFY_SYSTEM") }
  }

  @Test("A wait ends with its time, with a descriptor that wakes it, and with the run")
  func waits() throws {
    let cancellation = try Cancellation()
    let connection = try connect(server(two), name: "coffer waits", cancellation: cancellation)
    try connection.begin("START_REPLICATION PHYSICAL \(position(two))")
    #expect(try connection.next() == .copyBoth)
    let wake = try Cancellation()
    wake.cancel()
    // Messages may be on their way.
    var isWoken = false
    while !isWoken {
      if case .nothing = try connection.receive(orUntil: wake.descriptor, { _ in }) { isWoken = true }
    }
    var isOver = false
    while !isOver {
      if case .nothing = try connection.receive(until: Clock.system.steadySeconds() + 0.2, { _ in }) { isOver = true }
    }
    let thread = try TestThread("canceller") {
      usleep(200_000)
      cancellation.cancel()
    }
    #expect(throws: RunCancelled.self) { while true { _ = try connection.receive { _ in } } }
    try thread.end()
  }

  @Test("A library that is missing, or is none, is told with its package")
  func library() {
    let missing = #expect(throws: ReplicationError.self) { try PostgreSQLLibrary("libpq-none-such.so.5") }
    #expect(missing?.diagnosis.suggestion == "On Debian: apt-get install libpq5")
    #expect(missing?.isTransient == false)
    let other = #expect(throws: ReplicationError.self) { try PostgreSQLLibrary("libc.so.6") }
    #expect(other?.diagnosis.problem.contains("has no PQconnectStartParams") == true)
  }
}
