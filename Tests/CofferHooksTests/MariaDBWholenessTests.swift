import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("MariaDB: what a dump lacks is said, and what it has comes back", .serialized)
struct MariaDBWholenessTests {
  private let bench: MariaDBBench
  private var one: MariaDBServer { bench.one }
  private var two: MariaDBServer { bench.two }

  init() throws {
    bench = try MariaDBBench()
  }

  /// The warnings of a dump.
  private func warnings(_ entry: String, context: HookContext) throws -> (facts: DumpFacts, warnings: [String]) {
    let plan = try #require(try bench.hook.dumps(of: bench.configured(entry), context: context).first)
    let running = try plan.start(context: context)
    guard case .stream(let source) = running.output else { throw SystemError(call: "read", subject: "dump", code: EIO) }
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while try piece.withUnsafeMutableBytes({ try source.read(into: $0) }) > 0 {}
    let outcome = try running.finish()
    return (outcome.facts, outcome.warnings)
  }

  /// Dumps and restores in place.
  @discardableResult
  private func restored(_ database: String, meanwhile: String = "DO 0", to target: RestoreTarget? = nil) throws
    -> [String]
  {
    let context = try makeContext()
    let dump = try bench.dump(one.entry(database), context: context)
    try one.run(meanwhile)
    let plan = try bench.hook.restore(
      of: dump.facts, to: target ?? RestoreTarget(), root: bench.configured(one.entry(database)), context: context)
    return try dump.restore(plan, context: context)
  }

  @Test("A broken view that is there keeps no restore from it, also with a line break in a column's name")
  func brokenView() throws {
    try one.recreate("forged")
    defer { _ = try? one.drop("forged") }
    try one.run(
      "CREATE TABLE t AS SELECT 1 AS i; CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1", in: "forged")
    let context = try makeContext()
    let dump = try bench.dump(one.entry("forged"), context: context)
    try one.run(
      "CREATE TABLE gone AS SELECT 1 AS i; CREATE VIEW v AS SELECT i AS `a\nb` FROM gone; DROP TABLE gone; UPDATE t SET i = 2; CREATE TABLE `a\nfailed on view b` (i INT)",
      in: "forged")
    let root = try bench.configured(one.entry("forged"))
    let plan = try bench.hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    try dump.restore(plan, context: context)
    #expect(try one.run("SELECT i FROM t; SHOW FULL TABLES", in: "forged") == "1\nt\tBASE TABLE\n")
    try bench.expectNothingLeft()
  }

  @Test("No option of a dump takes from tables what they are made with, or from times the zone that they are in")
  func tableOptions() throws {
    try one.recreate("plainly")
    defer { _ = try? one.drop("plainly") }
    try one.run(
      """
      CREATE TABLE t (i INT AUTO_INCREMENT PRIMARY KEY, at TIMESTAMP DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
        c VARCHAR(3) CHARACTER SET latin1) ENGINE=Aria COMMENT='c';
      INSERT INTO t (c) VALUES ('a'), ('b')
      """, in: "plainly")
    let look = "SHOW CREATE TABLE t; SELECT * FROM t"
    let before = try one.run(look, in: "plainly")
    let context = try makeContext()
    let entry = one.entry("plainly", "options: --skip-opt --skip-tz-utc")
    let dump = try bench.dump(entry, context: context)
    #expect(String(decoding: dump.bytes, as: UTF8.self).contains("SET TIME_ZONE='+00:00'"))
    try one.drop("plainly")
    let plan = try bench.hook.restore(
      of: dump.facts, to: RestoreTarget(), root: bench.configured(entry), context: context)
    try dump.restore(plan, context: context)
    #expect(try one.run(look, in: "plainly") == before)
  }

  @Test("What stands behind a view that failed is no statement of the dump program's")
  func failedView() throws {
    func holdsOne(_ text: String) throws -> Bool {
      var splitter = StatementSplitter()
      try Array(text.utf8).withUnsafeBytes { try splitter.feed($0) { _ in } }
      return splitter.holdsFailedView
    }
    let failed = "\n-- failed on view `v`: CREATE VIEW a\nCREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DO 1;\n"
    #expect(try holdsOne(failed) && holdsOne("--\n-- Temporary table structure for view `v`\n--\n" + failed))
    // A table may be called so.
    #expect(try !holdsOne("--\n-- Table structure for table `a\n-- failed on view b`\n--\n\nDO 1;\n"))
  }

  @Test("A dump is refused where the server would give no more than some rows of each table")
  func selectLimit() throws {
    try one.recreate("limited")
    try one.run("CREATE TABLE t (i INT); INSERT INTO t VALUES (1), (2), (3)", in: "limited")
    try one.run("CREATE OR REPLACE USER few@'%' IDENTIFIED BY 'f'; GRANT ALL ON limited.* TO few@'%'")
    try one.run("SET GLOBAL init_connect = 'SET sql_select_limit = 2'")
    defer { _ = try? one.run("SET GLOBAL init_connect = ''; DROP USER few@'%'; DROP DATABASE limited") }
    let entry = "  - {name: limited, hostname: \(one.hostname), port: \(one.port), username: few, password: f}\n"
    let context = try makeContext()
    let error = #expect(throws: DumpError.self) { try bench.dump(entry, context: context) }
    #expect(error?.diagnosis.problem.contains("no more than 2 rows") == true)
    try one.run("SET GLOBAL init_connect = ''")
    let dump = try bench.dump(entry, context: context)
    #expect(String(decoding: dump.bytes, as: UTF8.self).contains("(3)"))
  }

  @Test("A server that shows names without quotes is not dumped: nobody could restore it")
  func unquotedNames() throws {
    try one.recreate("unquoted")
    try one.run("CREATE TABLE t (i INT)", in: "unquoted")
    try one.run("SET GLOBAL sql_quote_show_create = 0")
    defer { _ = try? one.run("SET GLOBAL sql_quote_show_create = 1; DROP DATABASE unquoted") }
    let context = try makeContext()
    let error = #expect(throws: DumpError.self) { try bench.dump(one.entry("unquoted"), context: context) }
    #expect(error?.diagnosis.problem.contains("sql_quote_show_create") == true)
    try one.run("SET GLOBAL sql_quote_show_create = 1")
    _ = try bench.dump(one.entry("unquoted"), context: context)
  }

  @Test("Default limits of rows and of time do not stand in a restore's way")
  func defaultLimits() throws {
    try one.recreate("limited")
    try one.run(
      "CREATE TABLE t (i INT); INSERT INTO t VALUES (1), (2); CREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW SET @a = 1",
      in: "limited")
    defer { _ = try? one.run("DROP DATABASE limited") }
    let context = try makeContext()
    let limits = "SET SESSION max_statement_time = 0.001, SESSION sql_select_limit = 1, SESSION max_join_size = 1"
    let entry = one.entry("limited") + "    restore_options: '--init-command=\"\(limits)\"'\n"
    let dump = try bench.dump(one.entry("limited"), context: context)
    for _ in 1...2 {
      let plan = try bench.hook.restore(
        of: dump.facts, to: RestoreTarget(), root: bench.configured(entry), context: context)
      #expect(try dump.restore(plan, context: context) == [])
      #expect(try one.run("SELECT SUM(i) FROM t", in: "limited").contains("3"))
    }
  }

  @Test("What a user may not see is said with the GRANT, marked, and refused where that is asked for")
  func missingRights() throws {
    try one.recreate("seen")
    try one.run("CREATE TABLE t (i INT); CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET @a = 1", in: "seen")
    try one.run(
      "CREATE OR REPLACE USER lean@'%' IDENTIFIED BY 'l'; GRANT SELECT, LOCK TABLES, SHOW VIEW, EVENT ON seen.* TO lean@'%'"
    )
    let entry = "  - {name: seen, hostname: \(one.hostname), port: \(one.port), username: lean, password: l"
    let context = try makeContext()
    let (facts, said) = try warnings(entry + "}\n", context: context)
    #expect(said.count == 1, "\(said)")
    #expect(said.first?.contains("triggers, procedures and functions") == true)
    #expect(
      said.first?.contains("GRANT TRIGGER ON `seen`.* TO 'lean'@'%'; GRANT SELECT ON mysql.proc TO 'lean'@'%'") == true)
    #expect(facts.details["unseen"] == "triggers, procedures and functions")
    let root = try bench.configured(one.entry("seen"))
    let plan = try bench.hook.restore(of: facts, to: two.target, root: root, context: context)
    let dump = try bench.dump(entry + "}\n", context: context)
    #expect(try dump.restore(plan, context: context).contains { $0.contains("may not see all triggers") })

    let error = #expect(throws: DumpError.self) {
      try warnings(entry + ", on_missing_rights: fail}\n", context: context)
    }
    #expect(error?.diagnosis.suggestion?.contains("GRANT TRIGGER") == true)
    #expect(error?.isWorthARetry == false)
    try one.run("GRANT TRIGGER ON seen.* TO lean@'%'; GRANT SELECT ON mysql.proc TO lean@'%'")
    #expect(try warnings(entry + ", on_missing_rights: fail}\n", context: context).warnings == [])
    try one.run("DROP USER lean@'%'")
    for server in [one, two] { try server.drop("seen") }
  }

  @Test("History that is left out is said; with --dump-history it comes back")
  func history() throws {
    try one.recreate("past")
    try one.run(
      "CREATE TABLE t (a INT) WITH SYSTEM VERSIONING; INSERT INTO t VALUES (1); UPDATE t SET a = 2", in: "past")
    let context = try makeContext()
    #expect(try warnings(one.entry("past"), context: context).warnings.contains { $0.contains("past.t") })
    let entry = one.entry("past", "options: --dump-history")
    #expect(try warnings(entry, context: context).warnings == [])
    let rows = "SELECT *, row_start, row_end FROM past.t FOR SYSTEM_TIME ALL ORDER BY row_start"
    let before = try one.run(rows)
    let dump = try bench.dump(entry, context: context)
    let plan = try bench.hook.restore(
      of: dump.facts, to: RestoreTarget(), root: bench.configured(entry), context: context)
    #expect(try dump.restore(plan, context: context) == [])
    #expect(try one.run(rows) == before)
    try one.drop("past")
  }

  @Test("Rows that violate a CHECK and tables that were made in a looser mode come back as they were")
  func loose() throws {
    try one.recreate("loose")
    let columns = (1...60).map { "c\($0) VARCHAR(255)" }.joined(separator: ", ")
    try one.run(
      """
      SET SESSION innodb_strict_mode = 0, check_constraint_checks = 0;
      CREATE TABLE wide (\(columns)) ROW_FORMAT = COMPACT; INSERT INTO wide (c1) VALUES ('x');
      CREATE TABLE checked (a INT CHECK (a > 0)); INSERT INTO checked VALUES (-1);
      """, in: "loose")
    let before = try one.content(of: "loose")
    #expect(try restored("loose", meanwhile: "DROP TABLE loose.wide") == [])
    try expectSame(one.content(of: "loose"), before)
    try one.drop("loose")
  }

  @Test(
    "A view that calls a function, or looks at a view, comes back where whom that acts for has rights on the database alone"
  )
  func calling() throws {
    try one.recreate("calling")
    defer {
      try? one.drop("calling")
      _ = try? one.run("DROP USER calling_app@'%'")
    }
    try one.run(
      """
      CREATE OR REPLACE USER calling_app@'%'; GRANT SELECT, EXECUTE ON calling.* TO calling_app@'%';
      CREATE TABLE t (i INT); INSERT INTO t VALUES (1), (2);
      CREATE DEFINER=calling_app@'%' FUNCTION `f(`(a INT, s VARCHAR(9) CHARSET utf8mb4) RETURNS DECIMAL(9, 2)
      DETERMINISTIC COMMENT 'RETURN it''s' RETURN a * 2;
      DELIMITER //
      SET sql_mode = ORACLE//
      CREATE DEFINER=calling_app@'%' FUNCTION o(a INT) RETURN INT AS BEGIN RETURN a * 3; END//
      DELIMITER ;
      SET sql_mode = '';
      CREATE DEFINER=calling_app@'%' VIEW v AS SELECT i, `f(`(i, '') AS two, o(i) AS three FROM t;
      CREATE DEFINER=calling_app@'%' VIEW high AS SELECT * FROM v;
      """, in: "calling")
    let before = try one.content(of: "calling")
    #expect(try restored("calling", meanwhile: "DELETE FROM calling.t") == [])
    try expectSame(one.content(of: "calling"), before)
    #expect(try one.run("SELECT * FROM calling.high") == "1\t2.00\t3\n2\t4.00\t6\n")

    // Under another name that account has no rights, and whoever would give them is told which.
    let other = RestoreTarget(databaseName: "calling2")
    let error = #expect(throws: RestoreError.self) { try restored("calling", to: other) }
    #expect(
      error?.diagnosis.suggestion == "As an administrator: GRANT EXECUTE ON `calling2`.* TO 'calling_app'@'%'")
    #expect(try one.databases(like: "calling2").isEmpty)
    defer { try? one.drop("calling2") }
    try one.run("GRANT SELECT, EXECUTE ON calling2.* TO calling_app@'%'")
    #expect(try restored("calling", to: other) == [])
    #expect(try one.run("SELECT * FROM calling2.high") == "1\t2.00\t3\n2\t4.00\t6\n")
  }

  @Test("An event that is disabled as a replica's comes back so, with the statement that enables it")
  func replicaEvents() throws {
    try one.recreate("replica")
    try one.run("CREATE EVENT `e``e` ON SCHEDULE EVERY 1 DAY DISABLE ON SLAVE DO DO 1", in: "replica")
    let said = try restored("replica")
    #expect(said.count == 1, "\(said)")
    #expect(said.first?.contains("ALTER EVENT `replica`.`e``e` ENABLE") == true)
    try one.drop("replica")
  }

  @Test("A copy's views read the copy, and a routine that names the original is told of")
  func copies() throws {
    try one.recreate("origin")
    try one.recreate("beside")
    try one.run(
      """
      CREATE TABLE beside.b (i INT); CREATE TABLE origin (i INT); INSERT INTO origin VALUES (1);
      CREATE FUNCTION twice(a INT) RETURNS INT DETERMINISTIC RETURN a * 2;
      CREATE VIEW mixed AS SELECT origin.i FROM origin LEFT JOIN beside.b ON b.i = origin.i;
      CREATE VIEW called AS SELECT origin.twice(i) AS t FROM origin;
      CREATE PROCEDURE p() SELECT * FROM origin.origin;
      """, in: "origin")
    var target = one.target
    target.databaseName = "copied"
    let said = try restored("origin", to: target)
    #expect(said.count == 1, "\(said)")
    #expect(said.first?.contains("procedure p names the database 'origin'") == true)
    #expect(
      try one.run(
        "SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'copied' AND VIEW_DEFINITION LIKE '%`origin`.`origin`%'"
          + " AND VIEW_DEFINITION NOT LIKE '%`copied`.`origin`%'") == "")
    try one.run("UPDATE origin.origin SET i = 5")
    #expect(try one.run("SELECT * FROM copied.mixed; SELECT * FROM copied.called") == "1\n2\n")
    for name in ["copied", "origin", "beside"] { try one.drop(name) }
  }

  @Test("Rights that everybody has come back with the accounts")
  func sharedRights() throws {
    try one.run("GRANT SELECT ON mysql.help_topic TO PUBLIC; GRANT SELECT ON `sh``ared`.* TO PUBLIC")
    let context = try makeContext()
    let dump = try bench.dump(one.entry("mysql"), context: context)
    let plan = try bench.hook.restore(
      of: dump.facts, to: two.target, root: bench.configured(one.entry("mysql")), context: context)
    try dump.restore(plan, context: context)
    let wanted = try one.run("SHOW GRANTS FOR PUBLIC")
    #expect(wanted.contains("`sh``ared`.*"))
    #expect(try two.run("SHOW GRANTS FOR PUBLIC") == wanted)
    for server in [one, two] {
      try server.run("REVOKE SELECT ON mysql.help_topic FROM PUBLIC; REVOKE SELECT ON `sh``ared`.* FROM PUBLIC")
    }
  }

  @Test(
    "Only a grant to everybody is taken out of an archive",
    arguments: [
      ("GRANT SELECT ON `a`.* TO PUBLIC", true),
      ("GRANT SELECT (`x`), INSERT ON `a`.`b` TO PUBLIC WITH GRANT OPTION", true),
      ("GRANT ALL ON *.* TO mallory", false), ("GRANT SELECT ON a.* TO PUBLIC; DROP TABLE t", false),
      ("GRANT SELECT ON a.* TO x IDENTIFIED BY 'PUBLIC'", false), ("DROP TABLE t -- TO PUBLIC", false),
      ("GRANT SELECT ON a.* TO mallory, PUBLIC", false), ("GRANT SELECT ON a.* TO `mallory`, PUBLIC", false),
    ])
  func sharedRightsOnly(line: String, isTaken: Bool) {
    #expect(!MariaDBSharedRights(lines: [line]).statements.isEmpty == isTaken)
  }

  @Test(
    "What a user's option file says of form, account and errors changes nothing; what nobody configured it supplies",
    arguments: [
      "default-character-set=latin1", "user=nobody\npassword=wrong", "show-warnings", "table", "xml", "html",
      "vertical",
      "delimiter=$$", "force", "raw", "column-names", "database=missing", "silent", "skip-binary-mode", "skip-comments",
    ])
  func optionFiles(line: String) throws {
    let home = try RuntimeDirectory(base: NSTemporaryDirectory())
    let isOfClient = !line.begins(with: "default") && !line.begins(with: "user")
    let group = isOfClient ? "[mysql]" : "[client]"
    try "\(group)\n\(line)\n".write(toFile: home.path + "/.my.cnf", atomically: true, encoding: .utf8)
    chmod(home.path + "/.my.cnf", 0o600)
    let context = try makeContext(variables: ["HOME": home.path])
    try one.recreate("formed")
    try one.run(
      """
      CREATE TABLE t (v VARCHAR(50)); INSERT INTO t VALUES ('Grüße 😀\\t\\n\\\\');
      CREATE VIEW v AS SELECT '😀' AS e; CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' DO DO 1
      """, in: "formed")
    let before = try one.content(of: "formed")
    let dump = try bench.dump(one.entry("formed"), context: context)
    try one.run("DELETE FROM formed.t")
    let plan = try bench.hook.restore(
      of: dump.facts, to: RestoreTarget(), root: bench.configured(one.entry("formed")), context: context)
    #expect(try dump.restore(plan, context: context) == [])
    try expectSame(one.content(of: "formed"), before)
    try one.drop("formed")
    try bench.expectNothingLeft()
  }

  @Test("A user's option file supplies the host and the password that nobody configured")
  func supplied() throws {
    let home = try RuntimeDirectory(base: NSTemporaryDirectory())
    let file =
      "[client]\nhost=\(one.hostname)\nport=\(one.port)\nprotocol=tcp\nuser=nobody\npassword=\"\(one.password)\"\n"
    try file.write(toFile: home.path + "/.my.cnf", atomically: true, encoding: .utf8)
    chmod(home.path + "/.my.cnf", 0o600)
    let context = try makeContext(variables: ["HOME": home.path])
    try one.recreate("supplied")
    let dump = try bench.dump("  - {name: supplied, username: \(one.username)}\n", context: context)
    #expect(String(decoding: dump.bytes, as: UTF8.self).contains("CREATE DATABASE"))
    try one.drop("supplied")
  }

  @Test("A read-only server is refused before anything is touched")
  func readOnly() throws {
    try one.recreate("target")
    try two.run(
      """
      CREATE OR REPLACE USER limited@'%' IDENTIFIED BY 'l'; GRANT ALL ON target.* TO limited@'%';
      GRANT ALL ON `coffer\\_%`.* TO limited@'%'; SET GLOBAL read_only = 1
      """)
    let context = try makeContext()
    let dump = try bench.dump(one.entry("target"), context: context)
    var target = two.target
    (target.username, target.password) = ("limited", "l")
    let error = #expect(throws: RestoreError.self) {
      try bench.hook.restore(of: dump.facts, to: target, root: bench.configured(one.entry("target")), context: context)
    }
    try two.run("SET GLOBAL read_only = 0; DROP USER limited@'%'")
    #expect(error?.diagnosis.problem.contains("read-only") == true)
    #expect(error?.diagnosis.problem.contains("\(two.hostname):\(two.port)") == true)
    try one.drop("target")
  }

  @Test("A dump's names are one database where the server that wrote it took them for one")
  func foldedNames() throws {
    let text = """
      /*!40000 DROP DATABASE IF EXISTS `Shop`*/;
      CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET latin1 */;
      USE `Shop`;
      CREATE TABLE `t` (a int);
      /*!50001 CREATE ALGORITHM=UNDEFINED */
      /*!50013 DEFINER=`a`@`%` SQL SECURITY DEFINER */
      /*!50001 VIEW `v` AS select `shop`.`t`.`a` AS `a` from `shop`.`t` */;
      -- Dump completed

      """
    var rules = MariaDBScript.Rules(mark: "0")
    rules.isOfOne = true
    rules.target = { _ in "Shop" }
    rules.seal = .delimited
    var script = MariaDBScript(rules)
    try Array(text.utf8).withUnsafeBytes { try script.feed($0) { _ in } }
    #expect(script.databases.map(\.target) == ["Shop"])
    #expect(script.databases.map(\.replaces) == [true])
    let view = try #require(script.programs.last { $0.object != nil })
    #expect(
      String(decoding: view.statement.text, as: UTF8.self).contains("select `Shop`.`t`.`a` AS `a` from `Shop`.`t`"))
  }
}
