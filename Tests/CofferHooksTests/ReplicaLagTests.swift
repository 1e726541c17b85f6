import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

@Suite("How far replicas lag behind")
struct ReplicaLagTests {
  private static let identity = DumpIdentity(hook: "postgresql_databases", database: "shop")

  private func postgresql(_ fields: String?...) -> ReplicaLag {
    PostgreSQLReplicaLag.lag([fields.map { $0.map { ServerText($0) } }])
  }

  @Test(
    "A standby that has replayed all it was sent is current, whatever the last transaction's age; one that is cut off is not"
  )
  func idlePrimary() {
    #expect(postgresql("f", nil, nil) == .none)
    #expect(postgresql("t", "t", "86400") == .seconds(0))
    #expect(postgresql("t", "f", "12.5") == .seconds(12.5))
    #expect(postgresql("t", nil, "12.5") == .seconds(12.5))
    // The clocks of the two differ.
    #expect(postgresql("t", "f", "-3") == .seconds(0))
    for odd in [
      postgresql("t", "f", nil), postgresql("t", nil, nil), postgresql("t", "f", "nan"), postgresql(nil, nil, nil),
    ] {
      guard case .unknown = odd else {
        Issue.record("\(odd)")
        continue
      }
    }
    #expect(PostgreSQLReplicaLag.lag([]) != .none && postgresql(nil, nil, nil) != .none)
  }

  private static let old = [
    "Slave_IO_Running", "Slave_SQL_Running", "Seconds_Behind_Master", "Last_IO_Error", "Last_SQL_Error",
  ]
  private static let new = [
    "Connection_name", "Replica_IO_Running", "Replica_SQL_Running", "Seconds_Behind_Source", "Last_IO_Error",
    "Last_SQL_Error",
  ]

  @Test("Of several channels the furthest counts, old and new names are known, and what has stopped tells no lag")
  func channels() {
    #expect(MariaDBReplicaLag.lag([]) == .none)
    #expect(MariaDBReplicaLag.lag([Self.old, ["Yes", "Yes", "7", "", ""]]) == .seconds(7))
    #expect(
      MariaDBReplicaLag.lag([Self.new, ["a", "Yes", "Yes", "7", "", ""], ["b", "Yes", "Yes", "90", "", ""]])
        == .seconds(90))
    #expect(
      MariaDBReplicaLag.lag([
        Self.new, ["a", "Yes", "Yes", "7", "", ""], ["b", "Yes", "No", "NULL", "", "Duplicate 'x'"],
      ])
        == .unknown("channel 'b': it applies nothing: Duplicate 'x'"))
    #expect(
      MariaDBReplicaLag.lag([Self.old, ["Connecting", "Yes", "0", "error connecting", ""]])
        == .unknown("it receives nothing: error connecting"))
    #expect(
      MariaDBReplicaLag.lag([Self.old, ["Yes", "Yes", "NULL", "", ""]]) == .unknown("the server does not tell it"))
    #expect(MariaDBReplicaLag.lag([Self.old, ["Yes"]]) != .none && MariaDBReplicaLag.lag([["x"], ["1"]]) != .none)
  }

  @Test("What is within the limit is kept with the dump; what is not, or not known, is an error that is worth a retry")
  func judged() throws {
    #expect(try ReplicaLag.none.judged(by: 0, of: Self.identity) == nil)
    #expect(try ReplicaLag.seconds(300).judged(by: 300, of: Self.identity) == "300.0")
    for lag in [ReplicaLag.seconds(300.5), .unknown("it applies nothing")] {
      let error = #expect(throws: DumpError.self) { try lag.judged(by: 300, of: Self.identity) }
      #expect(error?.isWorthARetry == true && error?.diagnosis.problem.contains("max_replica_lag") == true)
    }
  }
}

@Suite("What an application says of its own version", .serialized)
struct ApplicationVersionTests: PostgreSQLSuite {
  let ground: PostgreSQLGround
  private let context: HookContext

  init() throws {
    ground = try PostgreSQLGround()
    context = try makeContext()
  }

  private func facts(_ query: String, _ more: String = "") throws -> (facts: DumpFacts, warnings: [String]) {
    let root = try configured(one.entry("versioned", "globals: false", "version_query: \"\(query)\"\(more)"))
    let outcome = try plan(root, context).start(context: context).finish()
    return (outcome.facts, outcome.warnings)
  }

  @Test("It is asked as the database's owner, who is no superuser, may only read, and is kept; what fails is a warning")
  func postgresql() throws {
    try one.drop("versioned")
    try one.run("DROP ROLE IF EXISTS migrator; CREATE ROLE migrator LOGIN; CREATE DATABASE versioned OWNER migrator")
    defer {
      try? one.drop("versioned")
      _ = try? one.run("DROP ROLE migrator")
    }
    try one.run(
      """
      CREATE TABLE migrations(version text); INSERT INTO migrations VALUES ('2026-01'), ('2026-02');
      ALTER TABLE migrations OWNER TO migrator; CREATE TABLE nothing(a int); ALTER TABLE nothing OWNER TO migrator;
      """, in: "versioned")
    let good = try facts("SELECT max(version), 'more' FROM migrations")
    #expect(good.facts.details["application_version"] == "2026-02" && good.warnings == [], "\(good)")
    #expect(try facts("SELECT current_user").facts.details["application_version"] == "migrator")
    let writing = try facts("DELETE FROM migrations RETURNING version")
    #expect(writing.facts.details["application_version"] == nil)
    #expect(writing.warnings.count == 1 && writing.warnings[0].contains("read-only transaction"), "\(writing.warnings)")
    #expect(try one.run("SELECT count(*) FROM migrations", in: "versioned") == "2\n")
    #expect(try facts("SELECT a FROM nothing").warnings.first?.contains("gives no row") == true)
    #expect(try facts("SELECT oops").warnings.first?.contains("\"oops\" does not exist") == true)
    let long = try facts("SELECT repeat('x', 10000)").facts.details["application_version"]
    #expect(long == String(repeating: "x", count: 256) + "...")
    // Nothing of what the owner can change gets another's rights.
    try one.run(
      """
      ALTER DATABASE versioned SET role = 'migrator'; CREATE FUNCTION public.climb() RETURNS text LANGUAGE plpgsql AS
      $$ BEGIN PERFORM set_config('role', 'none', true); RETURN current_user; END $$;
      CREATE FUNCTION public.climb2() RETURNS text LANGUAGE plpgsql AS
      $$ BEGIN EXECUTE 'SET SESSION AUTHORIZATION DEFAULT'; RETURN current_user; END $$;
      CREATE VIEW public.bait AS SELECT public.climb() AS version;
      CREATE VIEW public.bait2 AS SELECT public.climb2() AS version;
      ALTER VIEW bait OWNER TO migrator; ALTER VIEW bait2 OWNER TO migrator;
      """, in: "versioned")
    for bait in ["bait", "bait2"] {
      let caught = try facts("SELECT version FROM public.\(bait)")
      #expect(caught.facts.details["application_version"] == nil)
      #expect(caught.warnings.first?.contains("within security-definer function") == true, "\(caught.warnings)")
    }
    #expect(try facts("SELECT current_user").facts.details["application_version"] == "migrator")
    try one.run("ALTER DATABASE versioned OWNER TO CURRENT_USER")
    let asSuperuser = try facts("SELECT 1")
    #expect(asSuperuser.facts.details["application_version"] == nil)
    #expect(asSuperuser.warnings.first?.contains("is not asked: the database's owner") == true, "\(asSuperuser)")
    try one.run("ALTER DATABASE versioned OWNER TO migrator")
    // A primary lags behind nothing.
    let primary = try facts("SELECT 1", "\n    max_replica_lag: 0")
    #expect(primary.facts.details["replica_lag"] == nil && primary.facts.details["application_version"] == "1")
  }

  @Test("MariaDB's applications and servers are asked, too")
  func mariadb() throws {
    let server = try MariaDBServer(1)
    try server.run("DROP DATABASE IF EXISTS `ver``sioned`; CREATE DATABASE `ver``sioned`")
    defer { _ = try? server.run("DROP DATABASE `ver``sioned`") }
    try server.run("CREATE TABLE m(v int); INSERT INTO m VALUES (3), (12)", in: "ver`sioned")
    try server.run("CREATE OR REPLACE USER versions IDENTIFIED BY 'v'; GRANT SELECT, LOCK TABLES ON *.* TO versions")
    try server.run("GRANT PROCESS, SHOW VIEW, EVENT, TRIGGER, BINLOG MONITOR, SLAVE MONITOR ON *.* TO versions")
    defer { _ = try? server.run("DROP USER versions") }
    let entry = server.entry("ver`sioned", "version_query: SELECT MAX(v) FROM m", "max_replica_lag: 0")
    func outcome(_ entry: String) throws -> (facts: DumpFacts, warnings: [String]) {
      let root = try makeRoot("mariadb_databases:\n" + entry)
      let dump = try #require(MariaDBHook(.mariadb).dumps(of: root, context: context).first)
      let outcome = try dump.start(context: context).finish()
      return (outcome.facts, outcome.warnings)
    }
    let good = try outcome(
      entry.replacingOccurrences(of: "username: \(server.username)", with: "username: versions")
        .replacingOccurrences(of: "password: \(server.password)", with: "password: v"))
    #expect(good.facts.details["application_version"] == "12", "\(good)")
    #expect(good.facts.details["replica_lag"] == nil && good.warnings == [])
    let mighty = try outcome(entry)
    #expect(mighty.facts.details["application_version"] == nil)
    #expect(mighty.warnings.first?.contains("over the whole server") == true, "\(mighty)")
  }
}
