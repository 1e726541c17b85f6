import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("PostgreSQL dumps that cannot be restored as they are", .serialized)
struct PostgreSQLSearchPathTests: PostgreSQLSuite {
  let ground: PostgreSQLGround
  private let context: HookContext

  init() throws {
    ground = try PostgreSQLGround()
    context = try makeContext()
  }

  private static let schema = """
    CREATE SCHEMA app; SET search_path = app; CREATE TABLE doc(id int PRIMARY KEY, body text);
    INSERT INTO doc SELECT n, 'body ' || n FROM generate_series(1, 50) n;
    CREATE FUNCTION doc_count() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM doc';
    CREATE FUNCTION shorten(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT left(t, 3)';
    CREATE FUNCTION key_of(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN shorten(t) || ''!''; END';
    CREATE MATERIALIZED VIEW stat AS SELECT doc_count() AS n; CREATE INDEX doc_key ON doc (key_of(body));
    ALTER TABLE doc ADD COLUMN k text GENERATED ALWAYS AS (key_of(body)) STORED;
    CREATE EXTENSION cube SCHEMA app; CREATE EXTENSION earthdistance SCHEMA app;
    CREATE TABLE word(w cube, x float8, e earth GENERATED ALWAYS AS (ll_to_earth(x, x)) STORED);
    INSERT INTO word VALUES ('(1)', 2);
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER t BEFORE UPDATE ON word FOR EACH ROW WHEN (OLD.w IS DISTINCT FROM NEW.w) EXECUTE FUNCTION touch();
    """
  /// What looks at another table, too, which comes after it in the dump.
  private static let check = """
    SET search_path = app; CREATE TABLE rate(cur text); INSERT INTO rate VALUES ('eur');
    CREATE FUNCTION known(c text) RETURNS boolean LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN EXISTS (SELECT FROM rate WHERE cur = c); END';
    CREATE TABLE a_price(cur text CHECK (known(cur))); INSERT INTO a_price VALUES ('eur');
    """

  @Test(
    "Functions that lean on the database's search path are no obstacle: what needs them comes back with that path",
    arguments: ["custom", "tar", "directory", "plain"])
  func leaning(format: String) throws {
    try one.recreate("leaning")
    try one.run("ALTER DATABASE leaning SET search_path = app, public")
    try one.run(Self.schema, in: "leaning")
    try one.run(Self.check, in: "leaning")
    let root = try configured(one.entry("leaning", "format: \(format)"))
    let dump = try take(root, context)
    let content = try one.content(of: "leaning")
    for prepare in [{ _ in }, one.drop] as [(String) throws -> Void] {
      try prepare("leaning")
      let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
      let warnings = try dump.restore(plan, context: context)
      #expect(warnings.count == 1 && warnings[0].contains("search_path app, public"), "\(warnings)")
      if format != "plain" { #expect(warnings[0].contains("rows of table \"app.a_price\""), "\(warnings)") }
      try expectSame(one.content(of: "leaning"), content)
    }
    try one.drop("leaning")
  }

  private func prepareBroken() throws {
    try one.recreate("broken")
    try one.run(
      """
      CREATE TABLE kept AS SELECT 1 AS a; CREATE TABLE lost AS SELECT 2 AS a; CREATE TABLE "also lost" AS SELECT 3 AS b;
      """, in: "broken")
    // Valid when they were made, and not any more.
    try one.run(
      """
      CREATE FUNCTION good(i int) RETURNS boolean LANGUAGE sql AS 'SELECT true';
      ALTER TABLE lost ADD CHECK (good(a)); ALTER TABLE "also lost" ADD CHECK (good(b));
      CREATE OR REPLACE FUNCTION good(i int) RETURNS boolean LANGUAGE sql AS 'SELECT false';
      """, in: "broken")
  }

  @Test(
    "What cannot come back keeps the old database, and is listed piece by piece where that is asked for",
    arguments: ["custom", "tar", "directory", "plain"])
  func continuing(format: String) throws {
    try prepareBroken()
    let root = try configured(one.entry("broken", "format: \(format)"))
    let dump = try take(root, context)
    let before = try one.content(of: "broken")
    let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    let error = #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
    let said = try #require(error).diagnosis
    #expect(said.problem.contains("as it was") && said.problem.contains("2 parts"), "\(said)")
    #expect(said.problem.contains("rows of table \"public.also lost\": ERROR:"), "\(said)")
    #expect(said.suggestion?.contains("--continue-on-error") == true)
    try expectSame(one.content(of: "broken"), before)

    var target = RestoreTarget()
    target.continuesOnErrors = true
    let daring = try hook.restore(of: dump.facts, to: target, root: root, context: context)
    let warnings = try dump.restore(daring, context: context)
    #expect(warnings.count == 3 && warnings[0].contains("without 2 parts"), "\(warnings)")
    #expect(warnings.dropFirst().allSatisfy { $0.contains("violates check constraint") })
    #expect(warnings[1].contains("\"public.also lost\"") && warnings[2].contains("\"public.lost\""), "\(warnings)")
    #expect(try one.run("SELECT a FROM kept", in: "broken") == "1\n")
    #expect(try one.run("SELECT count(*) FROM lost", in: "broken") == "0\n")
    try one.drop("broken")
  }

  @Test("Rows of a plain dump whose table could not be made are taken for nothing else, and what is gone is told")
  func lostTable() throws {
    try one.drop("broken")
    try one.run("DROP ROLE IF EXISTS gone; CREATE ROLE gone")
    try one.recreate("broken")
    try one.run(
      #"""
      CREATE TABLE a_kept AS SELECT 1 AS a; CREATE TABLE z_kept AS SELECT 3 AS a;
      CREATE FUNCTION fine(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN i; END';
      CREATE TABLE lost (a int, t text, g int GENERATED ALWAYS AS (fine(a)) STORED);
      INSERT INTO lost VALUES (1, 'x''; DROP TABLE public.a_kept; --'), (2, 'DROP TABLE public.z_kept;');
      INSERT INTO lost VALUES (3, E'\! touch /tmp/x'), (4, '\.');
      ALTER TABLE a_kept OWNER TO gone;
      """#, in: "broken")
    let root = try configured(one.entry("broken", "format: plain"))
    let dump = try take(root, context)
    let text = String(decoding: dump.bytes, as: UTF8.self)
      .replacingOccurrences(of: "LANGUAGE plpgsql IMMUTABLE", with: "LANGUAGE plpgsql VOLATILE")
    let changed = TakenDump(facts: dump.facts, bytes: Array(text.utf8))
    try one.drop("broken")
    try one.run("DROP ROLE gone")
    var target = RestoreTarget()
    let careful = try hook.restore(of: dump.facts, to: target, root: root, context: context)
    #expect(throws: RestoreError.self) { try changed.restore(careful, context: context) }
    #expect(try one.run("SELECT count(*) FROM pg_database WHERE datname = 'broken'") == "0\n")

    target.continuesOnErrors = true
    let daring = try hook.restore(of: dump.facts, to: target, root: root, context: context)
    let warnings = try changed.restore(daring, context: context).map { $0.components(separatedBy: ": ").dropFirst() }
      .map { $0.joined(separator: ": ") }
    #expect(warnings.count == 5 && warnings[0].contains("without 4 parts"), "\(warnings)")
    #expect(warnings.contains("did not come back: TABLE \"public.a_kept\": ERROR:  role \"gone\" does not exist"))
    let lost = "TABLE \"public.lost\": ERROR:  generation expression is not immutable"
    #expect(warnings.contains { $0.contains(lost) })
    #expect(
      warnings.contains(
        "did not come back: rows of table \"public.lost\": ERROR:  relation \"public.lost\" does not exist"))
    #expect(try one.run("SELECT a FROM a_kept UNION ALL SELECT a FROM z_kept", in: "broken") == "1\n3\n")
    #expect(try one.run("SELECT count(*) FROM pg_class WHERE relname = 'lost'", in: "broken") == "0\n")
    try one.drop("broken")
  }

  @Test("A statement that says what psql would say of another one is told as itself")
  func forgedFailure() throws {
    let lines = [
      "ERROR:  first", "DETAIL:  KEY 2", "KEY 1", "NOTICE:  y", "psql: ERROR:  second", "KEY x", "backslash ...",
      "KEY 2",
    ]
    #expect(TolerantScript.errors(lines, "KEY") == [1: "ERROR:  first", 2: "psql: ERROR:  second"])
  }

  @Test("What pg_restore says is read entry by entry, and taken for nothing if it counts more than it tells")
  func report() {
    let lines = """
      pg_restore: connecting to database for restore
      pg_restore: creating TABLE "public.doc"
      pg_restore: processing data for table "public.doc"
      pg_restore: while PROCESSING TOC:
      pg_restore: from TOC entry 3345; 0 16402 TABLE DATA doc postgres
      pg_restore: error: COPY failed for table "doc": ERROR:  function shorten(text) does not exist
      LINE 1: shorten(t) || '!'
      pg_restore: creating TRIGGER "app.word t"
      pg_restore: from TOC entry 3200; 2620 16500 TRIGGER word t postgres
      pg_restore: error: could not execute query: ERROR:  operator does not exist: app.citext = app.citext
      Command was: CREATE TRIGGER t
      pg_restore: error: could not execute query: ERROR:  another one of the same entry
      pg_restore: warning: errors ignored on restore: 3
      """
    let report = RestoreReport(lines: lines.split(separator: "\n").map(String.init))
    #expect(report.isWhole)
    #expect(
      report.entries == [
        LostEntry(
          number: 3345, title: "rows of table \"public.doc\"", error: "ERROR:  function shorten(text) does not exist",
          kind: .rows),
        LostEntry(
          number: 3200, title: "TRIGGER \"app.word t\"",
          error: "ERROR:  operator does not exist: app.citext = app.citext"),
      ])
    let more = lines.replacingOccurrences(of: "restore: 3", with: "restore: 4")
    #expect(!RestoreReport(lines: more.split(separator: "\n").map(String.init)).isWhole)
    let cut = lines.replacingOccurrences(of: "pg_restore: warning: errors ignored on restore: 3", with: "")
    #expect(!RestoreReport(lines: cut.split(separator: "\n").map(String.init)).isWhole)
    #expect(!RestoreReport(lines: ["pg_restore: warning: errors ignored on restore: 0"]).isWhole)
  }

  @Test("Only the statement that empties the search path is changed, and nothing moves")
  func patch() {
    let statement = Array("SELECT pg_catalog.set_config('search_path', '', false);\n".utf8)
    let archive = Array("PGDMP".utf8) + statement + [0, UInt8(statement.count), 0, 0, 0] + statement + statement
    var patched = archive
    #expect(SearchPathPatch.apply(toArchive: &patched))
    #expect(patched.count == archive.count)
    #expect(patched.prefix(5 + statement.count).elementsEqual(archive.prefix(5 + statement.count)))
    #expect(patched.suffix(statement.count).elementsEqual(statement))
    let middle = patched[(5 + statement.count + 5)...].prefix(statement.count)
    #expect(String(decoding: middle, as: UTF8.self).hasPrefix("SET search_path TO DEFAULT;  "))
    var none = Array("PGDMP".utf8) + statement
    #expect(!SearchPathPatch.apply(toArchive: &none))
  }
}
