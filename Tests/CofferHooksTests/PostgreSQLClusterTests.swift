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
  }
}
