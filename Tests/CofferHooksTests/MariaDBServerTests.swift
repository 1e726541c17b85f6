import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Whole MariaDB servers and their accounts", .serialized)
struct MariaDBServerTests {
  private let bench: MariaDBBench
  private var one: MariaDBServer { bench.one }
  private var two: MariaDBServer { bench.two }

  private static let ordinary = ["shop", "x y"]

  init() throws {
    bench = try MariaDBBench()
    try dropAll()
  }

  /// Leaves the servers' own databases only.
  private func dropAll() throws {
    for server in [one, two] {
      let names = try server.run(
        """
        SELECT SCHEMA_NAME FROM information_schema.SCHEMATA
        WHERE SCHEMA_NAME NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')
        """)
      for name in names.split(separator: "\n") { try server.drop(String(name).replacing("\\\\", with: "\\")) }
      try server.run("DROP USER IF EXISTS app@'%', 'odd ''user'@localhost, only@here")
      try server.run("DROP ROLE IF EXISTS reader, writer; DROP SERVER IF EXISTS `far away`")
    }
  }

  private func prepare() throws {
    for name in Self.ordinary { try one.recreate(name) }
    try one.run(MariaDBServer.richSchema, in: "shop")
    try one.run(
      """
      CREATE TABLE `x y`.t (i INT PRIMARY KEY, c BIGINT, CONSTRAINT far FOREIGN KEY (c) REFERENCES shop.customer (id));
      INSERT INTO `x y`.t VALUES (1, 1);
      CREATE VIEW shop.across AS SELECT i FROM `x y`.t; CREATE VIEW `x y`.across AS SELECT id FROM shop.orders;
      CREATE USER app@'%' IDENTIFIED BY 'it''s \\\\ "secret"'; CREATE ROLE reader; CREATE ROLE writer;
      CREATE USER 'odd ''user'@localhost IDENTIFIED VIA unix_socket;
      GRANT SELECT ON shop.* TO reader; GRANT reader TO writer; GRANT writer TO app@'%'; SET DEFAULT ROLE writer FOR app@'%';
      GRANT EXECUTE ON FUNCTION shop.next_one TO app@'%'; GRANT SELECT (id) ON shop.customer TO 'odd ''user'@localhost;
      GRANT INSERT ON *.* TO app@'%' WITH GRANT OPTION;
      CREATE SERVER `far away` FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'h', USER 'reader', PASSWORD 'p''w');
      """)
  }

  private func accounts(_ server: MariaDBServer) throws -> String {
    try ["app@'%'", "'odd ''user'@localhost"].map { try server.grants(of: $0) }.joined()
      + server.run("SHOW GRANTS FOR reader; SHOW GRANTS FOR writer; SELECT * FROM mysql.servers")
      + server.run("SELECT * FROM mysql.roles_mapping WHERE User <> 'coffer' ORDER BY 1, 2, 3")
  }

  /// What the restoring account may do, but for the roles that it has.
  private func ownRights() throws -> String {
    try two.grants(of: "coffer@'%'").split(separator: "\n").filter { !$0.contains("WITH ADMIN OPTION") }
      .joined(separator: "\n")
  }

  /// What there is of before is another: other tables, other passwords, other rights.
  private func prepareOther(accounts: Bool = true) throws {
    try two.recreate("shop")
    try two.run("CREATE TABLE shop.other (i INT); CREATE VIEW shop.customer AS SELECT 1 AS id")
    guard accounts else { return }
    try two.run(
      """
      CREATE USER app@'%' IDENTIFIED BY 'another'; GRANT ALL ON *.* TO app@'%'; CREATE ROLE reader;
      GRANT ALL ON mysql.* TO reader; CREATE USER only@here; GRANT reader TO only@here;
      """)
  }

  @Test("A whole server comes back in one stream: every database, every account, keys and views across databases")
  func wholeServer() throws {
    try prepare()
    try prepareOther()
    let context = try makeContext()
    let root = try bench.configured(one.entry("all"))
    let dumps = try bench.hook.dumps(of: root, context: context)
    #expect(dumps.map(\.identity.database) == ["all"])
    let dump = try TakenDump(dumps[0], context: context)
    let contents = try Self.ordinary.map(one.content)
    let accounts = try accounts(one)
    let own = try ownRights()
    for _ in 1...2 {
      let plan = try bench.hook.restore(of: dump.facts, to: two.target, root: root, context: context)
      let warnings = try bench.othersThanHistory(dump.restore(plan, context: context))
      // What the restoring account has is not the dump's, and it may not let others act for it.
      #expect(warnings.contains { $0.contains("The account 'coffer'@'%'") })
      #expect(warnings.allSatisfy { $0.contains("'coffer'@'%'") || $0.contains("GRANT PROXY") }, "\(warnings)")
      for (name, content) in zip(Self.ordinary, contents) { try expectSame(two.content(of: name), content) }
      try expectSame(self.accounts(two), accounts)
      try expectSame(ownRights(), own)
    }
    #expect(try two.run("SELECT User FROM mysql.user WHERE User = 'only'") == "only\n")
    #expect(try two.run("SHOW TABLES FROM shop LIKE 'other'") == "")
    try bench.expectNothingLeft()
    try dropAll()
  }

  @Test("With a format, every database is a dump of its own, the accounts come last, and all goes onto a live server")
  func allWithFormat() throws {
    try prepare()
    try prepareOther()
    let context = try makeContext()
    let root = try bench.configured(one.entry("all", "format: sql", "skip_names: [nothing]"))
    let dumps = try bench.hook.dumps(of: root, context: context)
    #expect(dumps.map(\.identity.database) == Self.ordinary + ["mysql"])
    let accounts = try accounts(one)
    // The first has a view of the second one's, which has a key of the first one's.
    try two.run("CREATE DATABASE `x y`; CREATE TABLE `x y`.t (i INT PRIMARY KEY, c BIGINT)")
    for dump in try dumps.map({ try TakenDump($0, context: context) }) {
      let plan = try bench.hook.restore(of: dump.facts, to: two.target, root: root, context: context)
      try dump.restore(plan, context: context)
    }
    for name in Self.ordinary { try expectSame(two.content(of: name), one.content(of: name)) }
    try expectSame(self.accounts(two), accounts)
    try dropAll()
  }

  @Test("A view that waits for a database which then does not come is told, and has no rows; a later look finds it")
  func waitingInVain() throws {
    try one.recreate("shop")
    try one.recreate("x y")
    try one.run(
      """
      CREATE TABLE shop.t (i INT); INSERT INTO shop.t VALUES (1); CREATE TABLE `x y`.t (i INT);
      CREATE VIEW shop.across AS SELECT i AS `from far` FROM `x y`.t; CREATE VIEW shop.near AS SELECT * FROM shop.across;
      """)
    let context = try makeContext()
    let root = try bench.configured(one.entry("all", "format: sql", "skip_names: [mysql]"))
    let dumps = try bench.hook.dumps(of: root, context: context).map { try TakenDump($0, context: context) }
    let plans = try dumps.map { try bench.hook.restore(of: $0.facts, to: two.target, root: root, context: context) }
    #expect(throws: RestoreError.self) { try dumps[0].restore(plans[0], context: context) }
    #expect(try two.databases(like: "shop") == "")
    let running = try plans[0].start(folder: nil, before: [plans[1]], context: context)
    try dumps[0].bytes.withUnsafeBytes { try running.write($0) }
    // Said at once: the rest of the run may take long, or be killed.
    let notes = try running.finish()
    #expect(notes.count == 1 && notes[0].contains("have no rows: `shop`.`across`"), "\(notes)")
    #expect(try two.run("SELECT * FROM shop.across; SELECT * FROM shop.near") == "")
    let killed = try unmade(dumps[1].facts, root, context)
    #expect(try unmade(dumps[0].facts, root, context) == [], "what is restored now needs no other restore")
    #expect(killed.count == 1 && killed[0].contains("`shop`.`across` has no rows"), "\(killed)")
    let error = #expect(throws: RestoreError.self) { try running.makePostponed() }
    #expect(error?.diagnosis.problem.contains("have no rows") == true)
    #expect(error?.diagnosis.problem.contains("VIEW `across`") == true, "\(String(describing: error))")
    #expect(error?.diagnosis.problem.contains("x y.t") == true)
    #expect(try two.run("SELECT * FROM shop.t; SHOW COLUMNS FROM shop.near").contains("from far"))
    #expect(try running.makePostponed() == [])
    #expect(try two.run("SELECT * FROM shop.across") == "")
    #expect(try unmade(dumps[1].facts, root, context) == killed)
    for (dump, plan) in zip(dumps, plans).reversed() { try dump.restore(plan, context: context) }
    #expect(try unmade(dumps[1].facts, root, context) == [])
    for name in Self.ordinary { try expectSame(two.content(of: name), one.content(of: name)) }
    try dropAll()
  }

  /// What a restore says beforehand of views that others have left to make.
  private func unmade(_ facts: DumpFacts, _ root: ConfigurationSection, _ context: HookContext) throws -> [String] {
    let plan = try bench.hook.restore(of: facts, to: two.target, root: root, context: context)
    return try #require(plan as? MariaDBRestore).warnings.filter { $0.contains("has no rows") }
  }

  @Test("Nothing changes when one database of a whole server fails, nor when an account does")
  func failing() throws {
    try prepare()
    try prepareOther()
    let context = try makeContext()
    let root = try bench.configured(one.entry("all"))
    let dump = try bench.dump(one.entry("all"), context: context)
    let before = try two.content(of: "shop") + accounts2()
    let text = try #require(String(bytes: dump.bytes.map { $0 < 128 ? $0 : 63 }, encoding: .ascii))
    let last = try #require(text.ranges(of: "-- Final view structure").last).lowerBound.utf16Offset(in: text)
    let plan = try bench.hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    let broken = TakenDump(dump, inserting: "/*!50001 CREATE VIEW broken AS SELECT * FROM nowhere */;\n", at: last)
    #expect(throws: RestoreError.self) { try broken.restore(plan, context: context) }
    try expectSame(two.content(of: "shop") + accounts2(), before)
    #expect(try two.databases(like: "x y") == "")

    // Once the databases are in place, only the accounts can fail.
    let all = try #require(dump.bytes.indices.last { dump.bytes[$0...].starts(with: "GRANT USAGE".utf8) })
    let partly = TakenDump(dump, inserting: "GRANT NONSENSE ON *.* TO app@'%';\n", at: all)
    let rights = try accounts2()
    let error = #expect(throws: RestoreError.self) { try partly.restore(plan, context: context) }
    #expect(error?.diagnosis.problem.contains("the databases are restored, the accounts are as they were") == true)
    #expect(error?.diagnosis.problem.contains("the database is as it was") == false)
    try expectSame(accounts2(), rights)
    try expectSame(two.content(of: "shop"), one.content(of: "shop"))
    try two.drop("x y")
    try prepareOther(accounts: false)
    try expectSame(two.content(of: "shop") + accounts2(), before)

    let accounts = try bench.dump(one.entry("mysql"), context: context)
    let end = accounts.bytes.count - 400
    let line = try #require(accounts.bytes[end...].firstIndex(of: UInt8(ascii: "\n"))) + 1
    let wrong = TakenDump(accounts, inserting: "GRANT NONSENSE ON *.* TO app@'%';\n", at: line)
    let accountsPlan = try bench.hook.restore(of: accounts.facts, to: two.target, root: root, context: context)
    #expect(throws: RestoreError.self) { try wrong.restore(accountsPlan, context: context) }
    try expectSame(two.content(of: "shop") + accounts2(), before)
    try dropAll()
  }

  private func accounts2() throws -> String {
    try two.grants(of: "app@'%'") + two.grants(of: "only@here")
      + two.run("SHOW GRANTS FOR reader; SELECT User FROM mysql.user ORDER BY 1; SELECT * FROM mysql.servers")
  }

  @Test("Rights on what is not there yet are told, and do not stop the other accounts")
  func rightsOnMissing() throws {
    try prepare()
    let context = try makeContext()
    let root = try bench.configured(one.entry("mysql"))
    let dump = try bench.dump(one.entry("mysql"), context: context)
    let plan = try bench.hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    let warnings = try dump.restore(plan, context: context)
    #expect(warnings.contains { $0.contains("Not done: GRANT EXECUTE ON FUNCTION `shop`.`next_one`") })
    #expect(try two.grants(of: "app@'%'").contains("GRANT INSERT"))
    try dropAll()
  }

  @Test("Accounts whose rights cannot be given, because the server is lost, are not told to be as they were")
  func rightsLost() throws {
    try prepare()
    let context = try makeContext()
    let dump = try bench.dump(one.entry("mysql"), context: context)
    let programs = try Programs()
    let client = try programs.make("case \"$*\" in *--force*) exit 1;; esac; exec mariadb \"$@\"")
    let root = try bench.configured(one.entry("mysql", "mariadb_command: \(client)"))
    let plan = try bench.hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    let error = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    let problem = try #require(error?.diagnosis.problem)
    #expect(problem.contains("in part only: the accounts are there") && !problem.contains("as it was"), "\(problem)")
    try dropAll()
  }

  @Test("A pattern stands for the databases that match it, but for those to be skipped")
  func patterns() throws {
    try prepare()
    let context = try makeContext()
    func names(_ name: String, _ more: String...) throws -> [String] {
      let entry = one.entry(name) + more.map { "    \($0)\n" }.joined()
      return try bench.hook.dumps(of: bench.configured(entry), context: context).map(\.identity.database)
    }
    #expect(try names("s*p") == ["shop"])
    #expect(try names("*[py]") == Self.ordinary)
    #expect(try names("*", "skip_names: [shop, mysql]") == ["x y"])
    #expect(try names("all", "format: sql", "skip_names: [shop]") == ["x y", "mysql"])
    let none = try bench.hook.dumps(of: bench.configured(one.entry("nothing*")), context: context)
    #expect(throws: DumpError.self) { try none[0].start(context: context) }
    let odd = try bench.hook.dumps(
      of: bench.configured(one.entry("shop", "skip_names: [x]")), context: context)[0].start(context: context)
    #expect(try odd.finish().warnings.contains { $0.contains("skip_names") })
    try dropAll()
  }

  @Test("MySQL's hook leaves the database mysql out, and refuses to restore into it")
  func mysqlHook() throws {
    try prepare()
    let bench = try MariaDBBench(.mysql)
    let context = try makeContext()
    let root = try bench.configured(one.entry("all", "format: sql"))
    let dumps = try bench.hook.dumps(of: root, context: context)
    #expect(dumps.map(\.identity.database) == Self.ordinary)
    let dump = try TakenDump(dumps[0], context: context)
    #expect(dump.facts.identity.hook == "mysql_databases")
    let plan = try bench.hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    try two.run("CREATE DATABASE `x y`; CREATE TABLE `x y`.t (i INT)")
    #expect(try bench.othersThanHistory(dump.restore(plan, context: context)) == [])
    try expectSame(two.content(of: "shop"), one.content(of: "shop"))

    let together = try bench.dump(one.entry("all"), context: context)
    #expect(!String(decoding: together.bytes, as: UTF8.self).contains("CREATE USER"))
    try dropAll()
    let whole = try bench.hook.restore(of: together.facts, to: two.target, root: root, context: context)
    #expect(try bench.othersThanHistory(together.restore(whole, context: context)) == [])
    #expect(try two.databases(like: "shop") + two.databases(like: "x y") == "shop\nx y\n")
    let system = DumpFacts(identity: DumpIdentity(hook: bench.hook.name, database: "mysql"), format: "sql")
    #expect(throws: RestoreError.self) {
      try bench.hook.restore(of: system, to: two.target, root: root, context: context)
    }
    try dropAll()
  }
}
