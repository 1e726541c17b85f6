import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("Databases of MariaDB at a moment, through the built program", .serialized)
struct MariaDBPointInTimeTests {
  private let bench: BinlogGround
  private var ground: Playground { bench.ground }
  private var server: OwnMariaDBServer { bench.server }

  init() throws {
    bench = try BinlogGround(["--binlog-format=ROW"])
    let database = "mariadb_databases:\n  - {name: shop, socket_path: \(bench.server.socket), username: root}\n"
    try bench.ground.configure("verify_directory: /tmp\n" + database + "mariadb_servers:\n" + bench.server.entry())
    try bench.server.sql("CREATE DATABASE other; CREATE TABLE other.ledger (n INT PRIMARY KEY)")
  }

  private func commit(_ number: Int) throws {
    try server.sql("INSERT INTO shop.ledger (n) VALUES (\(number)); INSERT INTO other.ledger VALUES (\(number))")
  }

  /// A moment by the server's clock, with everything before it in an earlier second than what comes.
  private func moment() throws -> String {
    func now() throws -> String {
      try server.sql("SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%d %H:%i:%SZ')")
    }
    let moment = try now()
    while try now() == moment { usleep(20_000) }
    return moment
  }

  private func rows(_ table: String) throws -> [Int] {
    try server.sql("SELECT n FROM \(table) ORDER BY n").split(separator: "\n").compactMap { Int($0) }
  }

  @Test(
    "A table that was dropped comes back as it was the second before; other databases stay, and what cannot be reached is said"
  )
  func dropped() throws {
    let child = try bench.receive()
    defer { child.terminate() }
    try commit(1)
    let beforeDump = try moment()
    let early = try server.sql("SELECT @@gtid_binlog_pos")
    try ground.succeed("create")
    try commit(2)
    let second = try moment()
    try commit(3)
    try server.sql("FLUSH BINARY LOGS")
    try commit(4)
    let third = try moment()
    try server.sql("DROP TABLE shop.ledger")
    // More may have been written in the second of what the log has last.
    try server.sql("SET timestamp = 2147483000; INSERT INTO other.ledger VALUES (5)")
    try bench.waitUntilStored(child)

    let trial = try ground.coffer("restore", "--database", "shop", "--to-time", third, "--dry-run")
    #expect(trial.status == .exited(0), "\(trial.errors)")
    #expect(try server.sql("SHOW TABLES IN shop").isEmpty)

    let aside = try ground.coffer("restore", "--database", "shop", "--to-time", second, "--target-name", "shop_before")
    #expect(aside.status == .exited(0), "\(aside.errors)")
    #expect(try rows("shop_before.ledger") == [1, 2])
    #expect(try server.sql("SHOW TABLES IN shop").isEmpty)

    let back = try ground.coffer("restore", "--database", "shop", "--to-time", third, "--json")
    #expect(back.status == .exited(0), "\(back.errors)")
    #expect(try rows("shop.ledger") == [1, 2, 3, 4])
    #expect(try rows("other.ledger") == [1, 2, 3, 4, 5])
    let replayed = back.json.first?["replayed"] as? [String: Any]
    #expect((replayed?["gtid"] as? String)?.hasPrefix("0-7-") == true && replayed?["transactions"] as? Int == 6)

    for (target, text) in [
      ("2100-01-01 00:00", "nearest point"), ("2038-01-19 03:03:20Z", "--to-gtid 0-7-"),
      ("2030-01-01 00:00:00.5", "whole seconds"),
      (beforeDump, "No dump was made before"),
    ] {
      let outcome = try ground.coffer("restore", "--database", "shop", "--to-time", target)
      #expect(outcome.status != .exited(0) && outcome.errors.contains(text), "\(outcome.errors)")
    }
    let gone = try ground.coffer("restore", "--database", "shop", "--to-gtid", "0-7-999999")
    #expect(gone.status != .exited(0) && gone.errors.contains("nearest point"), "\(gone.errors)")
    let had = try ground.coffer("restore", "--database", "shop", "--to-gtid", early)
    #expect(had.status != .exited(0) && had.errors.contains("has transactions behind"), "\(had.errors)")
    #expect(try rows("shop.ledger") == [1, 2, 3, 4])
    let table = try ground.coffer("restore", "--database", "shop", "--to-time", third, "--table", "ledger")
    #expect(table.status != .exited(0) && table.errors.contains("--target-name"), "\(table.errors)")
    #expect(try server.sql("SHOW DATABASES LIKE 'coffer%'").isEmpty)

    let shown = try ground.coffer("info", "--archive", "latest", "--json").json.first?["archives"] as? [[String: Any]]
    let dumps = shown?.first?["dumps"] as? [[String: Any]]
    #expect((dumps?.first?["log"] as? [String: Any])?["file"] as? String == "binlog.000001")
  }

  // What was long before goes, too: of that are tests with a clock of their own.
  @Test("prune leaves what a dump needs to be brought further")
  func pruned() throws {
    let child = try bench.receive()
    defer { child.terminate() }
    try commit(1)
    try bench.waitUntilStored(child)
    sleep(2)
    try ground.succeed("create")
    try commit(2)
    let target = try moment()
    try commit(3)
    try bench.waitUntilStored(child)
    sleep(3)
    try commit(4)
    try bench.waitUntilStored(child)
    try ground.succeed("prune", "--keep-last", "1", "--keep-log", "1S")
    try ground.succeed("restore", "--database", "shop", "--to-time", target)
    #expect(try rows("shop.ledger") == [1, 2])
  }

  @Test(
    "A whole server is laid down as it was at a moment, with its accounts and all databases; what cannot be reached is said before"
  )
  func wholeServer() throws {
    try ground.configure("verify_directory: /tmp\nmariadb_servers:\n" + server.entry("base_backup: true"))
    let child = try bench.receive()
    defer { child.terminate() }
    try commit(1)
    let early = try server.sql("SELECT @@gtid_binlog_pos")
    let beforeBackup = try moment()
    try ground.succeed("create")
    var points: [(target: [String], gtid: String, ledger: [Int])] = []
    for number in 2...4 {
      try commit(number)
      if number == 3 { try server.sql("FLUSH BINARY LOGS") }
      let gtid = try server.sql("SELECT @@gtid_binlog_pos")
      let time = try moment()
      points.append((number == 2 ? ["--to-gtid", gtid] : ["--to-time", time], gtid, Array(1...number)))
    }
    try server.sql(
      """
      CREATE USER clerk@localhost IDENTIFIED BY 'secret'; GRANT SELECT ON shop.* TO clerk@localhost;
      CREATE DATABASE late; CREATE TABLE late.t (a INT) ENGINE=Aria; INSERT INTO late.t VALUES (7);
      CREATE PROCEDURE late.p() SELECT 1; CREATE EVENT late.tick ON SCHEDULE EVERY 1 DAY DO SELECT 1; DROP DATABASE other; RENAME TABLE shop.ledger TO late.ledger;
      """)
    let last = try moment()
    func content() throws -> String {
      try server.run([
        "mariadb-dump", "--no-defaults", "--socket", server.socket, "--user", "root", "--databases", "shop", "late",
        "--skip-comments", "--order-by-primary", "--routines",
      ]) + server.sql("SELECT * FROM mysql.global_priv ORDER BY 1, 2; SHOW DATABASES")
    }
    let state = try content()
    // What a server without the engine cannot do.
    try server.sql("INSTALL SONAME 'ha_blackhole'; CREATE TABLE late.hole (a INT) ENGINE=BLACKHOLE")
    let beyond = try moment()
    try server.sql("SET timestamp = 2147483000; INSERT INTO late.ledger (n) VALUES (9)")
    try bench.waitUntilStored(child)

    func laid(_ name: String) -> String { "\(server.folder)/\(name)" }
    func restore(_ name: String, _ more: [String]) throws -> Playground.Outcome {
      try ground.coffer(["restore", "--cluster", "main", "--target-directory", laid(name), "--yes"] + more)
    }
    for (target, text) in [
      (["--to-time", "2100-01-01 00:00"], "nearest point"), (["--to-gtid", "0-7-999999"], "nearest point"),
      (["--to-time", beforeBackup], "No dump was made before"), (["--to-gtid", early], "has transactions behind"),
      (["--to-time", last, "--to-gtid", early], "Several targets"), (["--to-time", beyond], "BLACKHOLE"),
    ] {
      let outcome = try restore("refused", target)
      #expect(outcome.status == .exited(1) && outcome.errors.contains(text), "\(target): \(outcome)")
      #expect(try !FileManager.default.contentsOfDirectory(atPath: server.folder).contains { $0.contains("refused") })
    }
    let trial = try restore("trial", ["--to-time", last, "--dry-run"])
    #expect(trial.status == .exited(0) && trial.output.contains("transactions of the server's log"), "\(trial)")
    #expect(!FileManager.default.fileExists(atPath: laid("trial")))

    for (number, point) in points.enumerated() {
      let outcome = try restore("laid\(number)", point.target + ["--json"])
      try #require(outcome.status == .exited(0), "\(outcome)")
      let replayed = outcome.json.first?["replayed"] as? [String: Any]
      #expect(replayed?["gtid"] as? String == point.gtid, "\(outcome)")
    }
    let whole = try restore("whole", ["--to-time", last])
    try #require(whole.status == .exited(0), "\(whole)")
    let enabling = "ALTER DEFINER = 'root'@'localhost' EVENT `late`.`tick` ENABLE"
    #expect(whole.errors.contains(enabling), "\(whole)")
    child.terminate()
    // A server makes some of them anew.
    let files = try FileManager.default.contentsOfDirectory(atPath: laid("whole"))
    #expect(
      !files.contains { $0.contains("relay") || $0.contains("master") || $0.contains("coffer") || $0 == "tc.log" })
    for (number, point) in points.enumerated() {
      server.stop()
      try server.start(in: laid("laid\(number)"))
      for table in ["shop.ledger", "other.ledger"] { #expect(try rows(table) == point.ledger, "\(table)") }
      #expect(try server.sql("SELECT @@gtid_slave_pos; SHOW SLAVE STATUS") == point.gtid)
      #expect(
        try server.sql("SELECT COUNT(*) FROM mysql.global_priv WHERE user IN ('clerk') OR user LIKE 'coffer%'") == "0")
    }
    server.stop()
    try server.start(in: laid("whole"))
    #expect(try content() == state)
    #expect(try server.sql("\(enabling); SELECT STATUS FROM information_schema.EVENTS") == "ENABLED")
    let said = try server.run([
      "mariadb-check", "--no-defaults", "--socket", server.socket, "--user", "root", "--all-databases", "--silent",
    ])
    #expect(said == "")
  }

  @Test("prune leaves what a physical backup needs to be brought further")
  func prunedBehindServers() throws {
    try ground.configure("mariadb_servers:\n" + server.entry("base_backup: true"))
    let child = try bench.receive()
    defer { child.terminate() }
    try commit(1)
    try server.sql("FLUSH BINARY LOGS")
    try bench.waitUntilStored(child)
    sleep(2)
    let place = try server.sql("SHOW MASTER STATUS").split(separator: "\t").map(String.init)
    try ground.succeed("create")
    let shown = try ground.coffer("info", "--archive", "latest", "--json").json.first?["archives"] as? [[String: Any]]
    let log = try #require((shown?.first?["dumps"] as? [[String: Any]])?.first?["log"] as? [String: Any])
    #expect(log["file"] as? String == place[0] && log["position"] as? Int == Int(place[1]))
    try commit(2)
    try server.sql("FLUSH BINARY LOGS")
    try bench.waitUntilStored(child)
    sleep(3)
    try commit(3)
    try bench.waitUntilStored(child)
    try ground.succeed("prune", "--keep-last", "1", "--keep-log", "1S")
    let own = try bench.files("--from", place[0])
    let theirs = try server.binaryLog().filter { $0.key >= place[0] }
    #expect(own.keys.sorted() == theirs.keys.sorted() && own.count == 2)
    // What was stored before the backup began may be gone.
    let rest = (theirs[place[0]]?.count ?? 0) - (Int(place[1]) ?? 0)
    #expect(rest > 0 && own[place[0]]?.suffix(rest) == theirs[place[0]]?.suffix(rest))
  }
}
