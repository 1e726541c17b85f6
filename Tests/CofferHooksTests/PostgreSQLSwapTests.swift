import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("PostgreSQL databases that are built beside the old ones and swapped", .serialized)
struct PostgreSQLSwapTests: PostgreSQLSuite {
  let ground: PostgreSQLGround
  private let context: HookContext

  init() throws {
    ground = try PostgreSQLGround()
    context = try makeContext()
  }

  private static let made = "SELECT count(*) FROM pg_database WHERE datname LIKE 'coffer%'"

  private func plan(_ dump: TakenDump, _ root: ConfigurationSection, _ target: RestoreTarget? = nil) throws
    -> any PlannedRestore
  {
    try hook.restore(of: dump.facts, to: target ?? RestoreTarget(), root: root, context: context)
  }

  private func problem(_ body: () throws -> Void) -> Diagnosis? {
    do {
      try body()
      return nil
    } catch {
      return (error as? any DiagnosableError)?.diagnosis
    }
  }

  @Test(
    "A database in use is readable as it was until the new one is whole, and then its sessions are ended",
    arguments: ["custom", "plain", "tar", "directory"])
  func inUse(format: String) throws {
    try prepare()
    let root = try configured(entry("format: \(format)"))
    let dump = try take(root, context)
    let content = try one.content(of: Self.database)
    try one.run("CREATE TABLE newer(a int); DELETE FROM sales.orders", in: Self.database)
    let before = try one.content(of: Self.database)
    let session = try HeldSession(one, Self.database, "BEGIN; SELECT count(*) FROM sales.customer")
    defer { session.end() }
    let plan = try plan(dump, root)
    #expect(plan.summary.contains("swapped, which ends the session in it"))

    let running = try plan.start(folder: dump.folder, context: context)
    try dump.bytes.withUnsafeBytes { try running.write($0) }
    _ = try running.endPass()
    try expectSame(one.content(of: Self.database), before)
    let alive = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'held'"
    #expect(try one.run(alive) == "1\n")
    let state =
      "SELECT datconnlimit, shobj_description(oid, 'pg_database') LIKE 'Coffer has made%' FROM pg_database WHERE datname LIKE 'coffer\\_new\\_%'"
    #expect(try one.run(state) == "0|t\n")
    #expect(try running.finish() == [])
    try expectSame(one.content(of: Self.database), content)
    #expect(try one.run(alive) == "0\n")
    #expect(try one.run(Self.made) == "0\n")
    try one.drop(Self.database)
  }

  @Test("Clients that connect again and again do not keep a swap from its end")
  func busyClients() throws {
    try one.recreate("busy")
    try one.run("CREATE TABLE t AS SELECT 1 AS a", in: "busy")
    let root = try configured(one.entry("busy"))
    let dump = try take(root, context)
    let clients = try (0..<3).map { _ in
      try SystemProcessLauncher().launch(
        ChildCommand(
          "sh",
          [
            "-c",
            "while :; do psql -X -q -h \(one.hostname) -p \(one.port) -U \(one.username) busy -c 'SELECT pg_sleep(60)'; done",
          ], environment: ProcessEnvironment(["PATH": "/usr/bin:/bin", "PGPASSWORD": one.password])))
    }
    defer { for client in clients { client.terminate() } }
    #expect(try dump.restore(plan(dump, root), context: context) == [])
    #expect(try one.run(Self.made) == "0\n")
    for client in clients { client.terminate() }
    try one.drop("busy")
  }

  @Test("Who may not end the sessions in a database is told whose they are, and nothing has changed")
  func inTheWay() throws {
    try one.run("DROP DATABASE IF EXISTS held; DROP ROLE IF EXISTS holder")
    try one.run("CREATE ROLE holder LOGIN CREATEDB PASSWORD 'h'")
    try one.run("CREATE DATABASE held OWNER holder")
    try one.run("CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t OWNER TO holder", in: "held")
    let root = try configured(
      "  - {name: held, hostname: \(one.hostname), port: \(one.port), username: holder, password: h}\n")
    let dump = try take(root, context)
    let session = try HeldSession(one, "held", "BEGIN; SELECT a FROM t", application: "the superuser's")
    let before = try one.content(of: "held")
    let said = try #require(problem { try dump.restore(try plan(dump, root), context: context) })
    #expect(said.problem.contains("as it was") && said.problem.contains("user postgres"), "\(said)")
    try expectSame(one.content(of: "held"), before)
    #expect(try one.run(Self.made) == "0\n")
    session.end()
    #expect(try dump.restore(plan(dump, root), context: context) == [])
    #expect(try one.run("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'held'") == "holder\n")
    try one.drop("held")
    try one.run("DROP ROLE holder")
  }

  @Test("What belongs to the database as a whole comes from the dump, and rights by default are not given twice")
  func defaultPrivileges() throws {
    try one.drop("rights")
    try one.run("DROP ROLE IF EXISTS reporting; CREATE ROLE reporting")
    try one.recreate("rights")
    try one.run(
      """
      CREATE TABLE salary AS SELECT 1 AS a; CREATE SEQUENCE numbers;
      ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO reporting;
      ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO reporting;
      ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
      """, in: "rights")
    let root = try configured(one.entry("rights"))
    let dump = try take(root, context)
    let content = try one.content(of: "rights")
    #expect(try dump.restore(plan(dump, root), context: context) == [])
    try expectSame(one.content(of: "rights"), content)
    try one.drop("rights")
    try one.run("DROP ROLE reporting")
  }

  @Test("A subscriber is restored over itself, with its subscription disabled and its slot left alone")
  func subscriber() throws {
    try one.drop("subscriber")
    try one.run("CREATE DATABASE subscriber")
    try one.run(
      """
      CREATE TABLE t(a int); CREATE SUBSCRIPTION sub CONNECTION 'host=127.0.0.1 port=1 dbname=x' PUBLICATION p
      WITH (connect = false, slot_name = 'far_slot')
      """, in: "subscriber")
    let root = try configured(one.entry("subscriber"))
    let dump = try take(root, context)
    let warnings = try dump.restore(plan(dump, root), context: context)
    #expect(warnings.count == 1 && warnings[0].contains("come back disabled: sub"), "\(warnings)")
    #expect(try one.run("SELECT subname, subslotname, subenabled FROM pg_subscription") == "sub|far_slot|f\n")
    #expect(try one.run(Self.made) == "0\n")
    try one.run("ALTER SUBSCRIPTION sub SET (slot_name = NONE); DROP SUBSCRIPTION sub", in: "subscriber")
    try one.drop("subscriber")
  }

  // MARK: - What was left behind

  @Test("What a killed restore has left is removed by the next one, if its mark proves it, and never what is in use")
  func leftovers() throws {
    try one.recreate("lefty")
    let root = try configured(one.entry("lefty"))
    let dump = try take(root, context)
    let (dead, old, alive, bare) = (RestoreToken(), RestoreToken(), RestoreToken(), RestoreToken())
    for (name, token) in [(dead.newName, dead), (old.oldName, old), (alive.newName, alive)] {
      try one.run("CREATE DATABASE \(name)")
      try one.run("COMMENT ON DATABASE \(name) IS '\(token.mark)'")
    }
    try one.run("CREATE DATABASE \(bare.newName)")
    try one.run("CREATE DATABASE coffer_new_shop")
    let session = try HeldSession(one, "postgres", "SELECT pg_advisory_lock(\(alive.lock))")
    let plan = try plan(dump, root)
    #expect(plan.summary.contains(dead.newName) && plan.summary.contains(old.oldName))
    #expect(!plan.summary.contains(alive.newName) && !plan.summary.contains(bare.newName))
    let warnings = try dump.restore(plan, context: context)
    #expect(warnings.count == 3 && warnings.contains { $0.contains(bare.newName) }, "\(warnings)")
    let left = try one.run("SELECT datname FROM pg_database WHERE datname LIKE 'coffer%'")
    #expect(Set(left.split(separator: "\n").map(String.init)) == [alive.newName, bare.newName, "coffer_new_shop"])
    session.end()
    for name in [alive.newName, bare.newName, "coffer_new_shop", "lefty"] { try one.drop(name) }
  }

  @Test("A token's names are only those that a restore gives")
  func tokens() {
    let token = RestoreToken()
    #expect(RestoreToken(databaseName: token.newName) == token)
    #expect(RestoreToken(databaseName: token.oldName) == token)
    for name in [
      "coffer_new_", "coffer_new_0123456789abcde", "coffer_new_0123456789ABCDEF", "coffer_new_0123456789abcdef0",
      "x_coffer_new_0123456789abcdef", "coffer_new_0123456789abcde\u{301}",
    ] {
      #expect(RestoreToken(databaseName: name) == nil, "\(name)")
    }
    #expect(RestoreToken(databaseName: "coffer_old_ffffffffffffffff")?.lock == -1)
  }
}
