import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("PostgreSQL restores by the built program that are killed in the middle", .serialized)
struct PostgreSQLKilledRestoreTests {
  private let ground: Playground
  private let server: PostgreSQLServer

  init() throws {
    ground = try Playground()
    server = try PostgreSQLServer(1)
  }

  private static let name = "e2e killed restore"

  /// Where a restore stands still, and how the server shows that it has got there.
  enum Point: String, CaseIterable {
    case made, rows, index, analyze, exchange

    var sign: String {
      let inside = "FROM pg_stat_activity WHERE datname LIKE 'coffer\\_new\\_%' AND state = 'active' AND query LIKE "
      return switch self {
      case .made: "SELECT count(*) > 0 FROM pg_database WHERE datname LIKE 'coffer\\_new\\_%'"
      case .rows: "SELECT count(*) > 0 \(inside) '%COPY%'"
      case .index: "SELECT count(*) > 0 \(inside) '%CREATE INDEX%'"
      case .analyze, .exchange: "SELECT count(*) > 0 \(inside) '%ANALYZE%'"
      }
    }
  }

  /// A database that is slow to restore at a point of PGOPTIONS' choice, and nowhere else.
  private func prepare(format: String) throws -> (new: String, old: String) {
    try server.recreate(Self.name)
    try server.run(
      """
      CREATE FUNCTION stall(point text, a int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $f$ BEGIN
        IF a = 1 AND current_setting('coffer_test.stall', true) = point
        AND (point <> 'analyze' OR current_query() LIKE '%ANALYZE%') THEN PERFORM pg_sleep(8); END IF;
        RETURN true; END $f$;
      CREATE TABLE t (a int CHECK (stall('rows', a)), b text); CREATE TABLE u AS SELECT 1 AS a;
      INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 2000) i;
      CREATE INDEX ON t (stall('index', a)); CREATE INDEX ON t (stall('analyze', a));
      """, in: Self.name)
    try ground.configure("postgresql_databases:\n" + server.entry(Self.name, "format: \(format)", "globals: false"))
    #expect(try ground.coffer("repo-create", "-e", "repokey").status == .exited(0))
    let made = try ground.coffer("create")
    #expect(made.status == .exited(0), "\(made.errors)")
    let new = try server.content(of: Self.name)
    try server.run("DROP TABLE u; DELETE FROM t WHERE a > 100; CREATE TABLE later AS SELECT 2 AS a", in: Self.name)
    return (new, try server.content(of: Self.name))
  }

  private func wait(_ seconds: Double, until condition: () throws -> Bool) throws -> Bool {
    let deadline = Date().addingTimeInterval(seconds)
    while try !condition() {
      guard Date() < deadline else { return false }
      usleep(20_000)
    }
    return true
  }

  private static let inside =
    "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'coffer%' OR application_name LIKE 'coffer\\_%'"
  /// Databases that say of themselves that a restore has made them.
  private static let made =
    "SELECT count(*) FROM pg_database WHERE datname LIKE 'coffer%' AND shobj_description(oid, 'pg_database') IS NOT NULL"
  /// One that was made and not marked yet when its restore was killed is nobody's to remove without asking.
  private static let unmarked =
    "SELECT datname FROM pg_database WHERE datname LIKE 'coffer%' AND shobj_description(oid, 'pg_database') IS NULL"

  /// Begins a restore and sends it a signal at a point.
  ///
  /// - Returns: How it ended.
  private func interrupt(at point: Point, with signal: Int32) throws -> CofferSystem.ExitStatus? {
    let stall = point == .exchange ? Point.analyze : point
    ground.environment["PGOPTIONS"] = "-c coffer_test.stall=\(stall.rawValue)"
    let child = try ground.start("restore", "--archive", "latest", "--yes")
    #expect(try wait(30) { try server.run(point.sign) == "t\n" }, "it did not get there")
    var lock: HeldSession?
    if point == .exchange {
      lock = try HeldSession(server, "postgres", "BEGIN; LOCK TABLE pg_catalog.pg_database IN SHARE MODE")
      try server.run(
        """
        SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%ANALYZE%' AND pid <> pg_backend_pid()
        """)
      let waiting =
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%RENAME TO%'"
      #expect(try wait(10) { try server.run(waiting) == "t\n" }, "it did not get there")
    }
    kill(child.identifier, signal)
    if signal == SIGKILL { _ = child.wait(seconds: 10) }
    lock?.end()
    let status = child.wait(seconds: 40)
    ground.environment["PGOPTIONS"] = nil
    return status
  }

  private func restoreWhole(_ new: String) throws {
    let next = try ground.coffer("restore", "--archive", "latest", "--yes")
    #expect(next.status == .exited(0), "\(next.errors)")
    try expectSame(server.content(of: Self.name), new)
    #expect(try server.run(Self.made) == "0\n", "\(next.errors)")
    for name in try server.run(Self.unmarked).split(separator: "\n") {
      #expect(next.errors.contains("'\(name)' looks like one that a killed restore has left"), "\(next.errors)")
      try server.drop(String(name))
    }
    try server.drop(Self.name)
  }

  @Test(
    "Killed outright at any point, a restore leaves the whole old content under the name, or the whole new one, and the next one removes what is left",
    arguments: Point.allCases.map { ($0, "custom") } + [(.rows, "plain"), (.index, "directory")])
  func killed(point: Point, format: String) throws {
    let (new, old) = try prepare(format: format)
    #expect(try interrupt(at: point, with: SIGKILL) == .signalled(SIGKILL))
    let found = try server.content(of: Self.name)
    if point != .exchange || found.utf8.count == old.utf8.count {
      expectSame(found, old)
    } else {
      expectSame(found, new)
    }
    // Sessions whose client is gone end by themselves.
    #expect(try wait(40) { try server.run(Self.inside) == "0\n" }, "a session outlives its client")
    try expectSame(server.content(of: Self.name), found)
    try restoreWhole(new)
  }

  @Test(
    "Asked to end at any point, a restore removes what it has made, or has put the new content in place",
    arguments: Point.allCases.map { ($0, "custom") } + [(.rows, "plain")])
  func terminated(point: Point, format: String) throws {
    let (new, old) = try prepare(format: format)
    let status = try interrupt(at: point, with: SIGTERM)
    let found = try server.content(of: Self.name)
    if point != .exchange || found.utf8.count == old.utf8.count {
      #expect(status == .exited(143))
      expectSame(found, old)
    } else {
      expectSame(found, new)
    }
    #expect(try server.run(Self.made) == "0\n")
    #expect(try server.run(Self.inside) == "0\n")
    #expect(ground.leftovers().isEmpty)
    try restoreWhole(new)
  }
}
