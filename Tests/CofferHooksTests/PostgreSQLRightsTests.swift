import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("What a PostgreSQL user may not do or see", .serialized)
struct PostgreSQLRightsTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  private func asReader(_ database: String, _ more: String...) -> String {
    """
      - name: "\(database)"
        hostname: \(one.hostname)
        port: \(one.port)
        username: reader
        password: r

    """ + more.map { "    \($0)\n" }.joined()
  }

  private func prepareReader() throws {
    try one.drop("read")
    try one.run("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN PASSWORD 'r'; GRANT pg_read_all_data TO reader")
    try one.recreate("read")
    try one.run("CREATE TABLE t AS SELECT 1 AS a", in: "read")
  }

  private func removeReader() throws {
    try one.drop("read")
    try one.run("DROP ROLE reader")
  }

  @Test("Rows that row security hides make a dump fail, with the right that mends it")
  func rowSecurity() throws {
    try prepareReader()
    try one.run("ALTER TABLE t ENABLE ROW LEVEL SECURITY", in: "read")
    let context = try makeContext()
    let error = #expect(throws: DumpError.self) { try take(configured(asReader("read")), context) }
    #expect(error?.diagnosis.suggestion?.contains("BYPASSRLS") == true, "\(String(describing: error))")
    try removeReader()
  }

  @Test("Options of user mappings that the user may not read are told at every dump")
  func userMappings() throws {
    try prepareReader()
    try one.run(
      """
      CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
      CREATE USER MAPPING FOR postgres SERVER s OPTIONS (password 'secret');
      """, in: "read")
    let context = try makeContext()
    let outcome = try plan(configured(asReader("read")), context).start(context: context).finish()
    #expect(outcome.warnings.count == 1 && outcome.warnings[0].contains("user mappings"), "\(outcome.warnings)")
    let whole = try plan(configured(one.entry("read")), context).start(context: context).finish()
    #expect(whole.warnings == [])
    try removeReader()
  }

  @Test("Facts that cannot be read are told, and the dump goes on without them")
  func facts() throws {
    try one.recreate("read")
    let psql = try standIn("echo 'psql: error: FATAL:  no facts today' >&2; exit 2")
    let context = try makeContext()
    let root = try configured(one.entry("read", "psql_command: \(psql)", "globals: false"))
    let outcome = try plan(root, context).start(context: context).finish()
    #expect(outcome.warnings.count == 1 && outcome.warnings[0].contains("no facts today"), "\(outcome.warnings)")
    #expect(outcome.facts.details["facts"] == "none")
    try one.drop("read")
  }

  @Test("A pg_dump without a pg_dumpall beside it dumps without the roles, but for 'globals: true'")
  func lonelyProgram() throws {
    try one.recreate("read")
    let program = try standIn("exec pg_dump \"$@\"", name: "alone/pg_dump")
    let context = try makeContext()
    let dumps = try hook.dumps(of: configured(one.entry("read", "pg_dump_command: \(program)")), context: context)
    #expect(dumps.map(\.identity.isGlobals) == [false])
    let asked = try configured(one.entry("read", "pg_dump_command: \(program)", "globals: true"))
    #expect(try hook.dumps(of: asked, context: context).map(\.identity.isGlobals) == [true, false])
    try one.drop("read")
  }

  @Test("A command that may not write into the run's folder dumps in format custom, and says so")
  func otherUser() throws {
    try one.recreate("read")
    try one.run("CREATE TABLE t AS SELECT 1 AS a", in: "read")
    let program = try standIn("exec setpriv --reuid=nobody --regid=nogroup --clear-groups -- pg_dump \"$@\"")
    let context = try makeContext()
    let root = try configured(one.entry("read", "pg_dump_command: \(program)", "format: directory"))
    chmod(ground.programs.path, 0o755)
    let running = try plan(root, context).start(context: context)
    guard case .stream(let source) = running.output else {
      Issue.record("a folder")
      return
    }
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while try piece.withUnsafeMutableBytes({ try source.read(into: $0) }) > 0 {}
    let outcome = try running.finish()
    #expect(outcome.facts.format == "custom")
    #expect(outcome.warnings.count == 1 && outcome.warnings[0].contains("format custom"), "\(outcome.warnings)")
    try one.drop("read")
  }

  /// Makes a database for an owner who may do nothing else.
  ///
  /// - Returns: The owner's entry for it.
  private func makeExtended(_ format: String) throws -> String {
    try one.drop("extended")
    try one.run("DROP ROLE IF EXISTS extended; CREATE ROLE extended LOGIN PASSWORD 'e'")
    try one.run("CREATE DATABASE extended OWNER extended")
    return """
        - name: extended
          hostname: \(one.hostname)
          port: \(one.port)
          username: extended
          password: e
          format: \(format)
          globals: false

      """
  }

  @Test(
    "In place, extensions that a superuser has made stay as they are when the database's owner restores",
    arguments: ["custom", "tar", "directory"])
  func foreignExtensions(format: String) throws {
    let entry = try makeExtended(format)
    try one.run(
      """
      CREATE EXTENSION citext; COMMENT ON EXTENSION citext IS 'the superuser''s own'; SET ROLE extended;
      CREATE TABLE "EXTENSION - citext" AS SELECT 'A'::citext AS a; CREATE INDEX ON "EXTENSION - citext" (a);
      """, in: "extended")
    let root = try configured(entry)
    let context = try makeContext()
    let dump = try take(root, context)
    let content = try one.content(of: "extended")
    let number = try one.run("SELECT oid FROM pg_extension WHERE extname = 'citext'", in: "extended")
    try one.run(
      "DELETE FROM \"EXTENSION - citext\"; CREATE INDEX more ON \"EXTENSION - citext\" (lower(a))", in: "extended")
    let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    #expect(plan.summary.contains("in place"))
    #expect(try dump.restore(plan, context: context) == [])
    try expectSame(one.content(of: "extended"), content)
    #expect(try one.run("SELECT oid FROM pg_extension WHERE extname = 'citext'", in: "extended") == number)
    try one.drop("extended")
    try one.run("DROP ROLE extended")
  }

  @Test(
    "In place, rows that belong to extensions that stay are not doubled, and that is told",
    arguments: ["custom", "tar", "directory"])
  func rowsOfExtensions(format: String) throws {
    let entry = try makeExtended(format)
    // As pg_extension_config_dump does it for a table that an extension makes.
    try one.run(
      """
      CREATE EXTENSION citext; CREATE TABLE settings(key text, value text); INSERT INTO settings VALUES ('a', 'b');
      GRANT ALL ON settings TO extended; ALTER EXTENSION citext ADD TABLE settings;
      UPDATE pg_extension SET extconfig = ARRAY['settings'::regclass::oid], extcondition = ARRAY['']
      WHERE extname = 'citext'; SET ROLE extended;
      CREATE TABLE "settings of mine" AS SELECT 1 AS a; CREATE TABLE "DATA public settings" AS SELECT 2 AS a;
      """, in: "extended")
    let context = try makeContext()
    let root = try configured(entry)
    let dump = try take(root, context)
    let content = try one.content(of: "extended")
    let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    #expect(plan.summary.contains("in place"))
    let warnings = try dump.restore(plan, context: context)
    #expect(warnings.count == 1 && warnings[0].contains("TABLE DATA public settings postgres"), "\(warnings)")
    try expectSame(one.content(of: "extended"), content)

    let listed = try configured(entry + "    restore_options: --use-list=/nonexistent\n")
    let error = #expect(throws: RestoreError.self) {
      try hook.restore(of: dump.facts, to: RestoreTarget(), root: listed, context: context)
    }
    #expect(error?.diagnosis.problem.contains("'--use-list=/nonexistent' in restore_options") == true)
    #expect(error?.diagnosis.suggestion?.contains("--username") == true)
    try one.drop("extended")
    try one.run("DROP ROLE extended")
  }

  @Test("Options that name a list of entries are seen in every spelling")
  func lists() {
    for option in ["-L", "-Lfile", "-vL", "--use-list", "--use-list=x", "--use-l"] {
      #expect(RestoreWay.namesList(option), "\(option)")
    }
    for option in ["-nL", "--username=L", "-j2", "L", "-v", "--clean"] {
      #expect(!RestoreWay.namesList(option), "\(option)")
    }
  }

  @Test("Only the entries of those extensions, and their comments, are left out of a list")
  func filteredList() {
    let list = """
      ;
      2; 3079 22713 EXTENSION - citext \n3; 3079 22714 EXTENSION - citext2 \n3431; 0 0 COMMENT - EXTENSION citext \n\
      200; 1259 16400 TABLE public EXTENSION - citext postgres
      201; 1259 16401 TABLE public t postgres

      """
    let found = String(decoding: ArchiveList.filtered(Array(list.utf8), [ServerText("citext")]), as: UTF8.self)
    #expect(
      found.lines() == [
        ";", "3; 3079 22714 EXTENSION - citext2 ", "200; 1259 16400 TABLE public EXTENSION - citext postgres",
        "201; 1259 16401 TABLE public t postgres",
      ])
  }

  @Test("A server that does not answer is told with its address and what it said")
  func unreachable() throws {
    let context = try makeContext()
    let root = try configured("  - {name: 'x*', hostname: \(one.hostname), port: 1, username: u}\n")
    let error = #expect(throws: DumpError.self) { try plan(root, context).start(context: context) }
    let problem = error?.diagnosis.problem ?? ""
    #expect(problem.contains("Connection refused") && problem.contains("port 1 "), "\(problem)")
  }
}
