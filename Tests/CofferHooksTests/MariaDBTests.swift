import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

extension MariaDBServer {
  var target: RestoreTarget {
    RestoreTarget(hostname: hostname, port: port, username: username, password: password)
  }
}

/// What the suites on MariaDB servers share.
struct MariaDBBench {
  let hook: MariaDBHook
  let one: MariaDBServer
  let two: MariaDBServer
  private let option: String

  init(_ dialect: MariaDBDialect = .mariadb) throws {
    hook = MariaDBHook(dialect)
    option = hook.name
    one = try MariaDBServer(1)
    two = try MariaDBServer(2)
  }

  /// Without quotes: mariadb-dump loses its way at the events of databases whose names have some.
  static let database = "a shop; `x` -- ü 表"

  /// Makes `database` anew on the first server, with some of everything in it.
  func prepare() throws {
    try one.recreate(Self.database, "CHARACTER SET latin1 COLLATE latin1_german1_ci COMMENT 'it''s'")
    try one.run(MariaDBServer.richSchema, in: Self.database)
  }

  func configured(_ entries: String) throws -> ConfigurationSection {
    try makeRoot("\(option):\n" + entries)
  }

  func dump(_ entries: String, context: HookContext) throws -> TakenDump {
    let dumps = try hook.dumps(of: configured(entries), context: context)
    return try TakenDump(try #require(dumps.first), context: context)
  }

  /// The warnings but the one of `versions`, a table of the rich schema whose history a dump lacks.
  func othersThanHistory(_ warnings: [String]) -> [String] {
    let others = warnings.filter { !$0.contains("The history of system-versioned tables is not in the dump") }
    #expect(others.count == warnings.count - 1)
    return others
  }

  /// The warnings but those of databases that other restores work in, which come and go on a server of several.
  func own(_ warnings: [String]) -> [String] {
    warnings.filter { !($0.contains("The database coffer_") && $0.contains("still running or was killed")) }
  }

  /// No database that a restore worked in is left on either server. Those of other restores on the server go in time.
  func expectNothingLeft() throws {
    for _ in 1...100 {
      if try [one, two].allSatisfy({ try $0.databases(like: "coffer\\_%") == "" }) { return }
      Thread.sleep(forTimeInterval: 0.1)
    }
    #expect(try one.databases(like: "coffer\\_%") == "")
    #expect(try two.databases(like: "coffer\\_%") == "")
  }
}

@Suite("MariaDB, on real servers", .serialized)
struct MariaDBTests {
  private let bench: MariaDBBench
  private var one: MariaDBServer { bench.one }
  private var two: MariaDBServer { bench.two }
  private static let database = MariaDBBench.database

  init() throws {
    bench = try MariaDBBench()
  }

  private func prepare() throws { try bench.prepare() }

  @Test("A rich database comes back whole: where it is missing, where something else is, and where it was changed")
  func roundTrip() throws {
    try prepare()
    let context = try makeContext()
    let root = try bench.configured(one.entry(Self.database))
    let dump = try bench.dump(one.entry(Self.database), context: context)
    #expect(dump.facts.serverVersion?.contains("MariaDB") == true)
    #expect(dump.facts.clientVersion?.contains("mariadb-dump") == true)
    let content = try one.content(of: Self.database)

    try two.drop(Self.database)
    let plan = try bench.hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    #expect(plan.summary.contains("created"))
    #expect(try bench.othersThanHistory(dump.restore(plan, context: context)) == [])
    try expectSame(two.content(of: Self.database), content)

    try two.recreate(Self.database)
    try two.run(
      """
      CREATE TABLE customer (other INT); CREATE TABLE stranger (a INT); CREATE TABLE totals (a INT);
      CREATE VIEW orders AS SELECT 1 AS a; CREATE FUNCTION next_one() RETURNS INT RETURN 0;
      CREATE PROCEDURE stranger() SELECT 1; CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY DO SELECT 1;
      CREATE TRIGGER touch BEFORE INSERT ON stranger FOR EACH ROW SET @a = 1;
      """, in: Self.database)
    let over = try bench.hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    #expect(over.summary.contains("replaced"))
    #expect(try bench.othersThanHistory(dump.restore(over, context: context)) == [])
    try expectSame(two.content(of: Self.database), content)

    try one.run(
      "DROP VIEW a_first, totals; DROP TABLE orders; DELETE FROM customer; INSERT INTO customer (name) VALUES ('y')",
      in: Self.database)
    let back = try bench.hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    #expect(try bench.othersThanHistory(dump.restore(back, context: context)) == [])
    try expectSame(one.content(of: Self.database), content)
    try bench.expectNothingLeft()
  }

  @Test(
    "A restore that fails leaves the database exactly as it was",
    arguments: [
      // Where a statement is bad: while tables are loaded, in the rehearsal, and only once the tables are in place.
      ("INSERT INTO `empty` VALUES ('no number');", "UNLOCK TABLES;\n"),
      ("DELIMITER ;;\nCREATE PROCEDURE broken() BEGIN SELECT 1 FROM WHERE; END;;\nDELIMITER ;", "-- Dumping routines"),
      ("/*!50106 CREATE EVENT broken ON SCHEDULE EVERY 1 DAY DO SELECT 1 FROM WHERE */;", "-- Dumping routines"),
      ("/*!50001 CREATE VIEW broken AS SELECT * FROM nowhere */;", "-- Final view structure"),
    ])
  func failing(statement: String, place: String) throws {
    try prepare()
    let context = try makeContext()
    let root = try bench.configured(one.entry(Self.database))
    var dump = try bench.dump(one.entry(Self.database), context: context)
    let text = try #require(String(bytes: dump.bytes.map { $0 < 128 ? $0 : 63 }, encoding: .ascii))
    let offset = try #require(text.range(of: place)).lowerBound.utf16Offset(in: text)
    // At the beginning of the line, behind what the mark ends.
    let start = place.hasPrefix("--") ? offset : offset + place.utf8.count
    dump = TakenDump(dump, inserting: statement + "\n", at: start)
    try two.recreate(Self.database)
    try two.run(
      MariaDBServer.richSchema + "DELETE FROM crash; ALTER TABLE crash ADD COLUMN b INT; DROP VIEW a_first;",
      in: Self.database)
    let before = try two.content(of: Self.database)
    let plan = try bench.hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    let error = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    #expect(error?.diagnosis.problem.contains("as it was") == true)
    #expect(error?.diagnosis.problem.contains("ERROR ") == true)
    try expectSame(two.content(of: Self.database), before)

    try two.drop(Self.database)
    let elsewhere = try bench.hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    #expect(throws: RestoreError.self) { try dump.restore(elsewhere, context: context) }
    #expect(try two.run("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'a shop%'") == "0\n")
    try bench.expectNothingLeft()
  }

  @Test("A dump that is cut short, or that is given up, changes nothing")
  func cutShort() throws {
    try prepare()
    let context = try makeContext()
    let root = try bench.configured(one.entry(Self.database))
    let dump = try bench.dump(one.entry(Self.database), context: context)
    try one.run("DROP VIEW a_first, totals; DELETE FROM crash", in: Self.database)
    let before = try one.content(of: Self.database)
    let plan = try bench.hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    for length in [0, 2000, dump.bytes.count / 2, dump.bytes.count - 60] {
      let short = TakenDump(dump, length: length)
      let error = #expect(throws: RestoreError.self) { try short.restore(plan, context: context) }
      #expect(error?.diagnosis.problem.contains("cut short") == true)
      try dump.restore(plan, context: context, length: length)
    }
    try expectSame(one.content(of: Self.database), before)
    try bench.expectNothingLeft()
  }

  @Test(
    "A client that is killed, that does not get its input, or that no server answers any more, changes nothing",
    arguments: ["kill", "ignore", "gone"])
  func clientFails(how: String) throws {
    try prepare()
    let context = try makeContext()
    let dump = try bench.dump(one.entry(Self.database), context: context)
    try one.run("DROP VIEW a_first, totals; DELETE FROM crash", in: Self.database)
    let before = try one.content(of: Self.database)
    let programs = try Programs()
    // Questions go through, and so does cleaning up; what loads the dump does not.
    let broken = how == "kill" ? "head -c 300000 | mariadb \"$@\"; kill -9 $$" : "exit 0"
    let client = try programs.make(
      """
      case "$*" in *--execute*|*--version*) exec mariadb "$@";; esac
      \(how == "gone" ? "exit 1" : "if [ -p /dev/stdin ]; then \(broken); fi")
      exec mariadb "$@"
      """)
    let root = try bench.configured(one.entry(Self.database, "mariadb_command: \(client)"))
    let plan = try bench.hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    let error = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    let problem = try #require(error?.diagnosis.problem)
    #expect(
      problem.contains("as it was") && problem.contains("may be left: drop them") == (how == "gone"), "\(problem)")
    try expectSame(one.content(of: Self.database), before)
    try bench.expectNothingLeft()
  }

  @Test("A database is restored under another name, with what it says of itself")
  func otherName() throws {
    try prepare()
    // Its text names the database twice, and must not reach it.
    let database = MariaDBServer.quotedIdentifier(Self.database)
    try one.run("CREATE TRIGGER \(database).named BEFORE UPDATE ON \(database).crash FOR EACH ROW SET NEW.a = 1")
    let context = try makeContext()
    let root = try bench.configured(one.entry(Self.database))
    let dump = try bench.dump(one.entry(Self.database), context: context)
    let before = try one.content(of: Self.database)
    var target = one.target
    target.databaseName = "copy of it"
    let plan = try bench.hook.restore(of: dump.facts, to: target, root: root, context: context)
    #expect(try bench.othersThanHistory(dump.restore(plan, context: context)) == [])
    try expectSame(one.content(of: Self.database), before)
    let renamed = before.replacing("\(database).named", with: "named").replacing("\(database).crash", with: "crash")
      .replacing(database, with: "`copy of it`").replacing(Self.database, with: "copy of it")
    try expectSame(one.content(of: "copy of it"), renamed)
    // Its sequence is its own.
    let next = "INSERT INTO customer (name) VALUES ('z'); SELECT MAX(number) FROM customer"
    #expect(try Int(one.run(next, in: "copy of it").dropLast()) ?? 0 > 100)
    try expectSame(one.content(of: Self.database), before)
    try one.drop("copy of it")
  }

  @Test("Without add_drop_database, what the dump does not know stays, triggers and views and all")
  func keeping() throws {
    try one.recreate("kept")
    try one.run("CREATE TABLE a (i INT); INSERT INTO a VALUES (1); CREATE VIEW v AS SELECT * FROM a", in: "kept")
    let context = try makeContext()
    let entry = one.entry("kept", "add_drop_database: false")
    let dump = try bench.dump(entry, context: context)
    try one.run(
      """
      CREATE TABLE b (i INT); CREATE TRIGGER t BEFORE INSERT ON b FOR EACH ROW SET NEW.i = NEW.i + 1;
      CREATE VIEW w AS SELECT * FROM b; CREATE FUNCTION f() RETURNS INT RETURN 1; DROP VIEW v;
      CREATE TABLE v (i INT); DELETE FROM a;
      """, in: "kept")
    let plan = try bench.hook.restore(
      of: dump.facts, to: RestoreTarget(), root: bench.configured(entry), context: context)
    #expect(try dump.restore(plan, context: context) == [])
    let rows = try one.run("INSERT INTO b VALUES (f()); SELECT * FROM w; SELECT * FROM v; SHOW FULL TABLES", in: "kept")
    #expect(rows == "2\n1\na\tBASE TABLE\nb\tBASE TABLE\nv\tVIEW\nw\tVIEW\n")
    try one.drop("kept")
    try bench.expectNothingLeft()
  }

  @Test(
    "Tables that options leave out of a dump stay where it is restored, also where the dump would have all replaced",
    arguments: ["--ignore-table=parted.b", "--ignore_table parted.b", "--add-drop-database --ignore-table=parted.b"])
  func leftOut(options: String) throws {
    try one.recreate("parted")
    try one.run("CREATE TABLE a AS SELECT 1 AS i; CREATE TABLE b AS SELECT 1 AS i", in: "parted")
    let context = try makeContext()
    let entry = one.entry("parted", "options: '\(options)'")
    let dump = try bench.dump(entry, context: context)
    try one.run("UPDATE a SET i = 2; UPDATE b SET i = 2", in: "parted")
    let plan = try bench.hook.restore(
      of: dump.facts, to: RestoreTarget(), root: bench.configured(entry), context: context)
    try dump.restore(plan, context: context)
    #expect(try one.run("SELECT i FROM a; SELECT i FROM b", in: "parted") == "1\n2\n")
    try one.drop("parted")
    try bench.expectNothingLeft()
  }

  @Test(
    "A dump without rows, or with some of them, replaces no database that has tables; nor does one without tables",
    arguments: [
      ("--no-data", "left rows out"), ("-w i=1", "left rows out"), ("-nt", "leaves out the tables"),
      ("--w=i=1", "left rows out"), ("--loose_no-data=1", "left rows out"), ("--where=0", "left rows out"),
      ("--ENABLE-NO-CREATE-INFO", "leaves out the tables"),
    ])
  func halves(options: String, problem: String) throws {
    try one.recreate("halved")
    try one.run("CREATE TABLE t AS SELECT 1 AS i UNION ALL SELECT 2", in: "halved")
    let context = try makeContext()
    let entry = one.entry("halved", "options: '\(options)'")
    let dump = try bench.dump(entry, context: context)
    let root = try bench.configured(entry)
    let error = #expect(throws: RestoreError.self) {
      _ = try bench.hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    }
    #expect(error?.diagnosis.problem.contains(problem) == true, "\(String(describing: error))")
    if options.contains("no-data") {
      // An archive that was made before this was kept.
      var facts = dump.facts
      facts.details["without_rows"] = nil
      #expect(throws: RestoreError.self) {
        _ = try bench.hook.restore(of: facts, to: RestoreTarget(), root: root, context: context)
      }
    }
    #expect(try one.run("SELECT COUNT(*) FROM t", in: "halved") == "2\n")
    try one.drop("halved")
    guard problem == "left rows out" else { return }
    let plan = try bench.hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    try dump.restore(plan, context: context)
    let hasNone = options.contains("no-data") || options == "--where=0"
    #expect(try one.run("SELECT COUNT(*) FROM t", in: "halved") == (hasNone ? "0\n" : "1\n"))
    try one.drop("halved")
    try bench.expectNothingLeft()
  }

  @Test(
    "What an option file has a dump leave out counts like what the configuration says, and is told at every backup",
    arguments: [
      ("no-data", "--no-data", "without_rows"), ("where=\"i = 1\"", "--where", "without_rows"),
      ("no-create-info", "--no-create-info", "without_definitions"),
      ("skip-triggers", "--skip-triggers", "without_triggers"),
      ("ignore-table=filed.t", "--ignore-table", "part"),
    ])
  func optionFile(line: String, option: String, key: String) throws {
    try one.recreate("filed")
    defer { _ = try? one.drop("filed") }
    try one.run("CREATE TABLE t AS SELECT 1 AS i UNION ALL SELECT 2", in: "filed")
    let context = try makeContext()
    let file = context.runtime.path + "/own.cnf"
    try "[mariadb-dump]\n\(line)\n".write(toFile: file, atomically: false, encoding: .utf8)
    let dump = try bench.dump(one.entry("filed", "options: '--defaults-extra-file=\(file)'"), context: context)
    #expect(dump.warnings.contains { $0.contains("'\(option)', which stands in an option file") }, "\(dump.warnings)")
    #expect(dump.facts.details[key] == (key == "part" ? "1" : option))
    // Of the configuration's own nothing is said, nor of what it takes back.
    let quiet = try bench.dump(
      one.entry("filed", "options: '--defaults-extra-file=\(file) --skip-no-data --skip-no-create-info --triggers'"),
      context: context)
    let isTakenBack = ["--no-data", "--no-create-info", "--skip-triggers"].contains(option)
    #expect(quiet.warnings.isEmpty == isTakenBack, "\(quiet.warnings)")
    #expect((quiet.facts.details[key] == nil) == isTakenBack)
  }

  @Test("Of a dump of what is beside tables, the tables stay where it is restored, and the plan says so")
  func besideTables() throws {
    try one.recreate("beside")
    try one.run("CREATE TABLE t AS SELECT 1 AS i; CREATE FUNCTION f() RETURNS INT RETURN 1", in: "beside")
    let context = try makeContext()
    let entry = one.entry("beside", "options: --no-create-info --no-data --skip-triggers")
    let dump = try bench.dump(entry, context: context)
    #expect(!dump.warnings.contains { $0.contains("triggers") })
    try one.run("DROP FUNCTION f", in: "beside")
    let plan = try bench.hook.restore(
      of: dump.facts, to: RestoreTarget(), root: bench.configured(entry), context: context)
    #expect(plan.summary.contains("what it does not have stays"))
    try dump.restore(plan, context: context)
    #expect(try one.run("SELECT i, f() FROM t", in: "beside") == "1\t1\n")
    #expect(dump.facts.details["without_triggers"] == nil)

    try one.run("CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET NEW.i = 2", in: "beside")
    let content = try one.content(of: "beside")
    let with = one.entry("beside", "options: -ntd")
    let other = try bench.dump(with, context: context)
    #expect(other.warnings.contains { $0.contains("leaves out the tables that the dump's triggers are on") })
    let root = try bench.configured(with)
    #expect(throws: (any Error).self) {
      try other.restore(
        bench.hook.restore(of: other.facts, to: RestoreTarget(), root: root, context: context), context: context)
    }
    #expect(try one.content(of: "beside") == content)
    try one.drop("beside")
    try bench.expectNothingLeft()
  }

  @Test("What a dump leaves out of routines, events and triggers stays where it is restored, or is said to go")
  func withoutPrograms() throws {
    try one.recreate("programs")
    try one.run(
      """
      CREATE TABLE t AS SELECT 1 AS i; CREATE FUNCTION f() RETURNS INT RETURN 1;
      CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1; CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET NEW.i = 2
      """, in: "programs")
    let context = try makeContext()
    for option in ["routines: false", "events: false", "options: --skip-triggers"] {
      let entry = one.entry("programs", option)
      let dump = try bench.dump(entry, context: context)
      try one.run("UPDATE t SET i = 3", in: "programs")
      let plan = try bench.hook.restore(
        of: dump.facts, to: RestoreTarget(), root: bench.configured(entry), context: context)
      let loses = option.contains("triggers")
      #expect(plan.summary.contains("what it does not have stays") == !loses)
      let said = try dump.restore(plan, context: context)
      #expect(said.contains { $0.contains("the tables come back without any") } == loses, "\(said)")
      #expect(try one.run("SELECT i, f() FROM t; SHOW EVENTS", in: "programs").hasPrefix("1\t1\nprograms\te\t"))
      #expect(try one.run("SHOW TRIGGERS", in: "programs").isEmpty == loses)
    }
    let error = #expect(throws: DumpError.self) {
      try bench.dump(one.entry("programs", "options: --system=all"), context: context)
    }
    #expect(error?.diagnosis.problem.contains("'--system=all' puts accounts") == true)
    try one.drop("programs")
    try bench.expectNothingLeft()
  }

  @Test("A foreign key whose table is missing names no database that the restore has worked in")
  func foreignKeyToNowhere() throws {
    try one.recreate("lonely")
    try one.run(
      "SET foreign_key_checks = 0; CREATE TABLE child (i INT, FOREIGN KEY (i) REFERENCES gone (n) ON DELETE CASCADE)",
      in: "lonely")
    let context = try makeContext()
    let content = try one.content(of: "lonely")
    let dump = try bench.dump(one.entry("lonely"), context: context)
    for isThere in [true, false] {
      if !isThere { try one.drop("lonely") }
      let plan = try bench.hook.restore(
        of: dump.facts, to: RestoreTarget(), root: bench.configured(one.entry("lonely")), context: context)
      #expect(try dump.restore(plan, context: context) == [])
      #expect(try one.content(of: "lonely") == content)
      #expect(try one.run("SHOW CREATE TABLE child", in: "lonely").contains("REFERENCES `gone`"))
    }
    try one.run(
      "CREATE TABLE gone (n INT PRIMARY KEY); INSERT INTO gone VALUES (1); INSERT INTO child VALUES (1)", in: "lonely")
    #expect(try one.run("DELETE FROM gone; SELECT COUNT(*) FROM child", in: "lonely") == "0\n")
    try one.drop("lonely")
    try bench.expectNothingLeft()
  }

  @Test("A foreign key of another database leads to the restored table afterwards, also when the restore fails")
  func foreignKeysFromElsewhere() throws {
    try one.drop("child")
    try one.recreate("parent")
    try one.recreate("child")
    try one.run(
      """
      CREATE TABLE parent.t (a INT, b INT, PRIMARY KEY (a, b)); INSERT INTO parent.t VALUES (1, 2);
      CREATE TABLE child.t (x INT, y INT,
        CONSTRAINT k FOREIGN KEY (x, y) REFERENCES parent.t (a, b) ON DELETE CASCADE ON UPDATE SET NULL);
      INSERT INTO child.t VALUES (1, 2);
      """)
    let context = try makeContext()
    let content = try one.content(of: "child")
    let dump = try bench.dump(one.entry("parent"), context: context)
    let root = try bench.configured(one.entry("parent"))
    let plan = try bench.hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    #expect(try dump.restore(plan, context: context) == [])
    try expectSame(one.content(of: "child"), content)
    let end = dump.bytes.count - 300
    let position = try #require(dump.bytes[end...].firstIndex(of: UInt8(ascii: "\n"))) + 1
    let nonsense = "/*!50106 CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO nonsense */;\n"
    let broken = TakenDump(dump, inserting: nonsense, at: position)
    #expect(throws: RestoreError.self) { try broken.restore(plan, context: context) }
    try expectSame(one.content(of: "child"), content)
    try one.run("DELETE FROM parent.t")
    #expect(try one.run("SELECT COUNT(*) FROM child.t") == "0\n")
    try one.drop("child")
    try one.drop("parent")
  }

  @Test(
    "Names of databases with quotes in them are no hindrance", arguments: ["it's", "a\"b", "--all", "`", "a\\b", "%s_"])
  func names(name: String) throws {
    try one.recreate(name)
    try one.run("CREATE TABLE `t'\"` (i INT); INSERT INTO `t'\"` VALUES (1); CREATE VIEW v AS SELECT 1 AS a", in: name)
    let context = try makeContext()
    // mariadb-dump itself does not find the events of such databases.
    let entry = one.entry(name, "events: false")
    let dump = try bench.dump(entry, context: context)
    try two.drop(name)
    let plan = try bench.hook.restore(
      of: dump.facts, to: two.target, root: bench.configured(entry), context: context)
    for _ in 1...2 { #expect(try dump.restore(plan, context: context) == []) }
    #expect(try two.run("SELECT * FROM `t'\"`; SELECT * FROM v", in: name) == "1\n1\n")
    for server in [one, two] { try server.drop(name) }
  }

  @Test("Large values come back, and comments stay in a dump whose options would leave them out")
  func largeValues() throws {
    try one.recreate("large")
    try one.run(
      """
      CREATE TABLE t (i INT PRIMARY KEY, b LONGBLOB, at TIMESTAMP);
      INSERT INTO t SELECT seq, REPEAT(UNHEX(CONCAT('27', HEX(seq), '5C0A00')), 1000000), '2024-05-06 07:08:09'
      FROM seq_16_to_18;
      """, in: "large")
    let context = try makeContext()
    let entry = one.entry("large", "options: --compact --skip-comments --hex-blob")
    let dump = try bench.dump(entry, context: context)
    try two.drop("large")
    let plan = try bench.hook.restore(
      of: dump.facts, to: two.target, root: bench.configured(entry), context: context)
    #expect(try dump.restore(plan, context: context) == [])
    try expectSame(two.run("SELECT i, MD5(b), at FROM large.t"), one.run("SELECT i, MD5(b), at FROM large.t"))
    for server in [one, two] { try server.drop("large") }
  }

  @Test("Views of which an older dump has only the places are named where it is restored")
  func lostViews() throws {
    try one.recreate("shop")
    try one.run("CREATE TABLE t (i INT); CREATE VIEW a AS SELECT i FROM t; CREATE VIEW b AS SELECT 1 AS i", in: "shop")
    let context = try makeContext()
    let root = try bench.configured(one.entry("shop"))
    let dump = try bench.dump(one.entry("shop"), context: context)
    func plan() throws -> any PlannedRestore {
      try bench.hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    }
    func lost(_ dump: TakenDump) throws -> [String] {
      try dump.restore(plan(), context: context).filter { $0.contains("has only the places of") }
    }
    #expect(try lost(dump) == [])
    let text = String(decoding: dump.bytes, as: UTF8.self)
    let end = try #require(text.range(of: "--\n-- Final view structure"))
    let cut = text[..<end.lowerBound] + "-- Dump completed on today\n"
    let warnings = try lost(TakenDump(facts: dump.facts, bytes: Array(cut.utf8)))
    #expect(warnings.count == 1 && warnings.first?.contains("the views `shop`.`a`, `shop`.`b`,") == true, "\(warnings)")
    try one.drop("shop")
  }
}
