import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("PostgreSQL databases whose content is meant to do harm", .serialized)
struct PostgreSQLHostileTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  /// Functions and operators that note who calls them, before those of pg_catalog for every session.
  private static let shadows = """
    CREATE TABLE public.called (what text); CREATE TABLE public.t AS SELECT 1 AS a; CREATE SCHEMA evil;
    ALTER DATABASE bent SET search_path = evil, pg_catalog, public;
    CREATE FUNCTION evil.note(what text) RETURNS void LANGUAGE sql AS 'INSERT INTO public.called VALUES ($1)';
    CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE plpgsql AS
      $f$ BEGIN PERFORM evil.note($1); RETURN pg_catalog.current_setting($1); END $f$;
    CREATE FUNCTION evil.json_build_object(text, name, text, boolean) RETURNS json LANGUAGE plpgsql AS
      $f$ BEGIN PERFORM evil.note($1); RETURN pg_catalog.json_build_object($1, $2, $3, $4); END $f$;
    CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS
      $f$ BEGIN PERFORM evil.note($1); RETURN pg_catalog.set_config($1, $2, $3); END $f$;
    CREATE FUNCTION evil.same(name, name) RETURNS boolean LANGUAGE plpgsql AS
      $f$ BEGIN PERFORM evil.note('='); RETURN $1 OPERATOR(pg_catalog.=) $2; END $f$;
    CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.same);
    CREATE VIEW evil.pg_database AS SELECT d.*, evil.current_setting('view') AS x FROM pg_catalog.pg_database d;
    """

  @Test("Nothing that a database's owner puts before pg_catalog is called by a backup or a restore")
  func searchPath() throws {
    try one.recreate("bent")
    defer { try? one.drop("bent") }
    try one.run(Self.shadows, in: "bent")
    try one.run("DELETE FROM public.called", in: "bent")
    let context = try makeContext()
    let root = try configured(one.entry("bent"))
    let dump = try take(root, context)
    #expect(dump.facts.details["encoding"] == "UTF8")
    let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    try dump.restore(plan, context: context)
    #expect(try one.run("SELECT * FROM public.called", in: "bent") == "")
  }

  @Test("Settings of a database and of a role change neither what is asked nor what is dumped")
  func settings() throws {
    try one.recreate("bent")
    defer { try? one.drop("bent") }
    try one.run(
      #"""
      CREATE TABLE t AS SELECT E'ü\\''"'::text AS a;
      ALTER DATABASE bent SET default_transaction_read_only = on; ALTER DATABASE bent SET client_encoding = 'LATIN1';
      ALTER DATABASE bent SET standard_conforming_strings = off; ALTER DATABASE bent SET quote_all_identifiers = on;
      ALTER DATABASE bent SET client_min_messages = 'debug5'; ALTER DATABASE bent SET bytea_output = 'escape';
      ALTER DATABASE bent SET idle_in_transaction_session_timeout = 1; ALTER DATABASE bent SET lock_timeout = 1;
      COMMENT ON DATABASE bent IS 'ü \';
      """#, in: "bent")
    let context = try makeContext(variables: ["PGCLIENTENCODING": "LATIN1", "PGOPTIONS": "-c application_name=mine"])
    let root = try configured(one.entry("bent", "format: plain"))
    let dump = try take(root, context)
    #expect(dump.facts.details["comment"] == "ü \\")
    #expect(String(decoding: dump.bytes, as: UTF8.self).contains("SET client_encoding = 'UTF8'"))
    let question = "SELECT encode(textsend(a), 'hex') FROM public.t"
    try one.run("ALTER DATABASE bent RESET ALL")
    let before = try one.run(question, in: "bent")
    try one.run("DROP TABLE t", in: "bent")
    let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    try dump.restore(plan, context: context)
    // The dump's settings are the restored database's.
    #expect(try one.run("SHOW client_encoding", in: "bent") == "LATIN1\n")
    try one.run("ALTER DATABASE bent RESET ALL")
    #expect(try one.run(question, in: "bent") == before)
    let section = try #require(root[PostgreSQLOptions.databases].first)
    let string = PostgreSQLConnection(section, to: ServerAddress()).pinnedString("bent", context: context)
    #expect(string.contains("options='-c application_name=mine -c search_path="), "the user's options come first")
  }

  @Test("A role and a comment with a quote and a combining mark are what they were, and run nothing")
  func combiningMarks() throws {
    let witness = ground.programs.path + "/witness"
    let role = "x\"\u{301}\\! touch \(witness) #"
    let comment = "x'\u{301}; ALTER ROLE small SUPERUSER; \\! touch \(witness)\n--"
    for server in [one, two] {
      try server.drop("bent")
      try server.run("DROP ROLE IF EXISTS \(Quoting.postgresqlIdentifier(role)), small")
      try server.run("CREATE ROLE \(Quoting.postgresqlIdentifier(role)); CREATE ROLE small")
    }
    try one.recreate("bent")
    let quoted: PostgreSQLStatement = "\(literal: comment)"
    try one.run(
      """
      GRANT CONNECT ON DATABASE bent TO \(Quoting.postgresqlIdentifier(role));
      COMMENT ON DATABASE bent IS \(try #require(quoted.text));
      """)
    let context = try makeContext()
    let root = try configured(one.entry("bent"))
    let dump = try take(root, context)
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    #expect(try dump.restore(plan, context: context) == [])
    let question =
      "SELECT shobj_description(oid, 'pg_database'), datacl FROM pg_database WHERE datname = 'bent'"
    try expectSame(two.run(question), one.run(question))
    #expect(try two.run("SELECT rolsuper FROM pg_roles WHERE rolname = 'small'") == "f\n")
    #expect(access(witness, F_OK) != 0)
    for server in [one, two] {
      try server.drop("bent")
      try server.run("DROP ROLE \(Quoting.postgresqlIdentifier(role)), small")
    }
  }

  /// A plain dump with a command for psql in it.
  private func bugged(_ root: ConfigurationSection, _ context: HookContext, _ command: String) throws -> TakenDump {
    let dump = try take(root, context)
    let text = String(decoding: dump.bytes, as: UTF8.self)
    let place = try #require(text.range(of: "CREATE TABLE public.t"))
    return TakenDump(
      dump, inserting: command + "\n", at: text.utf8.distance(from: text.utf8.startIndex, to: place.lowerBound))
  }

  @Test("A command for psql in a script is not run, neither by a psql that can be restricted nor by an older one")
  func commands() throws {
    let witness = ground.programs.path + "/witness"
    try one.recreate("bugged")
    try two.drop("bugged")
    defer { for server in [one, two] { try? server.drop("bugged") } }
    try one.run("CREATE TABLE t AS SELECT E'a\\\\b' AS a; CREATE TABLE \"unit\nprice\" (\"a\nb\" text)", in: "bugged")
    try one.run("INSERT INTO \"unit\nprice\" VALUES (E'\\\\! touch x')", in: "bugged")
    let context = try makeContext()
    let old = try standIn("[ \"$1\" = --version ] && echo 'psql (PostgreSQL) 15.8' && exit; exec psql \"$@\"")
    for more in ["", "psql_command: \(old)"] {
      let root = try configured(one.entry("bugged", "format: plain", more))
      for command in ["\\! touch \(witness)", "SELECT 1 \\! touch \(witness)", "-- \r\\! touch \(witness)"] {
        let dump = try bugged(root, context, command)
        let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
        #expect(throws: RestoreError.self) { try dump.restore(plan, context: context) }
        #expect(access(witness, F_OK) != 0, "\(command)")
        #expect(try two.run("SELECT count(*) FROM pg_database WHERE datname = 'bugged'") == "0\n")
      }
      let dump = try take(root, context)
      let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
      try dump.restore(plan, context: context)
      #expect(try two.run("SELECT * FROM \"unit\nprice\"", in: "bugged") == "\\! touch x\n")
      try two.drop("bugged")
    }
  }

  @Test("A database in another encoding keeps the comment, the setting and the rows that are no UTF-8")
  func encodings() throws {
    for encoding in ["LATIN1", "SQL_ASCII"] {
      try one.drop("odd")
      try one.run("CREATE DATABASE odd TEMPLATE template0 ENCODING '\(encoding)' LC_COLLATE 'C' LC_CTYPE 'C'")
      let byte = "convert_from('\\xfc', '\(encoding)')"
      try one.run(
        """
        CREATE TABLE t AS SELECT \(byte) AS a;
        DO $$ BEGIN EXECUTE format('COMMENT ON DATABASE odd IS %L', \(byte));
        EXECUTE format('ALTER DATABASE odd SET app.title = %L', \(byte)); END $$;
        """, in: "odd")
      let question = """
        SELECT encode(textsend(shobj_description(d.oid, 'pg_database')), 'hex'), pg_encoding_to_char(encoding),
        (SELECT encode(textsend(setconfig[1]), 'hex') FROM pg_db_role_setting WHERE setdatabase = d.oid),
        (SELECT encode(textsend(a), 'hex') FROM t) FROM pg_database d WHERE datname = 'odd'
        """
      let asked = "SET client_encoding = 'SQL_ASCII'; " + question
      let before = try one.run(asked, in: "odd")
      let context = try makeContext()
      let root = try configured(one.entry("odd"))
      let dump = try take(root, context)
      #expect(dump.facts.details["comment_hex"] == "fc")
      try one.drop("odd")
      let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
      #expect(try dump.restore(plan, context: context) == [])
      #expect(try one.run(asked, in: "odd") == before)
    }
    try one.drop("odd")
  }

  @Test("Every name and text comes back from the server as it was quoted")
  func quoting() throws { try Fuzz.run(.postgresqlStatement, atLeast: 4) { random in try quoting(&random) } }

  private func quoting(_ random: inout SeededRandom) throws {
    let texts = (0..<200).map { _ in random.text("'\"\\$ \n\r\t;:a{é}\u{301}\u{200d}-*/%_`x") }
    let script = texts.map { text -> PostgreSQLStatement in
      let name = text.isEmpty ? "x" : String(decoding: text.utf8.prefix(60), as: UTF8.self)
      return "SELECT encode(textsend(\(literal: text)), 'hex') AS \(identifier: name);\n"
    }.joined(separator: "")
    let answer = try one.run(String(decoding: script.bytes, as: UTF8.self))
    #expect(answer.lines(keepingEmpty: true) == texts.map { ServerText($0).hex })
  }
}
