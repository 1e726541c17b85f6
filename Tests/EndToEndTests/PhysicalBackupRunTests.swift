import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("Physical backups of MariaDB by the built program", .serialized)
struct PhysicalBackupRunTests {
  private let ground: Playground
  private let server: OwnMariaDBServer

  init() throws {
    ground = try Playground()
    server = try OwnMariaDBServer([
      "--innodb-data-file-path=ibdata1:12M;more:4M:autoextend", "--innodb-fast-shutdown=1",
    ])
    try ground.configure("mariadb_servers:\n" + server.entry("base_backup: true"))
    try ground.succeed("repo-create", "-e", "repokey")
    try server.sql(
      """
      CREATE DATABASE shop; USE shop;
      CREATE TABLE item (id INT PRIMARY KEY, name TEXT) AS SELECT seq AS id, MD5(seq) AS name FROM seq_1_to_20000;
      CREATE TABLE old (a INT, b TEXT) ENGINE=MyISAM; INSERT INTO old VALUES (1, 'x'), (2, 'y');
      CREATE TABLE other (a INT, b TEXT) ENGINE=Aria; INSERT INTO other VALUES (3, 'z');
      CREATE USER clerk@localhost IDENTIFIED BY 'secret'; GRANT SELECT ON shop.* TO clerk@localhost;
      """)
  }

  private func entry(user: String = "root") -> String { server.entry("base_backup: true", user: user) }

  private func dump() throws -> [String: Any] {
    let items = try ground.coffer("list", "--archive", "latest", "--json").json.first?["items"] as? [[String: Any]]
    return try #require(items?.compactMap { $0["dump"] as? [String: Any] }.first)
  }

  @Test("A server is laid down as it was when its backup ended, where its binary log was, and starts with every row")
  func whole() throws {
    let rehearsed = try ground.coffer("create", "--dry-run")
    #expect(rehearsed.status == .exited(0) && rehearsed.output.contains("mariadb server 'main' at"), "\(rehearsed)")
    #expect(try ground.archives().isEmpty)
    let place = try server.sql("SHOW MASTER STATUS").split(separator: "\t").map(String.init)
    let content = try server.content()
    try ground.succeed("create")
    let dump = try dump()
    #expect(dump["format"] as? String == "xbstream" && (dump["server_version"] as? String)?.contains("MariaDB") == true)
    let physical = try #require(dump["physical"] as? [String: Any])
    #expect(UInt64(physical["checkpoint_lsn"] as? String ?? "") ?? 0 > 0)
    let log = try #require(dump["log"] as? [String: Any])
    #expect(log["file"] as? String == place[0] && log["position"] as? Int == Int(place[1]))
    #expect(log["gtid"] as? String == (try server.sql("SELECT @@gtid_binlog_pos")))
    #expect(try ground.coffer("check", "--level", "4").status == .exited(0))

    try server.sql("DROP DATABASE shop")
    let laid = "\(server.folder)/laid"
    let arguments = ["restore", "--cluster", "main", "--target-directory", laid]
    let plan = try ground.coffer(arguments + ["--dry-run"])
    #expect(plan.status == .exited(0) && plan.output.contains("to \(laid)"), "\(plan)")
    #expect(!FileManager.default.fileExists(atPath: laid))
    let restored = try ground.coffer(arguments + ["--yes"])
    #expect(restored.status == .exited(0) && restored.output.contains("Laid down"), "\(restored)")
    server.stop()
    try server.start(in: laid)
    #expect(try server.content() == content)
    #expect(try server.sql("SELECT COUNT(*), SUM(id) FROM shop.item") == "20000\t200010000")
    // Nothing is written where something is.
    let again = try ground.coffer(arguments + ["--yes"])
    #expect(again.status == .exited(1) && again.errors.contains("not empty"), "\(again)")
  }

  @Test("Tables may be made, altered, renamed and dropped while a backup is made")
  func meanwhile() throws {
    // So slow that it takes some seconds.
    try ground.write(".my.cnf", "[mariabackup]\nthrottle=20\n")
    try server.sql("USE shop; CREATE TABLE led (n INT) ENGINE=Aria; CREATE TABLE oldest (a INT) ENGINE=MyISAM")
    var number = 0
    // A table that is renamed at the wrong moment mariadb-backup itself leaves out, at times: that is seen, and made again.
    var isToldIncomplete = true
    for attempt in 1...3 where isToldIncomplete {
      let create = try ground.start("create")
      // Not without an end: it copies tables that were made meanwhile while statements like these wait.
      while create.wait(seconds: 0) == nil, number < 40 * attempt {
        number += 1
        try server.sql(
          """
          USE shop; ALTER TABLE old ADD c\(number) INT; RENAME TABLE led TO led2; RENAME TABLE led2 TO led;
          CREATE TABLE made\(number) (a INT) ENGINE=InnoDB; INSERT INTO made\(number) VALUES (\(number));
          RENAME TABLE made\(number) TO row\(number); ALTER TABLE row\(number) ADD b INT DEFAULT 7;
          CREATE TABLE brief (a INT) ENGINE=Aria; DROP TABLE brief; TRUNCATE oldest; INSERT INTO led VALUES (\(number));
          """)
      }
      let isMade = create.wait() == .exited(0)
      isToldIncomplete = !isMade && ground.errors.contains("made and renamed while the backup was made")
      try #require((isMade || isToldIncomplete) && number > 1, "\(number): \(ground.errors)")
    }
    try #require(!isToldIncomplete, "\(ground.errors)")
    let laid = "\(server.folder)/laid"
    try ground.succeed("restore", "--cluster", "main", "--target-directory", laid, "--yes")
    server.stop()
    try server.start(in: laid)
    let said = try server.run([
      "mariadb-check", "--no-defaults", "--socket", server.socket, "--user", "root", "--all-databases", "--silent",
    ])
    #expect(said == "")
    let count = try #require(Int(try server.sql("SELECT MAX(n) FROM shop.led")))
    #expect(try server.sql("SELECT COUNT(*) FROM shop.led") == "\(count)" && count > 0)
    for number in 1...count { #expect(try server.sql("SELECT * FROM shop.row\(number)") == "\(number)\t7") }
    #expect(try server.sql("SELECT a, b FROM shop.old") == "1\tx\n2\ty")
  }

  @Test("What another system's servers know is refused, and so is a restore of it as of a database")
  func refused() throws {
    try ground.succeed("create")
    let base = ["restore", "--cluster", "main", "--target-directory", "\(server.folder)/laid", "--yes"]
    for more in [
      ["--to-lsn", "1/2"], ["--delta"], ["--start"], ["--timeline", "2"],
    ] {
      let run = try ground.coffer(base + more)
      #expect(run.status == .exited(1) && run.errors.contains(more[0]), "\(run)")
      #expect(!FileManager.default.fileExists(atPath: "\(server.folder)/laid"))
    }
    let plain = try ground.coffer("restore", "--archive", "latest", "--yes")
    #expect(plain.status == .exited(1) && plain.errors.contains("physical backup of a whole server"), "\(plain)")
    // Another server may have the name, too.
    try ground.configure("mariadb_servers:\n" + entry() + "postgresql_clusters:\n  - name: main\n")
    let two = try ground.coffer(base)
    #expect(two.status == .exited(1) && two.errors.contains("--hook"), "\(two)")
    let chosen = try ground.coffer(base + ["--hook", "mariadb_servers"])
    #expect(chosen.status == .exited(0), "\(chosen)")
  }

  @Test("A backup is proven by a server that looks at every table of it")
  func verified() throws {
    // Sockets' paths are short.
    let drills = "/tmp/coffer-drills-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: drills, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: drills) }
    try ground.configure(
      "verify_directory: \(drills)\nuser_state_directory: \(ground.folder)/state\n"
        + "verify_queries: [{database: 'sh*', query: 'SELECT COUNT(*) FROM item', expect: '20000'}]\nmariadb_servers:\n"
        + entry())
    try ground.succeed("create")
    func verify() throws -> (Playground.Outcome, [String: Any]) {
      let run = try ground.coffer("verify", "--json")
      return (run, try #require((run.json.first?["proofs"] as? [[String: Any]])?.first, "\(run)"))
    }
    let (run, proof) = try verify()
    #expect(run.status == .exited(0) && proof["proven"] as? Bool == true, "\(run)")
    #expect((proof["rows"] as? Int ?? 0) > 20_003 && proof["queries"] as? Int == 1, "\(proof)")
    // MyISAM has no checksums that the backup would have seen.
    try server.sql("FLUSH TABLES")
    try server.run(["sh", "-c", "printf xyz | dd of=\"$0\" conv=notrunc 2>/dev/null", "\(server.data)/shop/old.MYD"])
    try ground.succeed("create")
    let (damaged, found) = try verify()
    #expect(damaged.status == .exited(1) && found["proven"] as? Bool == false, "\(damaged)")
    #expect((found["problem"] as? String)?.contains("shop.old") == true, "\(found)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: drills).isEmpty)
  }

  @Test("A damaged page, and a user without the right, leave no archive")
  func failures() throws {
    try server.sql("CREATE USER weak@localhost")
    try ground.configure("mariadb_servers:\n" + entry(user: "weak"))
    for arguments in [["create"], ["create", "--dry-run"]] {
      let weak = try ground.coffer(arguments)
      #expect(weak.status == .exited(1) && weak.errors.contains("GRANT RELOAD"), "\(weak)")
    }
    try ground.configure("mariadb_servers:\n" + entry())
    server.stop()
    try server.run([
      "sh", "-c", "printf xyz | dd of=\"$0\" bs=16384 seek=20 conv=notrunc 2>/dev/null", "\(server.data)/shop/item.ibd",
    ])
    try server.start()
    let damaged = try ground.coffer("create")
    #expect(damaged.status == .exited(1) && damaged.errors.contains("item.ibd seems to be corrupted"), "\(damaged)")
    // The program writes down what is on the page.
    #expect(damaged.errors.utf8.count < 2000, "\(damaged)")
    #expect(try ground.archives().isEmpty)
    #expect(ground.leftovers().isEmpty)
  }

  @Test("A second backup adds little more than what has changed")
  func growth() throws {
    try server.sql("USE shop; INSERT INTO item SELECT seq, SHA1(seq) FROM seq_20001_to_200000")
    func added() throws -> Int {
      let run = try ground.coffer("create", "--json")
      let archive = try #require(run.json.first?["archive"] as? [String: Any], "\(run)")
      return try #require((archive["stats"] as? [String: Any])?["deduplicated_size"] as? Int)
    }
    try server.sql(
      "SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0; SET GLOBAL innodb_max_dirty_pages_pct = 0; SELECT SLEEP(5)")
    let first = try added()
    try server.sql("UPDATE shop.item SET name = MD5(name) WHERE id % 20000 = 7; SELECT SLEEP(3)")
    let second = try added()
    #expect(second * 50 < first, "\(second) of \(first)")
  }
}
