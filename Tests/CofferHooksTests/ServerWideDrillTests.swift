import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

/// What a drill of a dump found.
private struct Drilled {
  let known: DumpContent
  let found: DumpContent
  let warnings: [String]

  var differences: [String] { known.differences(in: found) }
}

/// Restores a dump to a throw-away server.
///
/// - Parameter look: Given the place before it is removed.
private func drill(
  _ hook: some DatabaseHook, _ dump: TakenDump, _ context: HookContext,
  _ look: (any DrillPlace, DumpFacts, String) throws -> Void = { _, _, _ in }
) throws -> Drilled {
  let ground = try DrillGround(in: "/tmp", user: "nobody", context: context)
  defer { ground.remove() }
  let place = try hook.drill(of: dump.facts, bytes: UInt64(dump.bytes.count), on: ground)
  defer { place.remove() }
  try dump.bytes.withUnsafeBytes { try place.observer?.write($0) }
  let facts = place.facts(dump.facts)
  let plan = try hook.restore(of: facts, to: place.target, root: nil, context: ground.context)
  let warnings = try dump.restore(plan, context: ground.context)
  let findings = try place.findings(of: facts)
  try look(place, facts, ground.path)
  return Drilled(
    known: try #require(dump.facts.content ?? findings.dumped), found: try #require(findings.content),
    warnings: warnings + findings.warnings)
}

extension TakenDump {
  /// The dump with something else in place of a text that it holds.
  fileprivate func swapping(_ text: String, for other: String) throws -> TakenDump {
    let all = String(decoding: bytes, as: UTF8.self)
    #expect(all.contains(text), "\(text)")
    return TakenDump(facts: facts, bytes: Array(all.replacing(text, with: other).utf8))
  }
}

@Suite("Drills of whole PostgreSQL servers, and of their roles", .serialized)
struct PostgreSQLScriptDrillTests: PostgreSQLSuite {
  let ground: PostgreSQLGround
  private let folder: String

  private static let quoted = PostgreSQLServer.quotedIdentifier(database)

  init() throws {
    ground = try PostgreSQLGround()
    folder = "/tmp/coffer-space-\(UUID().uuidString.prefix(8))"
  }

  /// A role whose sessions would write nothing, one that a database belongs to, and a tablespace.
  private func prepareServer() throws {
    try cleanUp()
    try prepare()
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let owner = try one.run("SHOW data_directory").trimmingCharacters(in: .whitespacesAndNewlines)
    let attributes = try FileManager.default.attributesOfItem(atPath: owner)
    try FileManager.default.setAttributes(
      [.ownerAccountID: try #require(attributes[.ownerAccountID])], ofItemAtPath: folder)
    try one.run("CREATE TABLESPACE \"drill space\" LOCATION '\(folder)'")
    try one.run(
      """
      CREATE ROLE "Drilled Owner" LOGIN PASSWORD 'p'; CREATE ROLE drilled_alone SUPERUSER;
      GRANT drilled_alone TO "Drilled Owner" WITH ADMIN OPTION;
      ALTER ROLE drilled_alone SET default_transaction_read_only = on;
      ALTER DATABASE \(Self.quoted) OWNER TO "Drilled Owner";
      ALTER DATABASE \(Self.quoted) SET work_mem = '8MB';
      """)
    try one.run(
      """
      CREATE TABLE public.spaced (a int) TABLESPACE "drill space"; INSERT INTO public.spaced VALUES (1), (2), (3);
      ALTER TABLE public.spaced OWNER TO "Drilled Owner"; CREATE EXTENSION IF NOT EXISTS pg_trgm;
      """, in: Self.database)
  }

  private func cleanUp() throws {
    try one.drop(Self.database)
    try one.run("DROP ROLE IF EXISTS \"Drilled Owner\", drilled_alone")
    try one.run("DROP TABLESPACE IF EXISTS \"drill space\"")
    try? FileManager.default.removeItem(atPath: folder)
  }

  @Test("A whole server is restored to one of its own, with roles and tablespaces, and all databases are compared")
  func wholeServer() throws {
    try prepareServer()
    defer { try? cleanUp() }
    let context = try makeContext()
    let root = try configured(one.entry("all", "label: cluster"))
    let dump = try take(root, context)
    let content = try #require(dump.facts.content)
    let shop = ServerNames.shown(ServerText(Self.database))
    #expect(content.tables.filter { $0.name.hasPrefix(shop) }.compactMap(\.rows).reduce(0, +) == 2506)
    #expect(content.accounts?.contains("\"Drilled Owner\"") == true && content.objects["tablespace"] == 1)
    let before = try one.content(of: Self.database)

    let drilled = try drill(hook, dump, context) { place, facts, path in
      #expect(place.version == "PostgreSQL 15" && !place.isConfigured)
      let databases = try place.databases(of: facts)
      #expect(databases.contains(Self.database))
      var asked = facts
      asked.identity = facts.identity.naming(Self.database)
      let answer = try place.answer(
        to: """
          SELECT (SELECT count(*) FROM public.spaced), (SELECT tablespace FROM pg_tables WHERE tablename = 'spaced'),
          (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()), current_setting('work_mem'),
          (SELECT count(*) FROM pg_tablespace WHERE pg_tablespace_location(oid) LIKE '\(path)/%'),
          (SELECT rolsuper FROM pg_roles WHERE rolname = 'drilled_alone'),
          (SELECT setconfig FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole WHERE rolname = 'drilled_alone')
          """, of: asked)
      #expect(answer == "3|drill space|Drilled Owner|8MB|1|t|{default_transaction_read_only=on}")
    }
    #expect(drilled.differences == [] && drilled.warnings == [], "\(drilled)")
    #expect(drilled.known.countedTables(in: drilled.found) == content.tables.count)
    #expect(drilled.known.sequences.count > 0)
    try expectSame(one.content(of: Self.database), before)

    // What is lost on the way is missed.
    let lost = try dump.swapping("\n2\n3\n\\.\n", for: "\n2\n\\.\n")
      .swapping("CREATE ROLE drilled_alone;", for: "CREATE ROLE drilled_other;")
      .swapping("ALTER ROLE drilled_alone ", for: "ALTER ROLE drilled_other ")
      .swapping("GRANT drilled_alone ", for: "GRANT drilled_other ")
    let damaged = try drill(hook, TakenDump(facts: dump.facts, bytes: lost.bytes), context)
    #expect(
      damaged.differences == [
        "table \(shop).public.spaced has 2 rows, and had 3 when it was dumped",
        "the role or account drilled_alone is missing",
      ])
    // Archives of earlier versions have no counts: what the dump holds is counted as it is restored. And what the dump says of the
    // role that the server was made by holds for nobody who looks at it.
    let first = try #require(dump.facts.details["first_role"])
    let hindering = try dump.swapping(
      "ALTER ROLE drilled_alone SET default_transaction_read_only TO 'on'",
      for: "ALTER ROLE \(PostgreSQLServer.quotedIdentifier(first)) SET session_preload_libraries TO 'not_there'")
    var facts = dump.facts
    (facts.content, facts.details["first_role"]) = (nil, nil)
    let old = try drill(hook, TakenDump(facts: facts, bytes: hindering.bytes), context)
    #expect(old.differences == [] && old.known == content, "\(old.differences)")
  }

  @Test("Roles and tablespaces alone are made on a server of their own, and each is there")
  func globals() throws {
    try prepareServer()
    defer { try? cleanUp() }
    let context = try makeContext()
    let root = try configured(one.entry("postgres"))
    let dump = try take(root, context, globals: true)
    let drilled = try drill(hook, dump, context) { place, facts, _ in
      let databases = try place.databases(of: facts)
      #expect(databases == [])
    }
    #expect(drilled.differences == [] && drilled.warnings == [], "\(drilled)")
    #expect(drilled.known.accounts?.contains("drilled_alone") == true && drilled.known.tables.isEmpty)
    #expect(drilled.known.objects == ["tablespace": 1])
    let wrong = try dump.swapping("GRANT drilled_alone TO", for: "GRANT drilled_nobody TO")
    #expect(throws: RestoreError.self) { try drill(hook, wrong, context) }
  }

  @Test("Rows come and go while a server is dumped, and the drill of the dump shows no difference")
  func writers() throws {
    try one.recreate("drilled busy")
    defer { try? one.drop("drilled busy") }
    try one.run(
      "CREATE TABLE t AS SELECT generate_series(1, 20000) AS i; CREATE SEQUENCE s; CREATE TABLE gone (a int)",
      in: "drilled busy")
    let context = try makeContext()
    // Between one look and the next of whoever would count beside it.
    let dumper = try standIn(
      """
      case "$*" in *--version*) exec pg_dumpall "$@";; esac
      PGPASSWORD=\(one.password) psql -X -q -h \(one.hostname) -p \(one.port) -U \(one.username) -d 'drilled busy' \\
        -c "DELETE FROM t WHERE i % 2 = 0; SELECT nextval('s'); DROP TABLE gone; CREATE TABLE come (a int)" >/dev/null
      pg_dumpall "$@" || exit
      PGPASSWORD=\(one.password) psql -X -q -h \(one.hostname) -p \(one.port) -U \(one.username) -d 'drilled busy' \\
        -c "INSERT INTO t SELECT generate_series(1, 50); SELECT nextval('s'); DROP TABLE come" >/dev/null
      """)
    let root = try configured(one.entry("all", "label: cluster", "pg_dump_command: \(dumper)"))
    let dump = try take(root, context)
    let drilled = try drill(hook, dump, context)
    #expect(drilled.differences == [], "\(drilled.differences)")
    #expect(drilled.known.tables.contains(.init(name: "\"drilled busy\".public.t", rows: 10000)))
    #expect(drilled.known.sequences.contains(.init(name: "\"drilled busy\".public.s", value: 1)))
  }

  @Test("A script that is written in another encoding than its database has is restored, and not compared")
  func encodings() throws {
    try one.recreate("drilled letters")
    defer { try? one.drop("drilled letters") }
    try one.run("CREATE TABLE \"grüße\" (a int)", in: "drilled letters")
    let context = try makeContext()
    let dump = try take(try configured(one.entry("all", "label: cluster")), context)
    var script = String(decoding: dump.bytes, as: UTF8.self)
    let start = try #require(script.range(of: "-- Database \"drilled letters\" dump")).upperBound
    // Before it is made, and in it.
    for _ in 0..<2 {
      let encoding = try #require(script.range(of: "SET client_encoding = 'UTF8'", range: start..<script.endIndex))
      script.replaceSubrange(encoding, with: "SET client_encoding = 'LATIN1'")
    }
    var facts = dump.facts
    facts.content = nil
    let ground = try DrillGround(in: "/tmp", user: "nobody", context: context)
    defer { ground.remove() }
    let place = try hook.drill(of: facts, bytes: UInt64(script.utf8.count), on: ground)
    defer { place.remove() }
    let bytes = Array(script.utf8)
    try bytes.withUnsafeBytes { try place.observer?.write($0) }
    let plan = try hook.restore(of: place.facts(facts), to: place.target, root: nil, context: ground.context)
    _ = try TakenDump(facts: facts, bytes: bytes).restore(plan, context: ground.context)
    let findings = try place.findings(of: facts)
    #expect(findings.dumped == nil && findings.content?.tables.isEmpty == false)
    #expect(findings.warnings.contains { $0.contains("'drilled letters' is written in another") })
  }

  @Test("Who answers in the throw-away server's place is given none of the user's passwords")
  func passwords() throws {
    let ground = try DrillGround(in: "/tmp", user: "nobody", context: try makeContext())
    defer { ground.remove() }
    for file in [ground.context.environment["PGPASSFILE"], ground.context.environment["HOME"].map { $0 + "/.pgpass" }] {
      let file = try #require(file)
      #expect(file.hasPrefix(ground.path) && !FileManager.default.fileExists(atPath: file))
    }
  }

  @Test("A server of verify_hostname is not asked: the dump would change it")
  func elsewhere() throws {
    let root = try configured(one.entry("all", "label: cluster", "verify_hostname: 192.0.2.1"))
    let facts = DumpFacts(
      identity: DumpIdentity(
        hook: hook.name, database: "all", hostname: one.hostname, port: one.port, label: "cluster"),
      format: "plain")
    let context = try makeContext()
    #expect(try hook.drillServer(of: facts, root: root, context: context) == nil)
    #expect(hook.drillHost(of: facts, root: root) == "192.0.2.1")
  }
}

@Suite("Drills of whole MariaDB servers, and of their accounts", .serialized)
struct MariaDBServerWideDrillTests {
  private let bench: MariaDBBench
  /// Where a table's files are, outside of the server's folder.
  private let folder: String
  private var one: MariaDBServer { bench.one }

  init() throws {
    bench = try MariaDBBench()
    folder = "/tmp/coffer-far-\(UUID().uuidString.prefix(8))"
  }

  private func prepare() throws {
    try cleanUp()
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o777])
    chmod(folder, 0o777)
    for name in ["drilled shop", "drilled x"] { try one.recreate(name) }
    try one.run(MariaDBServer.richSchema, in: "drilled shop")
    try one.run(
      """
      CREATE TABLE `drilled x`.t (i INT PRIMARY KEY); INSERT INTO `drilled x`.t VALUES (1), (2), (3);
      CREATE TABLE `drilled x`.far (i INT) DATA DIRECTORY='\(folder)'; INSERT INTO `drilled x`.far VALUES (1), (2);
      CREATE SERVER `drilled far` FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'h', USER 'drilled_nobody');
      CREATE USER drilled_app@'%' IDENTIFIED BY 'it''s'; CREATE ROLE drilled_reader; CREATE ROLE drilled_writer;
      CREATE USER 'odd ''one'@localhost IDENTIFIED VIA unix_socket;
      GRANT SELECT ON `drilled x`.t TO drilled_reader; GRANT drilled_reader TO drilled_writer;
      GRANT drilled_writer TO drilled_app@'%'; GRANT INSERT ON *.* TO drilled_app@'%' WITH GRANT OPTION;
      """)
  }

  private func cleanUp() throws {
    for name in ["drilled shop", "drilled x"] { try one.drop(name) }
    try? FileManager.default.removeItem(atPath: folder)
    try one.run(
      "DROP SERVER IF EXISTS `drilled far`; DROP USER IF EXISTS drilled_app@'%', 'odd ''one'@localhost; DROP ROLE IF EXISTS drilled_reader, drilled_writer"
    )
  }

  @Test("A whole server is restored to one of its own, with accounts, and all databases are compared")
  func wholeServer() throws {
    try prepare()
    defer { try? cleanUp() }
    let context = try makeContext()
    let dump = try bench.dump(one.entry("all"), context: context)
    let far = try FileManager.default.subpathsOfDirectory(atPath: folder).sorted()
    #expect(far.contains { $0.hasSuffix("/far.ibd") }, "\(far)")
    let drilled = try drill(bench.hook, dump, context) { place, facts, _ in
      let databases = try place.databases(of: facts)
      #expect(databases.contains("drilled x"))
      // None of it is outside of the drill's folder.
      #expect(try FileManager.default.subpathsOfDirectory(atPath: folder).sorted() == far)
      var asked = facts
      asked.identity = facts.identity.naming("drilled x")
      let count = try place.answer(to: "SELECT COUNT(*) FROM t", of: asked)
      #expect(count == "3")
      // Also of the account that a server begins with.
      let root = "SHOW GRANTS FOR root@localhost"
      let (rights, own) = (try place.answer(to: root, of: asked), try one.run(root))
      #expect(rights == own.trimmingCharacters(in: .newlines))
    }
    #expect(drilled.differences == [], "\(drilled.differences)")
    #expect(bench.othersThanHistory(drilled.warnings) == [])
    #expect(drilled.known.accounts?.contains("'drilled_app'@'%'") == true)
    #expect(drilled.known.accounts?.contains("'drilled_reader'") == true)
    #expect(drilled.known.tables.contains(.init(name: "`drilled x`.`t`", rows: 3)))
    #expect(drilled.known.tables.contains(.init(name: "`drilled x`.`far`", rows: 2)))

    // The restore loses what the dump has.
    let lost = try dump.swapping("`drilled_app`@`%`", for: "`drilled_other`@`%`")
      .swapping("'drilled_app'@'%'", for: "'drilled_other'@'%'")
    let damaged = try drill(bench.hook, TakenDump(facts: dump.facts, bytes: lost.bytes), context)
    #expect(
      drilled.known.differences(in: damaged.found) == ["the role or account 'drilled_app'@'%' is missing"])
  }

  @Test("A database whose views act for accounts that are not there is proven all the same, alone and with its server")
  func definers() throws {
    try prepare()
    defer { try? cleanUp() }
    try one.run(
      """
      GRANT SELECT, EXECUTE ON `drilled x`.* TO drilled_app@'%';
      CREATE DEFINER=drilled_app@'%' VIEW `drilled x`.low AS SELECT i FROM `drilled x`.t;
      CREATE DEFINER=drilled_app@'%' VIEW `drilled x`.high AS SELECT i FROM `drilled x`.low;
      CREATE DEFINER=drilled_app@'%' FUNCTION `drilled x`.f() RETURNS INT RETURN 1;
      CREATE DEFINER=drilled_app@'%' VIEW `drilled x`.calls AS SELECT `drilled x`.f() AS one FROM `drilled x`.t LIMIT 0;
      """)
    let context = try makeContext()
    for entry in ["drilled x", "all"] {
      let drilled = try drill(bench.hook, bench.dump(one.entry(entry), context: context), context)
      #expect(drilled.differences == [], "\(drilled.differences)")
      #expect(drilled.known.objects["view"] ?? 0 >= 3)
    }
  }

  @Test("Accounts alone are made on a server of their own; rights on tables that are not there are counted")
  func accounts() throws {
    try prepare()
    defer { try? cleanUp() }
    // What the user's clients log in with elsewhere is nothing for that server.
    let home = try RuntimeDirectory(base: NSTemporaryDirectory())
    try "[client]\nuser=another\npassword=secret\n".write(
      toFile: "\(home.path)/.my.cnf", atomically: true, encoding: .utf8)
    let context = try makeContext(variables: ["HOME": home.path])
    let dump = try bench.dump(one.entry("mysql"), context: context)
    let drilled = try drill(bench.hook, dump, context) { place, facts, _ in
      let databases = try place.databases(of: facts)
      #expect(databases == [])
    }
    #expect(drilled.differences == [], "\(drilled.differences)")
    #expect(drilled.known.accounts?.contains("'odd ''one'@'localhost'") == true && drilled.known.tables.isEmpty)
    #expect(
      drilled.warnings.count == 1 && drilled.warnings[0].contains("rights on single tables and routines were not tried")
    )
    let wrong = try dump.swapping("GRANT INSERT ON *.*", for: "GRANT NONSENSE ON *.*")
    #expect(throws: RestoreError.self) { try drill(bench.hook, wrong, context) }
  }
}
