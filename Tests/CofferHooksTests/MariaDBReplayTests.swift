import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Databases of MariaDB brought to a moment by the log of their server", .serialized)
struct MariaDBReplayTests {
  private let bench: ReplayBench
  private var server: OwnMariaDBServer { bench.server }
  private var context: HookContext { bench.context }

  init() throws {
    bench = try ReplayBench()
  }

  @Test(
    "Each target lands on exactly what was committed by then, over files of the log, and other databases stay as they are"
  )
  func targets() throws {
    try bench.commit(1)
    let dump = try bench.dump("shop")
    var moments: [(time: Int64, gtid: String)] = []
    for number in 2...5 {
      try bench.commit(number)
      if number == 3 { try server.sql("FLUSH BINARY LOGS") }
      let gtid = try server.sql("SELECT @@gtid_binlog_pos")
      moments.append((try bench.nextSecond(), gtid))
    }
    try server.sql("DROP TABLE shop.ledger")
    for (index, moment) in moments.enumerated() {
      let gtid = try #require(BinaryLogGTID(moment.gtid))
      for target in [ReplayTarget.time(moment.time), .gtid(.mariadb(gtid))] {
        let reached = try bench.bring([dump], to: target)
        #expect(reached?.gtid == .mariadb(gtid))
        #expect(try bench.numbers("shop.ledger") == Array(1...index + 2))
        #expect(try bench.numbers("other.ledger") == [1, 2, 3, 4, 5])
        try server.sql("DROP TABLE shop.ledger")
      }
    }
  }

  @Test("Dumps of several databases that were made one after another are brought forward each from its own place")
  func several() throws {
    try bench.commit(1)
    let first = try bench.dump("shop")
    try bench.commit(2)
    let second = try bench.dump("other")
    try bench.commit(3)
    try server.sql("INSERT INTO `o_d d%`.ledger VALUES (7)")
    let time = try bench.nextSecond()
    try bench.commit(4)
    try bench.bring([first, second], to: .time(time))
    #expect(try bench.numbers("shop.ledger") == [1, 2, 3])
    #expect(try bench.numbers("other.ledger") == [1, 2, 3])
    #expect(try bench.numbers("`o_d d%`.ledger") == [7])
  }

  @Test("A database with signs of patterns in its name is replayed, and no other that the pattern would match")
  func oddName() throws {
    try server.sql("CREATE DATABASE `oxd dy`; CREATE TABLE `oxd dy`.ledger (n INT PRIMARY KEY)")
    let dump = try bench.dump("o_d d%")
    try server.sql("INSERT INTO `o_d d%`.ledger VALUES (1); INSERT INTO `oxd dy`.ledger VALUES (2)")
    let time = try bench.nextSecond()
    try server.sql("INSERT INTO `o_d d%`.ledger VALUES (3)")
    try bench.bring([dump], to: .time(time))
    #expect(try bench.numbers("`o_d d%`.ledger") == [1])
  }

  @Test("What others have written into the log does nothing to anything but the chosen database")
  func hostile() throws {
    let mark = "\(server.folder)/evil"
    let dump = try bench.dump("shop")
    try server.sql(
      """
      USE other; INSERT INTO other.ledger VALUES (100);
      INSERT INTO shop.ledger VALUES (2, 'DELIMITER //\\n\\\\! touch \(mark)\\n//');
      USE shop; CREATE TABLE k (a INT) COMMENT '\\n\\\\! touch \(mark)\\nDELIMITER ;;\\n';
      INSERT INTO k /* \\! touch \(mark)
      delimiter $$
      \\! touch \(mark)
      */ VALUES (3);
      INSERT INTO other.ledger VALUES (101); ALTER TABLE other.ledger ADD z INT;
      DELIMITER //
      CREATE DEFINER=app@'%' PROCEDURE p() BEGIN DROP DATABASE other; END//
      CREATE TRIGGER tr BEFORE INSERT ON ledger FOR EACH ROW BEGIN SET NEW.note = CONCAT(NEW.note, '!'); END//
      CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO BEGIN DELETE FROM other.ledger; END//
      DELIMITER ;
      DROP EVENT e;
      INSERT INTO ledger VALUES (4, 'trigger');
      USE other; CREATE PROCEDURE shop.q() SELECT 2; CREATE PROCEDURE away() SELECT 2; ALTER TABLE shop.k ADD b INT DEFAULT 9;
      CREATE TABLE shop.copied AS SELECT * FROM shop.k;
      SET GLOBAL max_connections = 77; CREATE USER thief@'%'; GRANT ALL ON *.* TO thief@'%';
      DROP DATABASE `o_d d%`; SET PASSWORD FOR app@'%' = PASSWORD('x'); CREATE ROLE r; FLUSH TABLES; ANALYZE TABLE other.ledger;
      DROP PROCEDURE old; ALTER EVENT tick DISABLE; CREATE VIEW w AS SELECT n FROM ledger;
      CREATE TRIGGER far AFTER INSERT ON ledger FOR EACH ROW SET @x = 1; DROP TRIGGER far;
      USE shop; CREATE PROCEDURE other.old() SELECT 2; DROP PROCEDURE other.old; DROP EVENT other.tick; CREATE PROCEDURE other.elsewhere() SELECT 3; RENAME TABLE copied TO moved;
      CREATE TEMPORARY TABLE t (a INT); INSERT INTO t VALUES (5); INSERT INTO k (a) SELECT a FROM t;
      """)
    let time = try bench.nextSecond()
    try server.sql("DROP USER thief@'%'; DROP DATABASE shop; CREATE DATABASE `o_d d%`")
    try bench.bring([dump], to: .time(time))
    #expect(!FileManager.default.fileExists(atPath: mark))
    #expect(
      try server.sql("SELECT n, note FROM shop.ledger ORDER BY n")
        == "2\tDELIMITER //\\n\\\\! touch \(mark)\\n//\n4\ttrigger!")
    #expect(try server.sql("SELECT * FROM shop.k ORDER BY a; SELECT * FROM shop.moved") == "3\t9\n5\t9\n3\t9")
    #expect(try server.sql("SELECT n, z FROM other.ledger ORDER BY n") == "100\tNULL\n101\tNULL")
    #expect(
      try server.sql("SELECT name FROM mysql.proc WHERE db = 'shop' ORDER BY 1") == "p\nq")
    #expect(try server.sql("SELECT COUNT(*) FROM mysql.user WHERE user = 'thief'") == "0")
    #expect(try server.sql("SHOW DATABASES LIKE 'o%'") == "o_d d%\nother")
  }

  @Test(
    "What the log makes with its files in other folders is made without any outside, also where the log is compressed",
    arguments: [false, true])
  func directories(isCompressed: Bool) throws {
    let place = server.folder + "/elsewhere"
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: place) }
    chmod(place, 0o1777)
    let dump = try bench.dump("shop")
    if isCompressed { try server.sql("SET GLOBAL log_bin_compress = ON; SET GLOBAL log_bin_compress_min_len = 10") }
    try server.sql(
      """
      USE shop; CREATE TABLE far (n INT) DATA DIRECTORY='\(place)'; INSERT INTO far VALUES (1);
      CREATE TABLE isam (n INT) ENGINE=MyISAM DATA DIRECTORY='\(place)' INDEX DIRECTORY='\(place)'; INSERT INTO isam VALUES (2);
      CREATE TABLE parts (n INT) PARTITION BY HASH (n) (PARTITION p DATA DIRECTORY='\(place)'); INSERT INTO parts VALUES (3);
      ALTER TABLE parts ADD PARTITION (PARTITION q DATA DIRECTORY='\(place)');
      CREATE PROCEDURE made() CREATE TABLE later (n INT) DATA DIRECTORY='\(place)';
      """)
    #expect(try server.sql("SHOW BINLOG EVENTS").contains("Query_compressed") == isCompressed)
    let time = try bench.nextSecond()
    try server.sql("DROP DATABASE shop; CREATE DATABASE shop")
    try FileManager.default.removeItem(atPath: place)
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    chmod(place, 0o1777)
    func files() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: place) }
    try bench.bring([dump], to: .time(time), look: { try #expect(files() == []) })
    #expect(try server.sql("SELECT n FROM shop.far; SELECT n FROM shop.isam; SELECT n FROM shop.parts") == "1\n2\n3")
    #expect(try files() == [])
    let mode = "SELECT sql_mode LIKE '%STRICT_TRANS_TABLES%' FROM mysql.proc WHERE db = 'shop'"
    #expect(try server.sql(mode) == "1")
  }

  @Test("A server that does not go on is waited for until that is certain, and then what it says is told")
  func standstill() throws {
    let dump = try bench.dump("shop")
    try bench.commit(1)
    let time = try bench.nextSecond()
    try bench.commit(2)
    let passed = Monitor<Double>(0)
    let clock = Clock(now: context.clock.now) { [clock = context.clock] in clock.steadySeconds() + passed.update { $0 }
    }
    let ground = try DrillGround(in: "/tmp", user: "nobody", context: makeContext(clock: clock))
    defer { ground.remove() }
    let replay = try bench.replay([dump], by: bench.log([dump], to: .time(time), on: ground), on: ground)
    defer { replay.remove() }
    try dump.restore(try replay.restore(of: dump.facts), context: replay.context)
    let session = replay.server.session
    let holder = try session.input()
    defer { holder.abandon() }
    try Array("LOCK TABLES shop.ledger READ; SELECT SLEEP(600);\n".utf8).withUnsafeBytes(holder.write)
    try holder.flush()
    while try session.query("SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'", 1).isEmpty {
      usleep(50_000)
    }
    var looks = 0
    let error = #expect(throws: ReplayError.self) {
      _ = try replay.run { _ in
        looks += 1
        passed.update { $0 += 100 }
      }
    }
    guard case .standsStill(let state, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(state.contains("lock") && looks >= 9, "\(state)")
    #expect(try bench.numbers("shop.ledger") == [1, 2])
  }

  @Test("What cannot be replayed is said, and nothing is changed")
  func refused() throws {
    let dump = try bench.dump("shop")
    try bench.commit(1)
    try server.sql("CREATE VIEW shop.across AS SELECT n FROM other.ledger")
    let time = try bench.nextSecond()
    try bench.commit(2)
    #expect {
      try bench.bring([dump], to: .time(time))
    } throws: {
      guard case ReplayError.failed(let text, _) = $0 else { return false }
      return text.contains("other.ledger")
    }
    #expect(try bench.numbers("shop.ledger") == [1, 2])
  }

  @Test("A database that was dropped before the target is not made of nothing")
  func dropped() throws {
    let dump = try bench.dump("shop")
    try server.sql("DROP DATABASE shop")
    let time = try bench.nextSecond()
    try server.sql("CREATE DATABASE shop; CREATE TABLE shop.x (i INT)")
    #expect(throws: ReplayError.dropped(dump.facts.identity)) { try bench.bring([dump], to: .time(time)) }
    #expect(try server.sql("SHOW TABLES IN shop") == "x")
  }

  @Test(
    "Those whom views and triggers act for are made in the throw-away server: those of the dump, and those of the log")
  func definers() throws {
    try server.sql(
      """
      CREATE USER late@'%'; GRANT ALL ON shop.* TO app@'%'; GRANT ALL ON shop.* TO late@'%';
      CREATE DEFINER=app@'%' VIEW shop.over AS SELECT n FROM shop.v;
      CREATE DEFINER=app@'%' FUNCTION shop.f() RETURNS INT DETERMINISTIC RETURN 1;
      CREATE DEFINER=app@'%' VIEW shop.calls AS SELECT shop.f() AS n FROM shop.ledger;
      CREATE DEFINER=app@'%' TRIGGER shop.tr BEFORE INSERT ON shop.ledger FOR EACH ROW SET NEW.note = CONCAT(NEW.note, '!');
      """)
    let dump = try bench.dump("shop")
    try server.sql(
      """
      CREATE DEFINER=late@'%' VIEW shop.low AS SELECT n FROM shop.ledger;
      CREATE DEFINER=late@'%' VIEW shop.high AS SELECT n FROM shop.low;
      CREATE USER late@'127.0.0.1'; DROP USER late@'127.0.0.1';
      USE shop; SET binlog_format = STATEMENT; INSERT INTO ledger VALUES (1, 'a');
      """)
    let time = try bench.nextSecond()
    try server.sql("DELETE FROM shop.ledger; DROP VIEW shop.high")
    try bench.bring([dump], to: .time(time))
    #expect(try server.sql("SELECT * FROM shop.ledger") == "1\ta!")
    for view in ["over", "calls", "low", "high"] { #expect(try bench.numbers("shop.\(view)") == [1], "\(view)") }
    #expect(
      try server.sql("SELECT DISTINCT definer FROM information_schema.views WHERE table_schema = 'shop' ORDER BY 1")
        == "app@%\nlate@%")
  }

  @Test("What another database's triggers have written by a statement is missing, and warned of")
  func statementsOfOthers() throws {
    try server.sql(
      "CREATE TRIGGER other.tr AFTER INSERT ON other.ledger FOR EACH ROW INSERT INTO shop.ledger VALUES (NEW.n, 't')")
    let dump = try bench.dump("shop")
    try server.sql("USE shop; SET binlog_format = STATEMENT; INSERT INTO ledger VALUES (1, 'own')")
    let before = try bench.nextSecond()
    try server.sql("USE shop; SET binlog_format = STATEMENT; INSERT INTO other.ledger VALUES (2)")
    try server.sql("INSERT INTO other.ledger VALUES (3)")
    let time = try bench.nextSecond()
    try server.sql("INSERT INTO other.ledger VALUES (4)")
    #expect(try bench.numbers("shop.ledger") == [1, 2, 3, 4])
    var warnings: [String] = []
    try bench.bring([dump], to: .time(before)) { warnings = $0 }
    #expect(try bench.numbers("shop.ledger") == [1] && warnings == [])
    try bench.bring([dump], to: .time(time)) { warnings = $0 }
    #expect(try bench.numbers("shop.ledger") == [1, 3])
    #expect(warnings.count == 1 && warnings[0].hasPrefix("The log has changes in other as statements"), "\(warnings)")
  }

  @Test("Statements that go by the clock of the server's machine are warned of, unless this one has the same time zone")
  func timeZone() throws {
    let root = try makeRoot("mariadb_databases:\n" + bench.entry("shop") + "mariadb_servers:\n" + server.entry())
    let dump = try TakenDump(MariaDBHook(.mariadb).dumps(of: root, context: context)[0], context: context)
    let own = try #require(dump.facts.details["system_time_zone"])
    #expect(own.split(separator: " ").compactMap { Int($0) }.count == 2, "\(own)")
    let format = "USE shop; SET binlog_format = STATEMENT; "
    try server.sql(format + "SET time_zone = '+01:00'; INSERT INTO ledger VALUES (1, NOW())")
    let before = try bench.nextSecond()
    try server.sql(format + "INSERT INTO ledger VALUES (2, NOW())")
    let time = try bench.nextSecond()
    try bench.commit(3)
    for (zone, target, text) in [
      (own, time, nil), ("1 1", time, "is another"), (nil, time, "may be another"), (nil, before, nil),
    ] as [(String?, Int64, String?)] {
      var facts = dump.facts
      facts.details["system_time_zone"] = zone
      var warnings: [String] = []
      try bench.bring([TakenDump(facts: facts, bytes: dump.bytes)], to: .time(target)) { warnings = $0 }
      #expect(warnings.count == (text == nil ? 0 : 1), "\(warnings)")
      if let text { #expect(warnings.first?.contains(text) == true, "\(warnings)") }
    }
  }

  @Test("What the log does not tell of a database is warned of")
  func doubts() throws {
    try server.sql(
      """
      CREATE TABLE shop.loose (n INT) ENGINE=MyISAM; CREATE TABLE shop.led (n INT, FOREIGN KEY (n) REFERENCES other.ledger (n)
      ON DELETE CASCADE); CREATE SEQUENCE shop.s
      """)
    let dump = try bench.dump("shop")
    try server.sql("CREATE TABLE shop.later (n INT) ENGINE=Aria; CREATE TABLE other.loose (n INT) ENGINE=MyISAM")
    let time = try bench.nextSecond()
    try bench.commit(1)
    var warnings: [String] = []
    try bench.bring([dump], to: .time(time)) { warnings = $0 }
    #expect(warnings.contains { $0.contains("written to shop.loose while") })
    #expect(warnings.contains { $0.contains("written to shop.later, shop.loose while") })
    #expect(warnings.contains { $0.contains("keys of shop.led lead") })
    #expect(warnings.count == 3)
  }
}
