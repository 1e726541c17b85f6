import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("A whole PostgreSQL server", .serialized)
struct PostgreSQLClusterTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  @Test("A whole server comes back with its roles and all databases, and nothing changes if one of them fails")
  func wholeServer() throws {
    try prepare()
    try one.run(
      """
      DROP ROLE IF EXISTS "Coffer Tester"; CREATE ROLE "Coffer Tester" LOGIN PASSWORD 'p';
      ALTER DATABASE \(PostgreSQLServer.quotedIdentifier(Self.database)) SET work_mem = '8MB';
      COMMENT ON DATABASE \(PostgreSQLServer.quotedIdentifier(Self.database)) IS 'the shop';
      """)
    let context = try makeContext()
    let root = try configured(one.entry("all", "label: cluster"))
    let dump = try take(root, context)
    let content = try one.content(of: Self.database)
    try two.recreate(Self.database)
    try two.run("CREATE TABLE old(a int)", in: Self.database)
    let before = try two.content(of: Self.database)

    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    try dump.restore(plan, context: context, length: dump.bytes.count - 5000)
    try expectSame(two.content(of: Self.database), before)
    #expect(try two.run("SELECT count(*) FROM pg_database WHERE datname LIKE 'coffer%'") == "0\n")

    try dump.restore(plan, context: context)
    try expectSame(two.content(of: Self.database), content)
    let settings =
      "SELECT shobj_description(oid, 'pg_database'), (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid) FROM pg_database d WHERE datname = \(PostgreSQLServer.quotedLiteral(Self.database))"
    #expect(try two.run(settings) == "the shop|{work_mem=8MB}\n")
    #expect(try two.run("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'Coffer Tester'") == "t\n")
    #expect(try two.run("SELECT count(*) FROM pg_database WHERE datname LIKE 'coffer%'") == "0\n")
    // A second time, over what is there now.
    try dump.restore(plan, context: context)
    try expectSame(two.content(of: Self.database), content)
    for server in [one, two] { try server.run("DROP ROLE \"Coffer Tester\"") }
  }

  @Test("A whole server's dump without rows goes to no server that has databases of its own")
  func withoutRows() throws {
    try prepare()
    let context = try makeContext()
    let root = try configured(one.entry("all", "label: cluster", "options: --schema-only"))
    let dump = try take(root, context)
    let found = problem { _ = try hook.restore(of: dump.facts, to: one.target, root: root, context: context) }
    #expect(found.contains("'--schema-only' leaves the rows out"), "\(found)")
  }

  @Test("What finds things by bare names comes back with a whole server, under its database's own search path")
  func bareNames() throws {
    for server in [one, two] { for name in ["bare", "bare own"] { try server.recreate(name) } }
    defer { for server in [one, two] { for name in ["bare", "bare own"] { try? server.drop(name) } } }
    let row = "SELECT pg_catalog.set_config('search_path', '', false);"
    let sql = """
      CREATE TABLE t AS SELECT 7 AS i; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT max(i) FROM t';
      CREATE TABLE checked (k int CHECK (k <= f())); INSERT INTO checked VALUES (5);
      CREATE TABLE lines AS SELECT $$\(row)$$ AS path;
      CREATE MATERIALIZED VIEW seen AS SELECT f() AS i;
      """
    try one.run(sql, in: "bare")
    try one.run(
      #"CREATE SCHEMA "a, b"; ALTER DATABASE "bare own" SET search_path = "a, b", pg_catalog"#, in: "bare own")
    try one.run(sql, in: "bare own")
    let context = try makeContext()
    let root = try configured(one.entry("all", "label: cluster"))
    let dump = try take(root, context)
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    let warnings = try dump.restore(plan, context: context)
    #expect(warnings.contains { $0.contains("own search paths") && $0.contains("does not exist") }, "\(warnings)")
    for name in ["bare", "bare own"] {
      try expectSame(two.content(of: name), one.content(of: name))
      let question = "SELECT i, k, path, current_setting('search_path') FROM seen, checked, lines"
      try expectSame(two.run(question, in: name), one.run(question, in: name))
    }
    #expect(try two.run("SELECT path FROM lines", in: "bare") == row + "\n")
    #expect(try two.run("SELECT count(*) FROM pg_database WHERE datname LIKE 'coffer%'") == "0\n")
  }

  @Test(
    "A database that is a template comes back as one, and neither a failed nor a finished restore leaves a copy of it")
  func templates() throws {
    for server in [one, two] {
      try server.run(
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_database WHERE datname = 'model') THEN ALTER DATABASE model IS_TEMPLATE false; END IF; END $$"
      )
      try server.recreate("model")
      try server.run("ALTER DATABASE model IS_TEMPLATE true")
    }
    try one.run("CREATE TABLE t AS SELECT 7 AS a", in: "model")
    let context = try makeContext()
    let root = try configured(one.entry("all", "label: cluster"))
    let dump = try take(root, context)
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    let left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'coffer%'"

    try dump.restore(plan, context: context, length: dump.bytes.count - 100)
    #expect(try two.run(left) == "0\n")
    let warnings = try dump.restore(plan, context: context)
    #expect(!warnings.contains { $0.contains("model") }, "\(warnings)")
    #expect(try two.run(left) == "0\n")
    #expect(try two.run("SELECT datistemplate FROM pg_database WHERE datname = 'model'") == "t\n")
    #expect(try two.run("SELECT a FROM t", in: "model") == "7\n")
    for server in [one, two] {
      try server.run("ALTER DATABASE model IS_TEMPLATE false")
      try server.drop("model")
    }
  }

  @Test("A restore of a whole server that fails changes no role, and one that succeeds changes them with the databases")
  func roles() throws {
    for server in [one, two] { try server.drop("cluster roles") }
    try one.run(
      #"DROP ROLE IF EXISTS "only old", "only new"; CREATE ROLE "only old" LOGIN CREATEDB CONNECTION LIMIT 3"#)
    try two.run(#"DROP ROLE IF EXISTS "only old", "only new"; CREATE ROLE "only old" NOLOGIN"#)
    try one.run(#"CREATE ROLE "only new" SUPERUSER; GRANT "only old" TO "only new""#)
    try one.recreate("cluster roles")
    try one.run(#"ALTER DATABASE "cluster roles" OWNER TO "only new""#)
    let context = try makeContext()
    let root = try configured(one.entry("all", "label: cluster"))
    let dump = try take(root, context)
    let question = "SELECT rolname, rolcanlogin, rolconnlimit FROM pg_roles WHERE rolname LIKE 'only %' ORDER BY 1"
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)

    try dump.restore(plan, context: context, length: dump.bytes.count - 1000)
    #expect(try two.run(question) == "only old|f|-1\n")
    // Closes a circle only at the very end, when the databases are whole.
    try two.run(#"CREATE ROLE "only new"; GRANT "only new" TO "only old""#)
    #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    #expect(try two.run(question) == "only new|f|-1\nonly old|f|-1\n")
    try two.run(#"DROP ROLE "only new""#)
    try dump.restore(plan, context: context)
    #expect(try two.run(question) == "only new|f|-1\nonly old|t|3\n")
    for server in [one, two] {
      try server.drop("cluster roles")
      try server.run(#"DROP ROLE "only old", "only new""#)
    }
  }

  @Test("A database that can be made under no other name gets its place at once, and gives it back on a failure")
  func boundDatabase() throws {
    for server in [one, two] { for name in ["bound", "later"] { try server.recreate(name) } }
    // As pg_cron's extension, this refuses to be made in a database of another name.
    try one.run(
      """
      CREATE FUNCTION here() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $f$ BEGIN
      IF current_database() <> 'bound' THEN RAISE EXCEPTION 'can only be made in bound'; END IF; RETURN 1; END $f$;
      CREATE TABLE job AS SELECT 7 AS a; CREATE INDEX ON job ((a + public.here()));
      """, in: "bound")
    try one.run("CREATE TABLE t AS SELECT 1 AS a", in: "later")
    try two.run("CREATE TABLE old AS SELECT 3 AS a", in: "bound")
    let context = try makeContext(variables: ["PGOPTIONS": "-c cron.database_name=bound"])
    let root = try configured(one.entry("all", "label: cluster"))
    let dump = try take(root, context)
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    #expect(plan.summary.contains("'bound' when it is its turn"), "\(plan.summary)")

    try dump.restore(plan, context: context, length: dump.bytes.count - 500)
    #expect(try two.run("SELECT a FROM old", in: "bound") == "3\n")
    #expect(try two.run("SELECT count(*) FROM pg_database WHERE datname LIKE 'coffer%'") == "0\n")
    try dump.restore(plan, context: context)
    #expect(try two.run("SELECT a FROM job", in: "bound") == "7\n")
    #expect(try two.run("SELECT a FROM t", in: "later") == "1\n")
    #expect(try two.run("SELECT count(*) FROM pg_database WHERE datname LIKE 'coffer%'") == "0\n")
    for server in [one, two] { for name in ["bound", "later"] { try server.drop(name) } }
  }

  @Test("A plan names the replication slots that go with the old databases, and a standby is refused")
  func target() throws {
    let connection = PostgreSQLConnection(
      ConfigurationSection(),
      to: ServerAddress(hostname: one.hostname, port: one.port, username: one.username, password: one.password))
    let context = try makeContext()
    let identity = DumpIdentity(hook: "postgresql_databases", database: "all")
    let target = try PostgreSQLTarget(connection, of: identity, context: context)
    #expect(target.isSuperuser && !target.isStandby && target.major == 15 && target.cronDatabase == nil)
    try target.checkItTakesChanges(of: identity)
    // A psql that answers as a standby's does.
    let psql = try standIn(
      "for last; do :; done; psql \"$@\" >/dev/null; printf 'x%s\\037t\\037t\\037t\\037t\\037x3135\\037\\n' 7a")
    let standby = connection.using([psql], for: .psql)
    let other = try PostgreSQLTarget(standby, of: identity, context: context)
    #expect(other.isStandby && other.user.text == "z" && other.version == "15")
    #expect(throws: RestoreError.self) { try other.checkItTakesChanges(of: identity) }
  }

  @Test("The database that every server has comes with its settings, and what was in template1 is told")
  func ownDatabases() throws {
    try one.run("ALTER DATABASE postgres SET work_mem = '6MB'")
    try one.run("CREATE TABLE born_with(a int)", in: "template1")
    defer {
      _ = try? one.run("DROP TABLE born_with", in: "template1")
      for server in [one, two] { _ = try? server.run("ALTER DATABASE postgres RESET work_mem") }
    }
    let context = try makeContext()
    let root = try configured(one.entry("all", "label: cluster"))
    let dump = try take(root, context)
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    let warnings = try dump.restore(plan, context: context)
    #expect(warnings.count == 1 && warnings[0].contains("template1"), "\(warnings)")
    #expect(try two.run("SHOW work_mem") == "6MB\n")
    #expect(try two.run("SELECT count(*) FROM pg_class WHERE relname = 'born_with'", in: "template1") == "0\n")
  }
}
