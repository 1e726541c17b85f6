import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("PostgreSQL's log, received by the built program", .serialized)
struct WALReceiveTests {
  private let server: WALGround

  init() throws {
    server = try WALGround()
  }

  /// Numbered commits, each by itself, until it is told to stop; which of them the server has acknowledged.
  private func load(_ isOver: Monitor<Bool>, _ acknowledged: Monitor<[Int]>) throws -> TestThread {
    let server = HandedOver(server)
    return try TestThread("load") {
      var number = 0
      while !isOver.update({ $0 }) {
        number += 1
        guard (try? server.value.asks("INSERT INTO ledger VALUES (\(number))")) == true else { continue }
        let done = number
        acknowledged.update { $0.append(done) }
      }
    }
  }

  @Test("With --synchronous every commit that was acknowledged comes back, wherever the receiver was killed")
  func synchronous() throws {
    var receiver = try server.receive("--synchronous")
    try server.waitUntilStreaming(receiver)
    try server.sql("CREATE TABLE ledger (n int PRIMARY KEY)")
    try server.baseBackup()
    try server.sql("ALTER SYSTEM SET synchronous_standby_names = 'coffer_main'")
    try server.sql("SELECT pg_reload_conf()")
    try server.wait(for: "SELECT bool_and(sync_state = 'sync') FROM pg_stat_replication", receiver)
    let (isOver, acknowledged) = (Monitor(false), Monitor([Int]()))
    let load = try load(isOver, acknowledged)
    for _ in 1...4 {
      usleep(.random(in: 200_000...1_500_000))
      server.crash(receiver)
      // Nothing is acknowledged while nobody stores it.
      receiver = try server.receive("--synchronous")
    }
    let before = acknowledged.update { $0.count }
    acknowledged.wait(until: { $0.count > max(before + 5, 20) }) { _ in }
    server.crash(receiver)
    // The commit that waits for the receiver ends with the server.
    isOver.update { $0 = true }
    try server.manage("stop", server.main)
    try load.end()
    let sure = acknowledged.update { $0 }
    #expect(sure.count > 20)
    let folder = try server.recover("recovered")
    let found = Set(try server.sql("SELECT n FROM ledger", at: folder).split(separator: "\n").compactMap { Int($0) })
    #expect(sure.filter { !found.contains($0) } == [])
  }

  @Test(
    "Without it what was told to be stored comes back, a stop stores the rest, and what follows replaces the pieces")
  func asynchronous() throws {
    var receiver = try server.receive()
    try server.waitUntilStreaming(receiver)
    try server.sql("CREATE TABLE ledger (n int)")
    try server.baseBackup()
    let first = try server.sql("INSERT INTO ledger VALUES (1); SELECT pg_current_wal_insert_lsn()")
    try server.waitUntilStored(first, receiver)
    server.crash(receiver)
    #expect(try server.count("files") >= 1)
    #expect(try server.sql("SELECT count(*) FROM ledger", at: server.recover("first")) == "1")

    receiver = try server.receive()
    try server.waitUntilStreaming(receiver)
    let last = try server.sql(
      """
      INSERT INTO ledger SELECT generate_series(2, 20000); SELECT pg_switch_wal(); INSERT INTO ledger VALUES (0);
      SELECT pg_walfile_name(pg_current_wal_insert_lsn())
      """
    ).split(separator: "\n").last.map(String.init)
    let end = try server.sql("SELECT pg_current_wal_insert_lsn()")
    try server.wait(for: "SELECT bool_or(sent_lsn >= '\(end)') FROM pg_stat_replication", receiver)
    try server.stop(receiver)
    #expect(try server.sql("SELECT count(*) FROM ledger", at: server.recover("second")) == "20001")
    // All pieces are of the last segment.
    let list = try server.coffer("wal", "list", "--json")
    let parsed = try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [[String: Any]]
    let log = try #require((parsed?.first?["logs"] as? [[String: Any]])?.first)
    #expect((log["tail"] as? [String: Any])?["segment"] as? String == last)
    #expect((log["stretches"] as? [Any])?.count == 1)
    // Status tells of the newest point, and fails where that is too old.
    sleep(2)
    for (limit, code) in [("1 hour", 0 as Int32), ("1 second", 1)] {
      try server.configure(
        "limited.yaml",
        """
        repositories:
          - path: \(server.home)/repository
        postgresql_clusters:
          - name: main
            log_within: \(limit)
        """)
      let status = try server.server([server.ground.binary, "--config", "\(server.home)/limited.yaml", "status"])
      #expect(status.status == .exited(code), "\(status.output) \(status.errors)")
      #expect(status.output.contains("of timeline 1, stored"), "\(status.output)")
      #expect(status.errors.contains("coffer wal receive") == (code == 1), "\(status.errors)")
    }
    // Doctor asks the server, and info says how far the log reaches.
    let doctor = try server.coffer("doctor")
    #expect(doctor.output.contains("nobody receives by the slot coffer_main"), "\(doctor.output)")
    #expect(doctor.output.contains("logs: log of main: "), "\(doctor.output)")
    #expect(doctor.status == .exited(1))
    let info = try server.coffer("info")
    #expect(
      info.output.contains("of timeline 1, stored") && info.output.contains("no restore of a base backup was measured"))
    let whole = try server.done(
      "sh", "-c",
      "cd \"$0\" && COFFER_PASSPHRASE='correct horse' \"$1\" --config ../config.yaml wal get \(try #require(last)) ../got && wc -c < ../got",
      server.main, server.ground.binary)
    #expect(whole == "\(1 << 20)")
  }

  @Test("A server that is started anew, and a repository that is away for a while, are waited for")
  func away() throws {
    let receiver = try server.receive()
    try server.waitUntilStreaming(receiver)
    try server.sql("CREATE TABLE ledger (n int)")
    try server.baseBackup()
    try server.sql("INSERT INTO ledger VALUES (1)")
    try server.manage("restart", server.main, mode: "fast")
    try server.sql("INSERT INTO ledger VALUES (2)")
    try server.waitUntilStreaming(receiver)
    try server.done("sh", "-c", "chmod 000 \"$0\"/repository/logs/*", server.home)
    try server.sql("INSERT INTO ledger SELECT generate_series(3, 1200000)")
    let end = try server.sql("SELECT pg_current_wal_insert_lsn()")
    let deadline = Date().addingTimeInterval(60)
    // What can wait in memory waits there, and the rest at the server.
    for text in ["cannot be stored just now", "No more of the log is read"] {
      while !receiver.lastErrorLines.contains(where: { $0.contains(text) }) {
        try #require(Date() < deadline, "\(receiver.lastErrorLines)")
        usleep(50_000)
      }
    }
    #expect(
      try server.sql("SELECT count(*) FROM pg_stat_replication WHERE flush_lsn >= '\(end)'") == "0")
    try server.done("sh", "-c", "chmod 700 \"$0\"/repository/logs/*", server.home)
    try server.waitUntilStored(end, receiver)
    try server.stop(receiver)
    #expect(try server.sql("SELECT count(*) FROM ledger", at: server.recover("recovered")) == "1200000")
  }

  @Test(
    "One of two repositories that is away for long keeps the log from no other, and the server keeps it for that one")
  func oneAway() throws {
    let second = "\(server.home)/second"
    try addRepository(second)
    var receiver = try server.receive(configuration: "two.yaml")
    try server.waitUntilStreaming(receiver)
    try server.baseBackup()
    let begun = try server.sql("CREATE TABLE ledger (n int); SELECT pg_current_wal_insert_lsn()")
    try server.waitUntilStored(begun, receiver)
    for turn in 1...2 {
      try server.done("sh", "-c", "mv \"$0\" \"$0\".away && : >\"$0\"", "\(second)/logs")
      let rows = turn * 2_000_000
      // Pieces come one after the other, and then more than waits in memory.
      for row in 1...3 {
        try server.sql("INSERT INTO ledger VALUES (\(rows + row))")
        try waitUntilStored(try server.sql("SELECT pg_current_wal_insert_lsn()"), receiver)
      }
      try server.sql("INSERT INTO ledger SELECT generate_series(\(rows + 4), \(rows + 2_000_000))")
      let end = try server.sql("SELECT pg_current_wal_insert_lsn()")
      try waitUntilStored(end, receiver)
      let said = receiver.lastErrorLines
      #expect(said.contains { $0.contains("The other repositories go on") }, "\(said)")
      let told = try server.sql("SELECT coalesce(max(flush_lsn), '0/0') FROM pg_stat_replication")
      if turn == 1 { server.crash(receiver) }
      try server.done("sh", "-c", "rm \"$0\" && mv \"$0\".away \"$0\"", "\(second)/logs")
      if turn == 1 {
        let has = try #require(logs(in: second).first?["end"] as? String)
        #expect(
          try server.sql("SELECT '\(told)'::pg_lsn <= '\(has)' AND '\(has)'::pg_lsn < '\(end)'") == "t", "\(told)")
      }
      if turn == 1 { receiver = try server.receive(configuration: "two.yaml") }
      try server.waitUntilStored(end, receiver)
    }
    let last = try server.sql("INSERT INTO ledger VALUES (0); SELECT pg_current_wal_insert_lsn()")
    try server.waitUntilStored(last, receiver)
    #expect(
      receiver.lastErrorLines.contains { $0.contains("It has all of the log again") }, "\(receiver.lastErrorLines)")
    try server.stop(receiver)
    let logs = try [second, "\(server.home)/repository"].map { try segments(in: $0) }
    #expect(logs[0] == logs[1] && logs[0].count == 1, "\(logs)")
    #expect(try server.sql("SELECT count(*) FROM ledger", at: server.recover("recovered")) == "4000001")
    try server.configure(
      "config.yaml",
      server.configuration(of: server.main).replacingOccurrences(of: "\(server.home)/repository", with: second))
    #expect(try server.sql("SELECT count(*) FROM ledger", at: server.recover("again")) == "4000001")
  }

  @Test("A receiver starts while one of two repositories is away, tells the server nothing, and that one has all later")
  func awayAtStart() throws {
    let (second, up) = ("ssh://here/./second", "\(server.home)/up")
    try server.configure("ssh", server.wayToHost(in: server.home, server.ground.binary))
    try server.done("touch", up)
    try addRepository(second, "ssh_command: sh \(server.home)/ssh\n")
    var receiver = try server.receive(configuration: "two.yaml")
    try server.waitUntilStreaming(receiver)
    try server.waitUntilStored(try server.sql("CREATE TABLE t (n int); SELECT pg_current_wal_insert_lsn()"), receiver)
    try server.stop(receiver)
    let has = try #require(logs(in: second).first?["end"] as? String)

    try server.done("rm", up)
    receiver = try server.receive(configuration: "two.yaml")
    let end = try server.sql(
      "INSERT INTO t SELECT generate_series(1, 200000); SELECT pg_current_wal_insert_lsn()")
    try waitUntilStored(end, receiver)
    let said = receiver.lastErrorLines
    for text in ["Connection refused", "The other repositories go on"] {
      #expect(said.contains { $0.contains(text) }, "\(said)")
    }
    let kept = "SELECT restart_lsn <= '\(has)' FROM pg_replication_slots"
    #expect(try server.sql(kept) == "t")
    kill(receiver.identifier, SIGTERM)
    #expect(receiver.wait(seconds: 60) == .exited(143))
    #expect(receiver.lastErrorLines.contains { $0.contains("It was away") }, "\(receiver.lastErrorLines)")

    receiver = try server.receive(configuration: "two.yaml")
    try server.waitUntilStreaming(receiver)
    #expect(try server.sql(kept) == "t")
    try server.done("touch", up)
    try server.waitUntilStored(end, receiver)
    try server.stop(receiver)
    let logs = try [second, "\(server.home)/repository"].map { try segments(in: $0) }
    #expect(logs[0] == logs[1] && logs[0].count == 1, "\(logs)")
  }

  /// Makes a second repository, which two.yaml names before the first.
  ///
  /// - Parameter more: What that says besides.
  private func addRepository(_ second: String, _ more: String = "") throws {
    try server.configure(
      "two.yaml",
      more
        + server.configuration(of: server.main).replacingOccurrences(
          of: "repositories:\n", with: "repositories:\n  - path: \(second)\n"))
    try server.done(
      server.ground.binary, "--config", "\(server.home)/two.yaml", "repo-create", "--repository", second, "-e",
      "repokey")
  }

  /// The stretches of segments that a repository has of the log, and how far it goes.
  private func segments(in repository: String) throws -> [String] {
    try logs(in: repository).map { log in
      let stretches = try JSONSerialization.data(withJSONObject: log["stretches"] ?? [], options: .sortedKeys)
      return String(decoding: stretches, as: UTF8.self) + " \(log["end"] ?? "")"
    }
  }

  private func logs(in repository: String) throws -> [[String: Any]] {
    let list = try server.server([
      server.ground.binary, "--config", "\(server.home)/two.yaml", "wal", "list", "--json", "--repository", repository,
    ])
    let parsed = try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [[String: Any]]
    return try #require(parsed?.first?["logs"] as? [[String: Any]], "\(list.output) \(list.errors)")
  }

  /// Waits until the repository that is not away has the log to a place.
  private func waitUntilStored(_ place: String, _ child: ChildProcess) throws {
    let deadline = Date().addingTimeInterval(90)
    while true {
      let end = try logs(in: "\(server.home)/repository").first?["end"] as? String
      if let end, try server.sql("SELECT '\(end)'::pg_lsn >= '\(place)'::pg_lsn") == "t" { return }
      try #require(Date() < deadline && child.wait(seconds: 0) == nil, "\(place): \(child.lastErrorLines)")
      usleep(100_000)
    }
  }

  @Test("Log that the server has thrown away is said at once, with what to do, and a gap is only left on demand")
  func recycled() throws {
    let receiver = try server.receive()
    try server.waitUntilStreaming(receiver)
    try server.waitUntilStored(try server.sql("CREATE TABLE s (n int); SELECT pg_switch_wal()"), receiver)
    try server.stop(receiver)
    try server.sql("SELECT pg_drop_replication_slot('coffer_main'); CREATE TABLE t (n int)")
    for _ in 1...6 {
      try server.sql("INSERT INTO t SELECT generate_series(1, 30000); SELECT pg_switch_wal(); CHECKPOINT")
    }
    let failed = try server.coffer("wal", "receive")
    #expect(failed.status == .exited(1))
    #expect(failed.errors.contains("has not its log any more from segment"), "\(failed.errors)")
    #expect(failed.errors.contains("--leave-gap"))
    #expect(failed.errors.contains("is made anew"))
    let going = try server.receive("--leave-gap")
    try server.sql("INSERT INTO t VALUES (1); SELECT pg_switch_wal()")
    try server.waitUntilStored(try server.sql("SELECT pg_current_wal_flush_lsn()"), going)
    try server.stop(going)
    #expect(try server.coffer("wal", "list").output.contains("Missing"))
  }

  @Test("What somebody else has stored of the log that comes next leaves no gap")
  func stranger() throws {
    var receiver = try server.receive()
    try server.waitUntilStreaming(receiver)
    try server.baseBackup()
    try server.waitUntilStored(
      try server.sql("CREATE TABLE ledger (n int); SELECT pg_current_wal_insert_lsn()"), receiver)
    try server.stop(receiver)
    var last = ""
    for number in 1...3 {
      try server.sql("INSERT INTO ledger VALUES (\(number))")
      last = try server.sql("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
      try server.sql("SELECT pg_switch_wal()")
    }
    let pushed = try server.coffer("wal", "push", "pg_wal/\(last)", in: server.main)
    #expect(pushed.status == .exited(0), "\(pushed.errors)")
    receiver = try server.receive()
    try server.waitUntilStored(
      try server.sql("INSERT INTO ledger VALUES (4); SELECT pg_current_wal_insert_lsn()"), receiver)
    try server.stop(receiver)
    let list = try server.coffer("wal", "list").output
    #expect(!list.contains("Missing"), "\(list)")
    #expect(try server.sql("SELECT count(*) FROM ledger", at: server.recover("recovered")) == "4")
  }

  @Test("A primary that has less than the one before is told of nothing to be stored that is not its own")
  func failover() throws {
    let receiver = try server.receive()
    try server.waitUntilStreaming(receiver)
    try server.baseBackup()
    try server.baseBackup("standby", log: "stream")
    let standby = "\(server.home)/standby"
    let end = try server.sql(
      "CREATE TABLE lost (n int); INSERT INTO lost SELECT generate_series(1, 3000); SELECT pg_current_wal_insert_lsn()")
    try server.waitUntilStored(end, receiver)
    try server.stop(receiver)
    try server.manage("stop", server.main)
    try server.settings(standby, [])
    try server.done("touch", "\(standby)/standby.signal")
    try server.manage("start", standby)
    try server.manage("promote", standby)
    try server.configure("own.yaml", server.configuration(of: standby))
    let next = try server.receive(configuration: "own.yaml")
    try server.sql("CREATE TABLE ledger (n int)", at: standby)
    let place = try server.sql("INSERT INTO ledger VALUES (1); SELECT pg_current_wal_insert_lsn()", at: standby)
    #expect(try server.sql("SELECT '\(place)'::pg_lsn < '\(end)'", at: standby) == "t")
    try server.waitUntilStored(place, next, at: standby)
    #expect(
      try server.sql("SELECT bool_and(flush_lsn <= pg_current_wal_flush_lsn()) FROM pg_stat_replication", at: standby)
        == "t")
    server.crash(next)
    let recovered = try server.recover("recovered")
    #expect(try server.sql("SELECT count(*) FROM ledger", at: recovered) == "1")
    #expect(try server.sql("SELECT to_regclass('lost') IS NULL", at: recovered) == "t")
  }

  @Test("A standby that becomes the primary is followed to its timeline")
  func timelines() throws {
    try server.baseBackup("standby", log: "stream")
    let standby = "\(server.home)/standby"
    try server.settings(standby, ["primary_conninfo = 'host=\(server.socket(server.main)) user=postgres'"])
    try server.done("touch", "\(standby)/standby.signal")
    try server.sql("SELECT pg_create_physical_replication_slot('keep', true)")
    try server.sql("CREATE TABLE ledger (n int)")
    try server.manage("start", standby)
    try server.configure("own.yaml", server.configuration(of: standby))
    let receiver = try server.receive(configuration: "own.yaml")
    try server.waitUntilStreaming(receiver, at: standby)
    try server.baseBackup()
    try server.sql("INSERT INTO ledger VALUES (1)")
    try server.wait(for: "SELECT count(*) = 1 FROM ledger", at: standby)
    try server.manage("stop", server.main)
    try server.manage("promote", standby)
    try server.sql("INSERT INTO ledger VALUES (2)", at: standby)
    let end = try server.sql("SELECT pg_current_wal_insert_lsn()", at: standby)
    try server.waitUntilStored(end, receiver, at: standby)
    try server.stop(receiver)
    let list = try server.coffer("wal", "list").output
    #expect(list.contains("Timeline:  2") || list.contains("Timeline: 2"), "\(list)")
    #expect(
      try server.sql("SELECT string_agg(n::text, ',' ORDER BY n) FROM ledger", at: server.recover("recovered")) == "1,2"
    )
  }
}
