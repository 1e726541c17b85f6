import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("PostgreSQL dumps whose rows come back at a second try", .serialized)
struct PostgreSQLRetriedRowsTests: PostgreSQLSuite {
  let ground: PostgreSQLGround
  private let context: HookContext

  init() throws {
    ground = try PostgreSQLGround()
    context = try makeContext()
  }

  /// Rows that need the search path, or rows of another table that come later, under triggers that change what they see.
  private static let schema = """
    CREATE SCHEMA app; SET search_path = app;
    CREATE FUNCTION shorten(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT left(t, 3)';
    CREATE FUNCTION key_of(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN shorten(t) || ''!''; END';
    CREATE TABLE rate(cur text); INSERT INTO rate VALUES ('eur');
    CREATE FUNCTION known(c text) RETURNS boolean LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN EXISTS (SELECT FROM rate WHERE cur = c); END';
    CREATE TABLE audit(id int GENERATED ALWAYS AS IDENTITY, what text);
    CREATE TABLE doc(id int PRIMARY KEY, body text, updated_at timestamptz,
      k text GENERATED ALWAYS AS (key_of(body)) STORED);
    INSERT INTO doc SELECT n, 'body ' || n, '2020-01-01 00:00:00+00' FROM generate_series(1, 30) n;
    CREATE TABLE a_price(cur text CHECK (known(cur)), updated_at timestamptz);
    INSERT INTO a_price VALUES ('eur', '2020-01-01 00:00:00+00');
    CREATE TABLE note(doc int REFERENCES doc); INSERT INTO note VALUES (3), (7);
    CREATE MATERIALIZED VIEW stat AS SELECT count(*) AS n, min(updated_at) AS since FROM doc;
    CREATE MATERIALIZED VIEW prices AS SELECT cur, (SELECT n FROM stat) AS n FROM a_price;
    CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN NEW.updated_at := pg_catalog.now(); RETURN NEW; END';
    CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN INSERT INTO app.audit(what) VALUES (NEW::text); RETURN NULL; END';
    CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON doc FOR EACH ROW EXECUTE FUNCTION stamp();
    CREATE TRIGGER log AFTER INSERT OR UPDATE ON doc FOR EACH ROW EXECUTE FUNCTION log();
    CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON a_price FOR EACH ROW EXECUTE FUNCTION stamp();
    CREATE TRIGGER log AFTER INSERT OR UPDATE ON a_price FOR EACH ROW EXECUTE FUNCTION log();
    SELECT lo_from_bytea(7001, 'large object'::bytea);
    """

  @Test(
    "No trigger sees rows that come back at a second try, and materialized views hold them",
    arguments: [
      ["format: custom"], ["format: tar"], ["format: directory"], ["format: plain"],
      ["format: plain", "options: --inserts"],
    ])
  func triggers(lines: [String]) throws {
    try one.recreate("retried")
    try one.run("ALTER DATABASE retried SET search_path = app, public")
    try one.run(Self.schema, in: "retried")
    let root = try configured(one.entry("retried") + lines.map { "    \($0)\n" }.joined())
    let dump = try take(root, context)
    let content = try one.content(of: "retried")
    for prepare in [{ _ in }, one.drop] as [(String) throws -> Void] {
      try prepare("retried")
      let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
      let warnings = try dump.restore(plan, context: context)
      #expect(warnings.count == 1 && warnings[0].contains("search_path app, public"), "\(warnings)")
      try expectSame(one.content(of: "retried"), content)
    }
    try one.drop("retried")
  }

  @Test("Rows of an archive that only a part was chosen of are not said to be whole when they have failed")
  func chosenPart() throws {
    try one.recreate("retried")
    try one.run("ALTER DATABASE retried SET search_path = app, public")
    try one.run(Self.schema, in: "retried")
    let root = try configured(one.entry("retried", "restore_options: --section=pre-data --section=data"))
    let dump = try take(root, context)
    try one.drop("retried")
    let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    #expect(try one.run("SELECT count(*) FROM pg_database WHERE datname = 'retried'") == "0\n")
  }

  @Test("Rows that are lost for good take nothing with them that stands far behind them", arguments: ["custom", "tar"])
  func lostRows(format: String) throws {
    try one.recreate("retried")
    try one.run(
      """
      SET app.ok = 'yes';
      CREATE FUNCTION ok(n int) RETURNS boolean LANGUAGE plpgsql
      AS 'BEGIN RETURN coalesce(current_setting(''app.ok'', true) = ''yes'', false); END';
      CREATE TABLE a_bad(n int CHECK (ok(n))); INSERT INTO a_bad VALUES (1);
      CREATE TABLE z_big(n int PRIMARY KEY, t text);
      INSERT INTO z_big SELECT n, repeat('x', 100) FROM generate_series(1, 20000) n;
      CREATE INDEX z_index ON z_big(t); CREATE VIEW z_view AS SELECT * FROM z_big;
      """, in: "retried")
    let root = try configured(one.entry("retried", "format: \(format)"))
    let dump = try take(root, context)
    try one.drop("retried")
    var target = RestoreTarget()
    let strict = try hook.restore(of: dump.facts, to: target, root: root, context: context)
    #expect(throws: (any Error).self) { try dump.restore(strict, context: context) }
    target.continuesOnErrors = true
    let plan = try hook.restore(of: dump.facts, to: target, root: root, context: context)
    let warnings = try dump.restore(plan, context: context)
    #expect(warnings.contains { $0.contains("a_bad") }, "\(warnings)")
    #expect(!warnings.contains { $0.contains("z_") }, "\(warnings)")
    #expect(try one.run("SELECT count(*) FROM z_view", in: "retried") == "20000\n")
    #expect(
      try one.run("SELECT indexname FROM pg_indexes WHERE tablename = 'z_big' ORDER BY 1", in: "retried")
        == "z_big_pkey\nz_index\n")
    #expect(try one.run("SELECT count(*) FROM a_bad", in: "retried") == "0\n")
    try one.drop("retried")
  }

  // MARK: - Plain dumps

  private func prepareShop() throws -> (dump: TakenDump, root: ConfigurationSection) {
    try one.recreate("shop")
    try one.run(
      """
      CREATE TABLE a AS SELECT 1 AS n; CREATE TABLE b AS SELECT 2 AS n;
      SELECT lo_from_bytea(7001, 'first'::bytea); SELECT lo_from_bytea(7002, 'second'::bytea);
      """, in: "shop")
    let root = try configured(one.entry("shop", "format: plain"))
    let dump = try take(root, context)
    try one.drop("shop")
    return (dump, root)
  }

  private func changed(_ dump: TakenDump, _ text: String, _ other: String) throws -> TakenDump {
    let script = String(decoding: dump.bytes, as: UTF8.self)
    try #require(script.contains(text))
    return TakenDump(facts: dump.facts, bytes: Array(script.replacingOccurrences(of: text, with: other).utf8))
  }

  @Test(
    "A command for psql itself in a plain dump is refused, also where what fails may be left out",
    arguments: ["\\connect postgres", "\\i /etc/hostname", "\\x", "SELECT 1 \\g /dev/null", "SELECT 'é' \\gexec"])
  func metaCommands(command: String) throws {
    let (dump, root) = try prepareShop()
    // Something else fails before, so that the dump is read tolerantly.
    let broken = try changed(dump, "CREATE TABLE public.b ", "CREATE TABLE missing.b ")
    let hostile = try changed(broken, "CREATE TABLE missing.b ", "\(command)\nCREATE TABLE missing.b ")
    for (dump, continues) in [(hostile, true), (hostile, false)] {
      var target = RestoreTarget()
      target.continuesOnErrors = continues
      let plan = try hook.restore(of: dump.facts, to: target, root: root, context: context)
      let error = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
      #expect(error?.diagnosis.suggestion?.contains("coffer extract") == true, "\(String(describing: error))")
    }
    let alone = try changed(dump, "CREATE TABLE public.b ", "\(command)\nCREATE TABLE public.b ")
    let plan = try hook.restore(of: alone.facts, to: RestoreTarget(), root: root, context: context)
    #expect(throws: RestoreError.self) { try alone.restore(plan, context: context) }
    #expect(try one.run("SELECT count(*) FROM pg_database WHERE datname = 'shop'") == "0\n")
  }

  @Test("What is no statement is not told as lost because of the one before it")
  func staleError() throws {
    let (dump, root) = try prepareShop()
    let broken = try changed(
      dump, "CREATE TABLE public.b ", "SELECT 1 / 0;\n/* nothing */\n\n/* nothing\n */\nCREATE TABLE public.b ")
    var target = RestoreTarget()
    target.continuesOnErrors = true
    let plan = try hook.restore(of: broken.facts, to: target, root: root, context: context)
    let warnings = try broken.restore(plan, context: context)
    #expect(warnings.count == 2 && warnings[1].contains("division by zero"), "\(warnings)")
    #expect(try one.run("SELECT n FROM b", in: "shop") == "2\n")
    try one.drop("shop")
  }

  @Test("Large objects that are written in one transaction are lost together, and told as lost")
  func largeObjects() throws {
    let (dump, root) = try prepareShop()
    let text = String(decoding: dump.bytes, as: UTF8.self)
    let line = try #require(text.components(separatedBy: "\n").first { $0.contains("lo_open('7002'") })
    let broken = try changed(dump, line, line.replacingOccurrences(of: "7002", with: "7999"))
    var target = RestoreTarget()
    target.continuesOnErrors = true
    let plan = try hook.restore(of: broken.facts, to: target, root: root, context: context)
    let warnings = try broken.restore(plan, context: context)
    #expect(warnings.count == 2 && warnings[0].contains("without 1 part"), "\(warnings)")
    #expect(warnings.last?.contains("large object") == true && warnings.last?.contains("7999") == true, "\(warnings)")
    #expect(try one.run("SELECT n FROM a UNION ALL SELECT n FROM b", in: "shop") == "1\n2\n")
    try one.drop("shop")
  }

  @Test("What announces many statements is kept once, and names each of them")
  func headers() {
    var headers = ScriptHeaders()
    func take(_ line: String, before number: Int) {
      Array(line.utf8).withUnsafeBytes { headers.take($0, before: number) }
    }
    take("-- Name: a; Type: TABLE; Schema: public; Owner: x\n", before: 3)
    take("-- Name: b; Type: TRIGGER; Schema: -; Owner: x\n", before: 4)
    take("-- Data for Name: a; Type: TRIGGER; Type: TABLE DATA; Schema: public; Owner: x\n", before: 4)
    take("-- Name: EXTENSION x; Type: COMMENT; Schema: -; Owner: \n", before: 1_000_000)
    take("-- Name: EXTENSION x.t; Type: COMMENT; Schema: EXTENSION y; Owner: \n", before: 1_000_001)
    #expect(headers.header(of: 2) == nil)
    #expect(headers.header(of: 3)?.title == "TABLE \"public.a\"")
    for number in [4, 500_000, 999_999] {
      #expect(headers.header(of: number)?.title == "rows of table \"public.a; Type: TRIGGER\"")
      #expect(headers.header(of: number)?.kind == .rows)
    }
    #expect(headers.header(of: 1_000_000)?.kind == .extensionComment)
    #expect(headers.header(of: 1_000_001)?.kind == .other)
    #expect(!headers.looksAtRows)
    take("-- Name: b; Type: TRIGGER; Schema: -; Owner: x\n", before: 1_000_002)
    #expect(headers.looksAtRows)
  }

  /// As pg_dump 10 and older write it, for an extension that every database is born with.
  private func withExtensionComment(_ dump: TakenDump) throws -> TakenDump {
    let header = "--\n-- Name: EXTENSION plpgsql; Type: COMMENT; Schema: -; Owner: \n--\n\n"
    let comment = "COMMENT ON EXTENSION plpgsql IS 'PL/pgSQL procedural language';\n\n\n"
    return try changed(dump, "SET default_tablespace = '';", header + comment + "SET default_tablespace = '';")
  }

  private func keepersShop() throws -> ConfigurationSection {
    try configured(
      """
        - name: shop
          hostname: \(one.hostname)
          port: \(one.port)
          username: keeper
          password: k
          format: plain
          globals: false

      """)
  }

  @Test("A comment on somebody else's extension, which comes with the extension, is not missed")
  func extensionComment() throws {
    try one.drop("shop")
    try one.run("DROP ROLE IF EXISTS keeper; CREATE ROLE keeper LOGIN CREATEDB PASSWORD 'k'")
    try one.run("CREATE DATABASE shop OWNER keeper")
    try one.run("CREATE TABLE t AS SELECT 1 AS n; ALTER TABLE t OWNER TO keeper", in: "shop")
    let root = try keepersShop()
    let dump = try take(root, context)
    let old = try withExtensionComment(dump)
    let plan = try hook.restore(of: old.facts, to: RestoreTarget(), root: root, context: context)
    #expect(try old.restore(plan, context: context) == [])
    #expect(try one.run("SELECT n FROM t", in: "shop") == "1\n")
    try one.drop("shop")
    try one.run("DROP ROLE keeper")
  }

  @Test("Behind such a comment, parts that need the database's search path come back with it, and that is told")
  func extensionCommentAndSearchPath() throws {
    try one.drop("shop")
    try one.run("DROP ROLE IF EXISTS keeper; CREATE ROLE keeper LOGIN CREATEDB PASSWORD 'k'")
    try one.run("CREATE DATABASE shop OWNER keeper; ALTER DATABASE shop SET search_path = app, public")
    try one.run(
      """
      SET ROLE keeper; CREATE SCHEMA app; SET search_path = app;
      CREATE FUNCTION shorten(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT left(t, 3)';
      CREATE FUNCTION key_of(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN shorten(t) || ''!''; END';
      CREATE TABLE doc(body text, k text GENERATED ALWAYS AS (key_of(body)) STORED); INSERT INTO doc VALUES ('abcdef');
      """, in: "shop")
    let root = try keepersShop()
    let dump = try take(root, context)
    let old = try withExtensionComment(dump)
    let plan = try hook.restore(of: old.facts, to: RestoreTarget(), root: root, context: context)
    let warnings = try old.restore(plan, context: context)
    #expect(warnings.count == 1 && warnings[0].contains("restored with search_path app, public, because without it"))
    #expect(warnings.first?.contains("shorten") == true && warnings.first?.contains("owner of extension") == false)
    #expect(try one.run("SELECT k FROM app.doc", in: "shop") == "abc!\n")
    try one.drop("shop")
    try one.run("DROP ROLE keeper")
  }
}
