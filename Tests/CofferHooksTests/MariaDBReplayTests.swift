import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Databases of MariaDB brought to a moment by the log of their server", .serialized)
struct MariaDBReplayTests {
  private let server: OwnMariaDBServer
  private let context: HookContext

  init() throws {
    context = try makeContext()
    server = try OwnMariaDBServer(["--binlog-format=ROW"])
    try server.sql(
      """
      CREATE DATABASE shop; CREATE DATABASE other; CREATE DATABASE `o_d d%`;
      CREATE TABLE shop.ledger (n INT PRIMARY KEY, note TEXT); CREATE TABLE other.ledger (n INT PRIMARY KEY);
      CREATE TABLE `o_d d%`.ledger (n INT PRIMARY KEY); CREATE USER app@'%';
      CREATE DEFINER=app@'%' VIEW shop.v AS SELECT n FROM shop.ledger;
      CREATE PROCEDURE other.old() SELECT 1; CREATE EVENT other.tick ON SCHEDULE EVERY 1 DAY DO SELECT 1;
      """)
  }

  private func root(_ names: [String]) throws -> ConfigurationSection {
    try makeRoot("mariadb_databases:\n" + names.map { entry($0) }.joined())
  }

  private func entry(_ name: String) -> String {
    "  - {name: \"\(name)\", socket_path: \(server.socket), username: root}\n"
  }

  private func dump(_ name: String) throws -> TakenDump {
    let plan = try MariaDBHook(.mariadb).dumps(of: root([name]), context: context)
    return try TakenDump(plan[0], context: context)
  }

  private func commit(_ number: Int) throws {
    try server.sql("INSERT INTO shop.ledger VALUES (\(number), 'n'); INSERT INTO other.ledger VALUES (\(number))")
  }

  /// Waits until the server's clock shows another second, so that what comes is told from what was.
  private func nextSecond() throws -> Int64 {
    let now = try #require(Int64(try server.sql("SELECT UNIX_TIMESTAMP()")))
    while try server.sql("SELECT UNIX_TIMESTAMP()") == String(now) { usleep(20_000) }
    return now
  }

  /// The log of the server, file by file.
  private func pieces() throws -> [ReplayPiece] {
    try server.binaryLog().sorted { $0.key < $1.key }.map { name, bytes in
      let size = Int(bytes[13]) | Int(bytes[14]) << 8 | Int(bytes[15]) << 16
      return ReplayPiece(
        file: name, range: 4..<UInt64(bytes.count), format: Array(bytes[4..<4 + size]), events: Array(bytes[4...]))
    }
  }

  private func log(_ dumps: [TakenDump], to target: ReplayTarget, on ground: DrillGround) throws -> ReplayLog {
    let places = try dumps.map { try #require($0.facts.log) }
    let log = try ReplayLog(
      from: places, of: dumps.map(\.facts.identity.database), to: target, on: ground, name: "log")
    for piece in try pieces() where piece.file >= ReplayLog.sorted(places)[0].file {
      guard try log.take(piece, gtid: "") else { break }
    }
    try log.finish()
    return log
  }

  /// Brings dumps to a target, and puts what comes of it in place of what the server has.
  ///
  /// - Returns: The last transaction.
  private func bring(
    _ dumps: [TakenDump], to target: ReplayTarget, warn: ([String]) -> Void = { _ in }
  ) throws -> ReplayedTransaction? {
    let ground = try DrillGround(in: "/tmp", user: "nobody", context: context)
    defer { ground.remove() }
    let log = try log(dumps, to: target, on: ground)
    let replay = try MariaDBReplay(
      of: dumps.map(\.facts), bytes: dumps.reduce(0) { $0 + UInt64($1.bytes.count) }, log, on: ground)
    defer { replay.remove() }
    for dump in dumps { try dump.restore(try replay.restore(of: dump.facts), context: replay.context) }
    warn(try replay.run { _ in })
    let results = try dumps.map { try TakenDump(replay.dump(of: $0.facts)) }
    for dump in results {
      var facts = dump.facts
      facts.identity = DumpIdentity(hook: "mariadb_databases", database: facts.identity.database)
      let plan = try MariaDBHook(.mariadb).restore(
        of: facts, to: RestoreTarget(), root: root([facts.identity.database]), context: context)
      try dump.restore(plan, context: context)
    }
    return log.reached
  }

  private func numbers(_ table: String) throws -> [Int] {
    try server.sql("SELECT n FROM \(table) ORDER BY n").split(separator: "\n").compactMap { Int($0) }
  }

  @Test("A dump notes the place at which it was made, also for a user without rights over the server")
  func place() throws {
    try commit(1)
    let status = try server.sql("SHOW MASTER STATUS").split(separator: "\t")
    let gtid = try server.sql("SELECT @@gtid_binlog_pos")
    let place = try #require(try dump("shop").facts.log)
    #expect(place.file == status[0] && place.position == UInt64(status[1]) && place.gtid == gtid)
    try server.sql(
      "CREATE USER backup@localhost; GRANT SELECT, LOCK TABLES, SHOW VIEW, TRIGGER, EVENT, EXECUTE ON *.* TO backup@localhost"
    )
    let root = try makeRoot(
      "mariadb_databases:\n  - {name: shop, socket_path: \(server.socket), username: backup}\n")
    let limited = try TakenDump(MariaDBHook(.mariadb).dumps(of: root, context: context)[0], context: context)
    let now = try server.sql("SHOW MASTER STATUS").split(separator: "\t")
    #expect(limited.facts.log?.position == UInt64(now[1]))
    let record = try JSONDecoder().decode(DumpLogPlace.self, from: JSONEncoder().encode(place))
    #expect(record == place)
  }

  @Test(
    "Each target lands on exactly what was committed by then, over files of the log, and other databases stay as they are"
  )
  func targets() throws {
    try commit(1)
    let dump = try dump("shop")
    var moments: [(time: Int64, gtid: String)] = []
    for number in 2...5 {
      try commit(number)
      if number == 3 { try server.sql("FLUSH BINARY LOGS") }
      let gtid = try server.sql("SELECT @@gtid_binlog_pos")
      moments.append((try nextSecond(), gtid))
    }
    try server.sql("DROP TABLE shop.ledger")
    for (index, moment) in moments.enumerated() {
      let gtid = try #require(BinaryLogGTID(moment.gtid))
      for target in [ReplayTarget.time(moment.time), .gtid(.mariadb(gtid))] {
        let reached = try bring([dump], to: target)
        #expect(reached?.gtid == .mariadb(gtid))
        #expect(try numbers("shop.ledger") == Array(1...index + 2))
        #expect(try numbers("other.ledger") == [1, 2, 3, 4, 5])
        try server.sql("DROP TABLE shop.ledger")
      }
    }
  }

  @Test("Dumps of several databases that were made one after another are brought forward each from its own place")
  func several() throws {
    try commit(1)
    let first = try dump("shop")
    try commit(2)
    let second = try dump("other")
    try commit(3)
    try server.sql("INSERT INTO `o_d d%`.ledger VALUES (7)")
    let time = try nextSecond()
    try commit(4)
    _ = try bring([first, second], to: .time(time))
    #expect(try numbers("shop.ledger") == [1, 2, 3])
    #expect(try numbers("other.ledger") == [1, 2, 3])
    #expect(try numbers("`o_d d%`.ledger") == [7])
  }

  @Test("A database with signs of patterns in its name is replayed, and no other that the pattern would match")
  func oddName() throws {
    try server.sql("CREATE DATABASE `oxd dy`; CREATE TABLE `oxd dy`.ledger (n INT PRIMARY KEY)")
    let dump = try dump("o_d d%")
    try server.sql("INSERT INTO `o_d d%`.ledger VALUES (1); INSERT INTO `oxd dy`.ledger VALUES (2)")
    let time = try nextSecond()
    try server.sql("INSERT INTO `o_d d%`.ledger VALUES (3)")
    _ = try bring([dump], to: .time(time))
    #expect(try numbers("`o_d d%`.ledger") == [1])
  }

  @Test("What others have written into the log does nothing to anything but the chosen database")
  func hostile() throws {
    let mark = "\(server.folder)/evil"
    let dump = try dump("shop")
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
    let time = try nextSecond()
    try server.sql("DROP USER thief@'%'; DROP DATABASE shop; CREATE DATABASE `o_d d%`")
    _ = try bring([dump], to: .time(time))
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

  @Test("What cannot be replayed is said, and nothing is changed")
  func refused() throws {
    let dump = try dump("shop")
    try commit(1)
    try server.sql("CREATE VIEW shop.across AS SELECT n FROM other.ledger")
    let time = try nextSecond()
    try commit(2)
    #expect {
      _ = try bring([dump], to: .time(time))
    } throws: {
      guard case ReplayError.failed(let text, _) = $0 else { return false }
      return text.contains("other.ledger")
    }
    #expect(try numbers("shop.ledger") == [1, 2])
  }

  @Test("A database that was dropped before the target is not made of nothing")
  func dropped() throws {
    let dump = try dump("shop")
    try server.sql("DROP DATABASE shop")
    let time = try nextSecond()
    try server.sql("CREATE DATABASE shop; CREATE TABLE shop.x (i INT)")
    #expect(throws: ReplayError.dropped(dump.facts.identity)) { _ = try bring([dump], to: .time(time)) }
    #expect(try server.sql("SHOW TABLES IN shop") == "x")
  }

  @Test("A log of another server, damage and what is not the place of a dump are seen")
  func faults() throws {
    try commit(1)
    let dump = try dump("shop")
    try commit(2)
    let place = try #require(dump.facts.log)
    let all = try pieces()
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
    let dump = try dump("shop")
    for number in 1...3 {
      try commit(number)
      try server.sql("FLUSH BINARY LOGS")
    }
    let ground = try DrillGround(in: "/tmp", user: "nobody", context: context)
    defer { ground.remove() }
    let all = try pieces()
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
    let dump = try dump("shop")
    try server.sql(
      """
      BEGIN; SET timestamp = 2147480000; INSERT INTO shop.ledger VALUES (1, 'n'); SET timestamp = DEFAULT;
      INSERT INTO shop.ledger VALUES (2, 'n'); COMMIT
      """)
    let ground = try DrillGround(in: "/tmp", user: "nobody", context: context)
    defer { ground.remove() }
    let log = try log([dump], to: .time(2_147_470_000), on: ground)
    #expect(!log.isAtTarget && log.transactionCount == 1)
    #expect(log.newest < 2_147_470_000)
  }

  @Test(
    "Those whom views and triggers act for are made in the throw-away server: those of the dump, and those of the log")
  func definers() throws {
    try server.sql(
      """
      CREATE USER late@'%'; GRANT ALL ON *.* TO app@'%'; GRANT ALL ON *.* TO late@'%';
      CREATE DEFINER=app@'%' VIEW shop.over AS SELECT n FROM shop.v;
      CREATE DEFINER=app@'%' FUNCTION shop.f() RETURNS INT DETERMINISTIC RETURN 1;
      CREATE DEFINER=app@'%' VIEW shop.calls AS SELECT shop.f() AS n FROM shop.ledger;
      CREATE DEFINER=app@'%' TRIGGER shop.tr BEFORE INSERT ON shop.ledger FOR EACH ROW SET NEW.note = CONCAT(NEW.note, '!');
      """)
    let dump = try dump("shop")
    try server.sql(
      """
      CREATE DEFINER=late@'%' VIEW shop.low AS SELECT n FROM shop.ledger;
      CREATE DEFINER=late@'%' VIEW shop.high AS SELECT n FROM shop.low;
      CREATE USER late@'127.0.0.1'; DROP USER late@'127.0.0.1';
      USE shop; SET binlog_format = STATEMENT; INSERT INTO ledger VALUES (1, 'a');
      """)
    let time = try nextSecond()
    try server.sql("DELETE FROM shop.ledger; DROP VIEW shop.high")
    _ = try bring([dump], to: .time(time))
    #expect(try server.sql("SELECT * FROM shop.ledger") == "1\ta!")
    for view in ["over", "calls", "low", "high"] { #expect(try numbers("shop.\(view)") == [1], "\(view)") }
    #expect(
      try server.sql("SELECT DISTINCT definer FROM information_schema.views WHERE table_schema = 'shop' ORDER BY 1")
        == "app@%\nlate@%")
  }

  @Test("What another database's triggers have written by a statement is missing, and warned of")
  func statementsOfOthers() throws {
    try server.sql(
      "CREATE TRIGGER other.tr AFTER INSERT ON other.ledger FOR EACH ROW INSERT INTO shop.ledger VALUES (NEW.n, 't')")
    let dump = try dump("shop")
    try server.sql("USE shop; SET binlog_format = STATEMENT; INSERT INTO ledger VALUES (1, 'own')")
    let before = try nextSecond()
    try server.sql("USE shop; SET binlog_format = STATEMENT; INSERT INTO other.ledger VALUES (2)")
    try server.sql("INSERT INTO other.ledger VALUES (3)")
    let time = try nextSecond()
    try server.sql("INSERT INTO other.ledger VALUES (4)")
    #expect(try numbers("shop.ledger") == [1, 2, 3, 4])
    var warnings: [String] = []
    _ = try bring([dump], to: .time(before)) { warnings = $0 }
    #expect(try numbers("shop.ledger") == [1] && warnings == [])
    _ = try bring([dump], to: .time(time)) { warnings = $0 }
    #expect(try numbers("shop.ledger") == [1, 3])
    #expect(warnings.count == 1 && warnings[0].hasPrefix("The log has changes in other as statements"), "\(warnings)")
  }

  @Test("Statements that go by the clock of the server's machine are warned of, unless this one has the same time zone")
  func timeZone() throws {
    let root = try makeRoot("mariadb_databases:\n" + entry("shop") + "mariadb_servers:\n" + server.entry())
    let dump = try TakenDump(MariaDBHook(.mariadb).dumps(of: root, context: context)[0], context: context)
    let own = try #require(dump.facts.details["system_time_zone"])
    #expect(own.split(separator: " ").compactMap { Int($0) }.count == 2, "\(own)")
    let format = "USE shop; SET binlog_format = STATEMENT; "
    try server.sql(format + "SET time_zone = '+01:00'; INSERT INTO ledger VALUES (1, NOW())")
    let before = try nextSecond()
    try server.sql(format + "INSERT INTO ledger VALUES (2, NOW())")
    let time = try nextSecond()
    try commit(3)
    for (zone, target, text) in [
      (own, time, nil), ("1 1", time, "is another"), (nil, time, "may be another"), (nil, before, nil),
    ] as [(String?, Int64, String?)] {
      var facts = dump.facts
      facts.details["system_time_zone"] = zone
      var warnings: [String] = []
      _ = try bring([TakenDump(facts: facts, bytes: dump.bytes)], to: .time(target)) { warnings = $0 }
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
    let dump = try dump("shop")
    try server.sql("CREATE TABLE shop.later (n INT) ENGINE=Aria; CREATE TABLE other.loose (n INT) ENGINE=MyISAM")
    let time = try nextSecond()
    try commit(1)
    var warnings: [String] = []
    _ = try bring([dump], to: .time(time)) { warnings = $0 }
    #expect(warnings.contains { $0.contains("written to shop.loose while") })
    #expect(warnings.contains { $0.contains("written to shop.later, shop.loose while") })
    #expect(warnings.contains { $0.contains("keys of shop.led lead") })
    #expect(warnings.count == 3)
  }

  @Test(
    "A replica that does not write down what it gets is warned of where its log is stored, and one that is none is not")
  func replica() throws {
    let entry = "mariadb_servers:\n" + server.entry()
    func warnings(storesLog: Bool = true) throws -> (remarks: [String], dump: [String]) {
      let root = try makeRoot("mariadb_databases:\n" + self.entry("shop") + (storesLog ? entry : ""))
      let receiving = try makeRoot(entry)[MariaDBServerOptions.mariadbServers][0]
      let facts = try BinaryLogServer(receiving, .mariadb, host: "db1", context: context).ask(context)
      let taken = try TakenDump(MariaDBHook(.mariadb).dumps(of: root, context: context)[0], context: context)
      return (facts.remarks.map(\.problem), taken.warnings)
    }
    func areTold(_ texts: [String]) -> Bool { texts.contains { $0.contains("log_slave_updates") } }
    let plain = try warnings()
    #expect(!areTold(plain.remarks) && !areTold(plain.dump))
    // As one that was restored.
    try server.sql("SET GLOBAL gtid_slave_pos = '0-9-5'")
    let restored = try warnings()
    #expect(!areTold(restored.remarks) && !areTold(restored.dump))
    try server.sql("CHANGE MASTER TO MASTER_HOST = 'none.invalid', MASTER_USER = 'x'")
    let replica = try warnings()
    #expect(areTold(replica.remarks) && areTold(replica.dump))
    #expect(try !areTold(warnings(storesLog: false).dump))
  }

  @Test("A server that does not tell its place is dumped without it")
  func untold() throws {
    let programs = try Programs()
    defer { withExtendedLifetime(programs) {} }
    let client = try programs.make(
      "case \"$*\" in *BINLOG_GTID_POS*) echo 'ERROR 1305 (42000): FUNCTION BINLOG_GTID_POS does not exist' >&2; exit 1;; esac; exec mariadb \"$@\""
    )
    let root = try makeRoot(
      "mariadb_databases:\n  - {name: shop, mariadb_command: \(client), socket_path: \(server.socket), username: root}\n"
    )
    let taken = try TakenDump(MariaDBHook(.mariadb).dumps(of: root, context: context)[0], context: context)
    #expect(taken.facts.log == nil)
    #expect(!String(decoding: taken.bytes, as: UTF8.self).contains("CHANGE MASTER"))
  }

  @Test("A name that the server's filter would take for another is refused", arguments: [" shop", "\tshop", "a,b"])
  func filtered(name: String) {
    #expect(
      MariaDBReplay.obstacle(
        DumpFacts(identity: DumpIdentity(hook: "mariadb_databases", database: name), format: "sql")) != nil)
  }

  @Test("A dump of a server that folds the case of names is refused")
  func folding() {
    var facts = DumpFacts(identity: DumpIdentity(hook: "mariadb_databases", database: "shop"), format: "sql")
    #expect(MariaDBReplay.obstacle(facts) == nil)
    facts.details["folds_case"] = "1"
    #expect(MariaDBReplay.obstacle(facts) != nil)
  }
}

@Suite("Where a dump of MariaDB says that the server's log was")
struct MariaDBLogPlaceTests {
  private static let head = """
    -- MariaDB dump
    --
    -- Position to start replication or point-in-time recovery from
    --

    -- CHANGE MASTER TO MASTER_LOG_FILE='binlog.000007', MASTER_LOG_POS=1697;

    """
  private static let old = "\n--\n-- GTID to start replication from\n--\n\n-- SET GLOBAL gtid_slave_pos='0-7-9';\n"
  private static let database = "\n--\n-- Current Database: `shop`\n--\n\nCREATE DATABASE shop;\n"
  private static let forged = "-- SET GLOBAL gtid_slave_pos='0-6-6';\n"
  private static let new = "-- SET GLOBAL gtid_slave_pos='0-7-9';\n-- Dump completed\n"

  private func found(_ text: String, by size: Int) throws -> DumpLogPlace? {
    let watch = MariaDBLogPlaceWatch(clock: try makeContext().clock)
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: size) {
      bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { watch.take($0) }
    }
    return watch.found(tail: Array(bytes.suffix(200)))
  }

  @Test(
    "Older programs say the GTID position at the beginning, newer ones at the end; texts between them say nothing",
    arguments: [1, 7, 4096])
  func forms(size: Int) throws {
    for text in [
      Self.head + Self.old + Self.database + Self.forged, Self.head + Self.database + Self.forged + Self.new,
    ] {
      let place = try #require(try found(text, by: size))
      #expect(place.file == "binlog.000007" && place.position == 1697)
      #expect(place.gtid == "0-7-9")
    }
    let bare = try found(Self.head + Self.database, by: size)
    #expect(bare?.position == 1697 && bare?.gtid == nil)
    #expect(try found(Self.database + Self.new, by: size) == nil)
  }
}
