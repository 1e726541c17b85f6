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
}
