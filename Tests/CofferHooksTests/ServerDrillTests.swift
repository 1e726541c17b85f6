import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("Drills on a server of the configuration", .serialized)
struct ServerDrillTests {
  private let context: HookContext

  init() throws {
    context = try makeContext()
  }

  private func place(_ hook: some DatabaseHook, _ dump: TakenDump, _ root: ConfigurationSection) throws
    -> any DrillPlace
  {
    try #require(try hook.drillServer(of: dump.facts, root: root, context: context))
  }

  private func restore(
    _ hook: some DatabaseHook, _ dump: TakenDump, _ root: ConfigurationSection, in place: any DrillPlace
  ) throws {
    try dump.bytes.withUnsafeBytes { try place.observer?.write($0) }
    let plan = try hook.restore(of: place.facts(dump.facts), to: place.target, root: root, context: context)
    _ = try dump.restore(plan, context: context)
  }

  @Test("Only a name with the checksum of its digits is one of a drill's")
  func names() throws {
    let name = DrillName()
    #expect(DrillName(name.text) == name && name.text.utf8.count == 39)
    var wrong = Array(name.text.utf8)
    wrong[wrong.count - 1] = wrong[wrong.count - 1] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
    for text in [
      String(decoding: wrong, as: UTF8.self), name.text.uppercased(), name.text + "_", "x" + name.text,
      "coffer_verify_", "",
      "coffer_verify_0123456789abcdef_00000000", name.text + "\u{301}",
    ] { #expect(DrillName(text) == nil, "\(text)") }
  }

  @Test(
    "A connection that is lost as what was restored is looked at is told with the database, and is no fault of the dump's",
    arguments: [
      "s/^BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY/SELECT ENDING; &/",
      "s/^FROM pg_catalog.pg_sequences/FROM ENDING, pg_catalog.pg_sequences/",
    ])
  func lostFindings(change: String) throws {
    let ground = try PostgreSQLGround()
    try ground.one.recreate("drilled counter")
    defer { try? ground.one.drop("drilled counter") }
    try ground.one.run("CREATE TABLE t (i int); CREATE SEQUENCE s; SELECT nextval('s')", in: "drilled counter")
    let ending = "pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())"
    let (dump, place) = try drill(
      "drilled counter", ground,
      psql: """
        case "$*" in *"--file -"*) ;; *) exec psql "$@";; esac
        exec 3<&0; mkfifo "$0.$$"
        sed -u '\(change.replacingOccurrences(of: "ENDING", with: ending))' <&3 3<&- >"$0.$$" 2>/dev/null &
        exec psql "$@" <"$0.$$" 3<&-
        """)
    defer { place.remove() }
    #expect(dump.facts.content?.sequences.count == 1)
    let error = #expect(throws: DrillError.self) { try place.findings(of: dump.facts) }
    let diagnosis = try #require(error?.diagnosis)
    #expect(diagnosis.subject.contains("drilled counter"), "\(diagnosis)")
    #expect(
      diagnosis.problem.contains("could not be looked at") && diagnosis.problem.contains("terminating connection"),
      "\(diagnosis)")
  }

  @Test("A question whose asker cannot be found out, because the connection is lost, is asked by nobody else")
  func lostOwner() throws {
    let ground = try PostgreSQLGround()
    try ground.one.recreate("drilled owner")
    defer { try? ground.one.drop("drilled owner") }
    let (dump, place) = try drill(
      "drilled owner", ground,
      psql: """
        case "$*" in *"ON r.oid = d.datdba"*) echo "server closed the connection unexpectedly" >&2; exit 2;; esac
        exec psql "$@"
        """)
    defer { place.remove() }
    let error = #expect(throws: DrillError.self) { try place.answer(to: "SELECT 1", of: dump.facts) }
    #expect(error?.diagnosis.problem.contains("server closed the connection") == true, "\(String(describing: error))")
  }

  /// A dump that has been restored on the other server, where a stand-in for psql asks.
  private func drill(_ name: String, _ ground: PostgreSQLGround, psql: String) throws -> (TakenDump, any DrillPlace) {
    let (one, two) = (ground.one, ground.two)
    func root(_ more: String...) throws -> ConfigurationSection {
      let server = [
        "verify_hostname: \(two.hostname)", "verify_port: \(two.port)", "verify_username: \(two.username)",
        "verify_password: \(two.password)", "globals: false",
      ]
      return try makeRoot("postgresql_databases:\n" + one.entry(name, (server + more).joined(separator: "\n    ")))
    }
    let hook = PostgreSQLHook()
    let dump = try TakenDump(try #require(hook.dumps(of: root(), context: context).first), context: context)
    let broken = try root("psql_command: \(ground.standIn(psql))")
    let place = try place(hook, dump, broken)
    try restore(hook, dump, broken, in: place)
    return (dump, place)
  }

  @Test("A PostgreSQL dump is restored there, compared, and gone; what a killed run left goes, and nothing else")
  func postgresql() throws {
    let ground = try PostgreSQLGround()
    let (one, two) = (ground.one, ground.two)
    let name = "drilled shop"
    try one.recreate(name)
    defer { try? one.drop(name) }
    try one.run(
      "CREATE TABLE t AS SELECT i, 'x' || i AS s FROM generate_series(1, 50) i; CREATE INDEX ON t (s)", in: name)
    let root = try makeRoot(
      "postgresql_databases:\n"
        + one.entry(
          name, "verify_hostname: \(two.hostname)", "verify_port: \(two.port)", "verify_username: \(two.username)",
          "verify_password: \(two.password)", "globals: false"))
    let hook = PostgreSQLHook()
    let dump = try TakenDump(try #require(hook.dumps(of: root, context: context).first), context: context)
    let others = ["coffer_verify_0123456789abcdef_00000000", "coffer_verify_mine"]
    let dead = DrillName().text
    for database in others + [dead] { try two.recreate(database) }
    defer { for database in others { try? two.drop(database) } }
    func databases() throws -> Set<String> {
      Set(
        try two.run("SELECT datname FROM pg_database WHERE datname LIKE 'coffer%'").split(separator: "\n").map(
          String.init))
    }

    let first = try place(hook, dump, root)
    #expect(try databases() == Set(others))
    #expect(first.warnings.count == 1 && first.warnings[0].contains("It is a superuser"))
    try two.run("DROP ROLE IF EXISTS drilled_verifier; CREATE ROLE drilled_verifier LOGIN CREATEDB PASSWORD 'x'")
    defer { _ = try? two.run("DROP ROLE drilled_verifier") }
    let limited = try makeRoot(
      "postgresql_databases:\n"
        + one.entry(
          name, "verify_hostname: \(two.hostname)", "verify_port: \(two.port)", "verify_username: drilled_verifier",
          "verify_password: x", "globals: false"))
    let other = try place(hook, dump, limited)
    #expect(other.warnings == [])
    other.remove()
    func rights(_ root: ConfigurationSection) throws -> [DrillRights] {
      try hook.drillRights(in: root, context: context).map { try $0.get() }
    }
    #expect(try rights(root).map(\.standing) == [.more] && rights(limited).map(\.standing) == [.enough])
    #expect(try rights(limited)[0].subject == "the user 'drilled_verifier' at \(two.hostname):\(two.port)")
    try two.run("ALTER ROLE drilled_verifier NOCREATEDB")
    #expect(try rights(limited).map(\.standing) == [.tooLittle])
    #expect(try rights(limited)[0].remedy == "As an administrator: ALTER ROLE \"drilled_verifier\" CREATEDB")
    try two.run("ALTER ROLE drilled_verifier NOLOGIN")
    #expect(try rights(limited)[0].text.contains("is not permitted to log in"))
    try restore(hook, dump, root, in: first)
    let living = try databases().subtracting(others)
    #expect(living.count == 1 && living.allSatisfy { DrillName($0) != nil })
    // Another run finds it, and that it is worked on.
    try place(hook, dump, root).remove()
    #expect(try databases().isSuperset(of: living))

    let findings = try first.findings(of: dump.facts)
    let known = try #require(dump.facts.content)
    #expect(known.differences(in: try #require(findings.content)) == [] && known.rowCount == 50)
    #expect(findings.warnings.count == 1 && first.version.contains("PostgreSQL"))
    // Statistics are for questions only.
    let statistics = "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 't'"
    #expect(try two.run(statistics, in: try #require(living.first)) == "f\n")
    #expect(try first.answer(to: "SELECT count(*), max(i) FROM t", of: dump.facts) == "50|50")
    #expect(try first.answer(to: statistics, of: dump.facts) == "t")
    first.remove()
    #expect(try databases() == Set(others))
    // Backups of all databases do not have it.
    try two.recreate(dead)
    let all = try makeRoot("postgresql_databases:\n" + two.entry("all", "format: custom", "globals: false"))
    #expect(try !hook.dumps(of: all, context: context).contains { $0.identity.database == dead })
    try two.drop(dead)
  }

  @Test("A MariaDB dump is restored there, compared, and gone; what a killed run left goes, and nothing else")
  func mariadb() throws {
    let bench = try MariaDBBench()
    let (one, two) = (bench.one, bench.two)
    let name = "drilled shop"
    try one.recreate(name)
    defer { try? one.drop(name) }
    try one.run(
      """
      CREATE TABLE t (i INT PRIMARY KEY, s TEXT); INSERT INTO t SELECT seq, CONCAT('x', seq) FROM seq_1_to_50;
      CREATE VIEW v AS SELECT i FROM t; CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET @a = 1;
      CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t;
      CREATE OR REPLACE USER drilled_app@'%'; GRANT SELECT, EXECUTE ON `\(name)`.* TO drilled_app@'%';
      CREATE DEFINER=drilled_app@'%' FUNCTION f() RETURNS INT RETURN 1;
      CREATE DEFINER=drilled_app@'%' VIEW calls AS SELECT f() AS one FROM t;
      CREATE DEFINER=drilled_app@'%' VIEW high AS SELECT one FROM calls;
      """, in: name)
    defer { _ = try? one.run("DROP USER drilled_app@'%'") }
    let root = try bench.configured(
      one.entry(
        name, "verify_hostname: \(two.hostname)", "verify_port: \(two.port)", "verify_username: \(two.username)",
        "verify_password: \(two.password)"))
    let dump = try TakenDump(try #require(bench.hook.dumps(of: root, context: context).first), context: context)
    let others = ["coffer_verify_0123456789abcdef_00000000", "coffer_verify_mine"]
    let dead = DrillName()
    let scratch = MariaDBScratch.name(dead.mark, 1, .new)
    for database in others + [dead.text, scratch] { try two.recreate(database) }
    defer { for database in others { try? two.drop(database) } }
    func databases() throws -> Set<String> {
      Set(try two.databases(like: "coffer\\_%").split(separator: "\n").map(String.init))
    }

    try two.run(
      """
      CREATE OR REPLACE USER drilled_verifier IDENTIFIED BY 'x'; GRANT ALL ON `coffer\\_%`.* TO drilled_verifier;
      """)
    defer { _ = try? two.run("DROP USER drilled_verifier") }
    let limited = try bench.configured(
      one.entry(
        name, "verify_hostname: \(two.hostname)", "verify_port: \(two.port)", "verify_username: drilled_verifier",
        "verify_password: x"))
    let other = try place(bench.hook, dump, limited)
    #expect(other.warnings == [])
    other.remove()
    // Of several databases of one server it is told once.
    let twice = try bench.configured(
      ["first", "second"].map {
        one.entry(
          $0, "verify_hostname: \(two.hostname)", "verify_port: \(two.port)", "verify_username: drilled_verifier",
          "verify_password: x")
      }.joined())
    func rights(_ root: ConfigurationSection) throws -> [DrillRights] {
      try bench.hook.drillRights(in: root, context: context).map { try $0.get() }
    }
    #expect(try rights(root).map(\.standing) == [.more] && rights(twice).map(\.standing) == [.enough])
    try two.run("REVOKE ALL ON `coffer\\_%`.* FROM drilled_verifier")
    #expect(try rights(limited).map(\.standing) == [.tooLittle])
    let remedy = try #require(rights(limited)[0].remedy)
    try two.run(try #require(remedy.split(separator: ":", maxSplits: 1).last.map { "\($0)" }))
    #expect(try rights(limited).map(\.standing) == [.enough])

    let first = try place(bench.hook, dump, root)
    #expect(first.warnings.count == 1 && first.warnings[0].contains("over the whole server"))
    let living = try databases().subtracting(others)
    #expect(living.count == 1 && living.allSatisfy { DrillName($0) != nil })
    try restore(bench.hook, dump, root, in: first)
    try place(bench.hook, dump, root).remove()
    #expect(try databases() == living.union(others))
    let findings = try first.findings(of: dump.facts)
    let (content, dumped) = (try #require(findings.content), try #require(findings.dumped))
    #expect(
      dumped.differences(in: content) == [] && content.rowCount == 50 && content.objects == ["view": 3, "trigger": 1])
    #expect(findings.warnings.count == 1)
    #expect(try two.run("SELECT COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA LIKE 'coffer%'") == "0\n")
    #expect(try first.answer(to: "SELECT COUNT(*), MAX(i) FROM t", of: dump.facts) == "50|50")
    first.remove()
    #expect(try databases() == Set(others))
    try two.recreate(dead.text)
    let all = try bench.configured(two.entry("all", "format: sql"))
    #expect(try !bench.hook.dumps(of: all, context: context).contains { $0.identity.database == dead.text })
    try two.drop(dead.text)
  }

  @Test("Without verify_hostname there is none, and MongoDB's dumps are refused with it")
  func others() throws {
    let facts = DumpFacts(identity: DumpIdentity(hook: "mongodb_databases", database: "shop"), format: "archive")
    let plain = try makeRoot("mongodb_databases: [{name: shop}]")
    #expect(try MongoDBHook().drillServer(of: facts, root: plain, context: context) == nil)
    let named = try makeRoot("mongodb_databases: [{name: shop, verify_hostname: h}]")
    #expect(throws: DrillError.self) { try MongoDBHook().drillServer(of: facts, root: named, context: context) }
    #expect(PostgreSQLHook().drillRights(in: plain, context: context).isEmpty)
  }
}
