import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("PostgreSQL databases that come back", .serialized)
struct PostgreSQLRoundTripTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  @Test(
    "A rich database comes back whole in every format, on a server that has it not and on one that has it changed",
    arguments: ["custom", "plain", "tar", "directory"])
  func roundTrip(format: String) throws {
    try prepare()
    let context = try makeContext()
    let root = try configured(entry("format: \(format)"))
    let dump = try take(root, context)
    #expect(dump.facts.format == format)
    #expect(dump.facts.serverVersion?.isEmpty == false)
    let content = try one.content(of: Self.database)

    try two.drop(Self.database)
    let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
    #expect(plan.summary.contains("created"))
    #expect(try dump.restore(plan, context: context) == [])
    try expectSame(two.content(of: Self.database), content)

    try one.run(
      "DELETE FROM sales.orders; DROP VIEW sales.totals; UPDATE sales.customer SET name = 'x'", in: Self.database)
    let back = try hook.restore(of: dump.facts, to: RestoreTarget(), root: root, context: context)
    try dump.restore(back, context: context)
    try expectSame(one.content(of: Self.database), content)
  }

  /// What pg_dump and pg_restore find hard: a view in a circle, in a schema of its own, and a public schema that is not
  /// as every database is born with it.
  private static let awkwardSchema = """
    CREATE SCHEMA s; CREATE VIEW s.v AS SELECT 1 AS a;
    CREATE FUNCTION s.f(s.v) RETURNS int LANGUAGE sql AS 'SELECT 2';
    CREATE OR REPLACE VIEW s.v AS SELECT 1 AS a, s.f(NULL::s.v) AS b;
    CREATE TABLE s.t(a int PRIMARY KEY, b text); INSERT INTO s.t VALUES (1, 'x');
    CREATE VIEW s.g AS SELECT a, b FROM s.t GROUP BY a;
    CREATE EXTENSION IF NOT EXISTS plpgsql; COMMENT ON SCHEMA public IS 'ours'; REVOKE ALL ON SCHEMA public FROM PUBLIC;
    SELECT lo_from_bytea(4711, 'x');
    """

  @Test(
    "A dump goes into a database that is missing, that was just made, and that is full, even with circles in it",
    arguments: ["custom", "plain", "tar", "directory"], [false, true])
  func destinations(format: String, recreatesPublic: Bool) throws {
    try one.recreate("awkward")
    if recreatesPublic { try one.run("DROP SCHEMA public; CREATE SCHEMA public", in: "awkward") }
    try one.run(Self.awkwardSchema, in: "awkward")
    let context = try makeContext()
    let root = try configured(one.entry("awkward", "format: \(format)"))
    let dump = try take(root, context)
    let content = try one.content(of: "awkward")
    for (prepare, sign) in [
      (two.drop, "created"), (two.recreate, "empty"), ({ _ in }, "replaced"),
    ] as [((String) throws -> Void, String)] {
      try prepare("awkward")
      let plan = try hook.restore(of: dump.facts, to: two.target, root: root, context: context)
      #expect(plan.summary.contains(sign))
      try dump.restore(plan, context: context)
      try expectSame(two.content(of: "awkward"), content)
    }
    try one.drop("awkward")
    try two.drop("awkward")
  }

  @Test("The owner of a database restores it without being a superuser, there and where it is missing or just made")
  func ordinaryOwner() throws {
    for server in [one, two] {
      try server.drop("plain owner")
      try server.run("DROP ROLE IF EXISTS owner; CREATE ROLE owner LOGIN CREATEDB PASSWORD 'p'")
    }
    try one.run("CREATE DATABASE \"plain owner\" OWNER owner")
    let context = try makeContext()
    var target = two.target
    (target.username, target.password) = ("owner", "p")
    let schema = PostgreSQLServer.richSchema.replacingOccurrences(of: "CREATE RULE", with: "SELECT 1; CREATE RULE")
    try one.run("SET ROLE owner; GRANT ALL ON SCHEMA public TO owner", in: "plain owner")
    try one.run("SET ROLE owner; " + schema, in: "plain owner")
    for format in ["custom", "plain"] {
      let entry =
        "  - {name: plain owner, hostname: \(one.hostname), port: \(one.port), username: owner, password: p, format: \(format)}\n"
      let root = try configured(entry)
      let dump = try take(root, context)
      let content = try one.content(of: "plain owner")
      for prepare in [
        two.drop,
        {
          try two.recreate($0); try two.run("ALTER DATABASE \"plain owner\" OWNER TO owner")
        },
      ] {
        try prepare("plain owner")
        for _ in 1...2 {
          let plan = try hook.restore(of: dump.facts, to: target, root: root, context: context)
          try dump.restore(plan, context: context)
          try expectSame(two.content(of: "plain owner"), content)
        }
      }
    }
    for server in [one, two] {
      try server.drop("plain owner")
      try server.run("DROP ROLE owner")
    }
  }

  @Test(
    "A dump goes into a database of another name, with nothing but the archive's memory and where to go",
    arguments: ["custom", "plain", "tar", "directory"])
  func otherName(format: String) throws {
    try prepare()
    let context = try makeContext()
    let dump = try take(try configured(entry("format: \(format)")), context)
    let content = try one.content(of: Self.database)
    try one.run("DELETE FROM sales.orders", in: Self.database)
    let left = try one.content(of: Self.database)
    let name = "another 'name' \\ \(format)"
    try one.drop(name)
    var target = one.target
    target.databaseName = name
    for sign in ["created", "replaced"] {
      let plan = try hook.restore(of: dump.facts, to: target, root: nil, context: context)
      #expect(plan.summary.contains(sign) && plan.summary.contains(name))
      try dump.restore(plan, context: context)
      try expectSame(one.content(of: name), content)
    }
    try expectSame(one.content(of: Self.database), left)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: context.runtime.path).allSatisfy { !$0.hasSuffix(".tar") })
    try one.drop(name)
  }

  @Test(
    "Schemas are restored alone, the others stay as they are, and unknown ones change nothing",
    arguments: ["custom", "tar", "directory"])
  func schemas(format: String) throws {
    let sql = """
      CREATE SCHEMA a; CREATE TABLE a.t AS SELECT 1 AS x; CREATE SCHEMA "b B"; CREATE TABLE "b B".t AS SELECT 2 AS x;
      """
    try one.recreate("schemas")
    try one.run(sql, in: "schemas")
    let context = try makeContext()
    let root = try configured(one.entry("schemas", "format: \(format)"))
    let dump = try take(root, context)
    try one.run("UPDATE a.t SET x = 10; DROP SCHEMA \"b B\" CASCADE", in: "schemas")
    func restore(_ schemas: [String]) throws {
      let target = RestoreTarget(schemas: schemas)
      let plan = try hook.restore(of: dump.facts, to: target, root: root, context: context)
      try dump.restore(plan, context: context)
    }
    try restore(["b B"])
    #expect(try one.run("SELECT (SELECT x FROM a.t), (SELECT x FROM \"b B\".t)", in: "schemas") == "10|2\n")
    try restore(["a"])
    #expect(try one.run("SELECT x FROM a.t", in: "schemas") == "1\n")
    let before = try one.content(of: "schemas")
    #expect(throws: RestoreError.self) { try restore(["a", "c"]) }
    try expectSame(one.content(of: "schemas"), before)
    try one.drop("schemas")
    try restore(["b B"])
    #expect(try one.run("SELECT count(*) FROM pg_namespace WHERE nspname IN ('a', 'b B')", in: "schemas") == "1\n")
    try one.drop("schemas")
  }
}
