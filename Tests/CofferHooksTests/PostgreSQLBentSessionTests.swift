import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("PostgreSQL databases whose owner bends the sessions of others", .serialized)
struct PostgreSQLBentSessionTests: PostgreSQLSuite {
  let ground: PostgreSQLGround
  private let context: HookContext

  init() throws {
    ground = try PostgreSQLGround()
    context = try makeContext()
  }

  private func prepareBent() throws {
    try one.drop("bent")
    try one.run("DROP ROLE IF EXISTS bender; CREATE ROLE bender LOGIN PASSWORD 'b'; CREATE DATABASE bent OWNER bender")
    try one.run(
      """
      CREATE TABLE private AS SELECT 1 AS a; CREATE TABLE public.open AS SELECT 2 AS a;
      SELECT lo_from_bytea(7003, 'x'); ALTER TABLE public.open OWNER TO bender;
      """, in: "bent")
  }

  private func bend() throws {
    let session = try HeldSession(
      one, "bent", "ALTER DATABASE bent SET role = 'bender'; ALTER DATABASE bent SET local_preload_libraries = 'nope'",
      username: "bender", password: "b")
    session.end()
    let settings = "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase "
    #expect(try one.run(settings + "WHERE datname = 'bent'") == "{role=bender,local_preload_libraries=nope}\n")
  }

  private func removeBent() throws {
    try one.drop("bent")
    try one.run("DROP ROLE bender")
  }

  private static let everything = """
    SELECT 'private', a FROM private UNION ALL SELECT 'open', a FROM public.open
    UNION ALL SELECT lo, 0 FROM convert_from(lo_get(7003), 'UTF8') lo
    """

  @Test(
    "A role and libraries that the owner has set for every session keep a superuser from nothing, at the dump and at the restore",
    arguments: ["custom", "plain", "directory", "tar"], ["swap", "in-place"])
  func role(format: String, strategy: String) throws {
    try prepareBent()
    let before = try one.run(Self.everything, in: "bent")
    try bend()
    let root = try configured(one.entry("bent", "format: \(format)", "restore_strategy: \(strategy)"))
    let dump = try take(root, context)
    // The setting is a fact of the database, and that of the session is none.
    #expect(dump.facts.details["settings"]?.contains("role=bender") == true)
    #expect(dump.facts.details["session_role"] == nil)
    let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    try dump.restore(plan, context: context)
    try one.run("ALTER DATABASE bent RESET ALL")
    #expect(try one.run(Self.everything, in: "bent") == before)
    #expect(try one.run("SELECT tableowner FROM pg_tables WHERE tablename = 'private'", in: "bent") == "postgres\n")
    try removeBent()
  }

  @Test("A whole server with such a database in it is dumped whole")
  func wholeServer() throws {
    try prepareBent()
    try one.run("ALTER DATABASE bent SET role = 'bender'")
    let dump = try take(configured(one.entry("all", "label: bent")), context)
    let text = String(decoding: dump.bytes, as: UTF8.self)
    #expect(text.contains("COPY public.private (a) FROM stdin;\n1\n"))
    try removeBent()
  }

  @Test("A role that the user has chosen for himself stays his, whether at the server or in PGOPTIONS")
  func ownRole() throws {
    try prepareBent()
    try one.run(
      """
      DROP ROLE IF EXISTS reading, going; CREATE ROLE reading; GRANT pg_read_all_data TO reading;
      CREATE ROLE going LOGIN NOINHERIT PASSWORD 'g'; GRANT reading TO going;
      ALTER TABLE private OWNER TO postgres;
      """, in: "bent")
    try one.run("SELECT lo_unlink(7003)", in: "bent")
    let root = try configured(
      """
        - name: bent
          hostname: \(one.hostname)
          port: \(one.port)
          username: going
          password: g
          globals: false

      """)
    #expect(throws: DumpError.self) { try take(root, context) }
    try one.run("ALTER ROLE going SET role = 'reading'")
    #expect(try take(root, context).bytes.starts(with: CustomArchive.magic))
    try one.run("ALTER ROLE going RESET role")
    let chosen = try makeContext(variables: ["PGOPTIONS": "-c role=reading"])
    #expect(try take(root, chosen).bytes.starts(with: CustomArchive.magic))
    try one.run("REVOKE reading FROM going; DROP ROLE reading, going")
    try removeBent()
  }

  @Test("What loads libraries into a superuser's session, or makes him another user, is not a database owner's to set")
  func superusersSettings() throws {
    try prepareBent()
    for setting in [
      "session_preload_libraries = 'nope'", "dynamic_library_path = '/tmp'", "jit_provider = 'nope'",
      "shared_preload_libraries = 'nope'", "session_replication_role = 'replica'", "lo_compat_privileges = on",
    ] {
      // psql goes on behind the error, as the session is held.
      try HeldSession(one, "bent", "ALTER DATABASE bent SET \(setting)", username: "bender", password: "b").end()
    }
    try HeldSession(
      one, "bent", "ALTER DATABASE bent SET session_authorization = 'bender'", username: "bender", password: "b"
    ).end()
    #expect(try one.run("SELECT session_user, current_user", in: "bent") == "postgres|postgres\n")
    try one.run("ALTER DATABASE bent RESET session_authorization")
    let left =
      "SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase AND datname = 'bent'"
    #expect(try one.run(left) == "0\n")
    try removeBent()
  }

  @Test(
    "Amounts of money are written and read in one way, whatever a database says of it",
    arguments: ["custom", "plain"], ["swap", "in-place"])
  func money(format: String, strategy: String) throws {
    try one.recreate("rich")
    // What the session has that writes or reads a row is in the row.
    try one.run(
      """
      CREATE FUNCTION way() RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.current_setting(''lc_monetary'')';
      CREATE TABLE account(amount money, way text GENERATED ALWAYS AS (way()) STORED);
      ALTER DATABASE rich SET lc_monetary = 'C.UTF-8';
      """, in: "rich")
    try one.run("INSERT INTO account VALUES (1234.5)", in: "rich")
    #expect(try one.run("SELECT way FROM account", in: "rich") == "C.UTF-8\n")
    let root = try configured(
      one.entry("rich", "format: \(format)", "restore_strategy: \(strategy)", "globals: false"))
    let dump = try take(root, context)
    #expect(dump.facts.details["lc_monetary"] == "C")
    var facts = dump.facts
    facts.details["lc_monetary"] = nil
    let old = TakenDump(facts: facts, bytes: dump.bytes)
    for (dump, way) in [(dump, "C\n"), (old, nil)] as [(TakenDump, String?)] {
      let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
      try dump.restore(plan, context: context)
      #expect(try one.run("SELECT amount::numeric FROM account", in: "rich") == "1234.50\n")
      // One that was made without the setting is read as the server and the database have it.
      if let way { #expect(try one.run("SELECT way FROM account", in: "rich") == way) }
    }
    try one.drop("rich")
  }

  @Test("Sessions that read amounts of money otherwise than the dump has them are refused", arguments: [true, false])
  func otherMoney(exists: Bool) throws {
    try one.recreate("rich")
    try one.run("CREATE TABLE account(amount money); INSERT INTO account VALUES (1234.5)", in: "rich")
    // As a server's with dots between thousands.
    let psql = try standIn(
      #"case "$*" in *lc_monetary=C*) ;; *pg_catalog.money*) echo -1.23; exit;; esac; exec psql "$@""#)
    let root = try configured(one.entry("rich", "globals: false"))
    let other = try configured(one.entry("rich", "psql_command: \(psql)", "globals: false"))
    let dump = try take(root, context)
    if !exists { try one.drop("rich") }
    let file = ground.programs.path + "/services"
    try "[here]\nhost=\(one.hostname)\n".write(toFile: file, atomically: true, encoding: .utf8)
    let service = try makeContext(variables: ["PGSERVICE": "here", "PGSERVICEFILE": file])
    let refusal = #expect(throws: RestoreError.self) {
      _ = try hook.restore(of: dump.facts, to: RestoreTarget(), root: other, context: service)
    }
    #expect(refusal?.diagnosis.problem.contains("amounts of money") == true, "\(String(describing: refusal))")
    // A dump that has them as its server has is read as its server reads.
    var facts = dump.facts
    facts.details["lc_monetary"] = nil
    _ = try hook.restore(of: facts, to: RestoreTarget(), root: other, context: service)
    // A session of our own is none of the service's.
    _ = try hook.restore(of: dump.facts, to: RestoreTarget(), root: other, context: context)
    let plan = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: service)
    try dump.restore(plan, context: service)
    #expect(try one.run("SELECT amount::numeric FROM account", in: "rich") == "1234.50\n")
    try one.drop("rich")
  }

  @Test("A dump through a pooler that ignores the setting does not claim to be written with it")
  func ignoredMoney() throws {
    try one.recreate("rich")
    try one.run("ALTER DATABASE rich SET lc_monetary = 'C.UTF-8'")
    let psql = try standIn(
      """
      for word do shift; set -- "$@" "$(printf %s "$word" | sed 's/ -c lc_monetary=C//')"; done
      exec psql "$@"
      """)
    let root = try configured(one.entry("rich", "psql_command: \(psql)", "globals: false"))
    let facts = try take(root, context).facts
    #expect(facts.details["owner"] == "postgres")
    #expect(facts.details["lc_monetary"] == nil && facts.details["session_monetary"] == nil)
    try one.drop("rich")
  }
}
