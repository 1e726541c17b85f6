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
