import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("A whole PostgreSQL server brought back to a moment, by the built program", .serialized)
struct ClusterRestoreTests: ServerUserSuite {
  let ground: Playground
  let programs: String
  /// Where everything is: short, because sockets are in it.
  let home = "/tmp/coffer-pit-\(UUID().uuidString.prefix(8))"
  private var main: String { "\(home)/main" }

  init() throws {
    ground = try Playground()
    programs = try PostgreSQLCluster.newestPrograms()
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
  }

  func socket(_ folder: String) -> String { folder }

  /// A server with a tablespace whose log is stored.
  private func startMain(hasChecksums: Bool = true) throws {
    try startArchiving(
      main,
      configuration: [
        "verify_directory: \(home)", "archive_name_format: '{hostname}-{now:%Y-%m-%dT%H:%M:%S.%f}'",
        "verify_queries: [{database: 'post*', query: 'SELECT count(*) FROM aside', expect: '>= 0'}]",
      ],
      hasChecksums ? ["--data-checksums"] : [])
    try done("mkdir", "\(home)/space")
    _ = try sql("CREATE TABLESPACE apart LOCATION '\(home)/space'", at: main)
    _ = try sql("CREATE TABLE ledger (n int); CREATE TABLE aside (n int) TABLESPACE apart", at: main)
  }

  private func backUp() throws {
    let made = try coffer("create")
    try #require(made.status == .exited(0), "\(made.errors)")
  }

  private struct Point {
    let time: String
    let position: String
    let transaction: String
  }

  /// Commits a number, and says when and where.
  private func commit(_ number: Int) throws -> Point {
    let transaction = try sql(
      "BEGIN; INSERT INTO ledger VALUES (\(number)); INSERT INTO aside VALUES (\(number)); SELECT pg_current_xact_id(); COMMIT",
      at: main)
    let place = try sql(
      """
      SELECT pg_create_restore_point('point\(number)') IS NULL;
      SELECT pg_current_wal_insert_lsn(); SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US');
      """, at: main
    ).split(separator: "\n").map(String.init)
    usleep(20_000)
    return Point(time: place[2] + "Z", position: place[1], transaction: transaction)
  }

  private func rows(_ folder: String) throws -> String {
    try sql(
      "SELECT (SELECT string_agg(n::text, ',' ORDER BY n) FROM ledger), (SELECT string_agg(n::text, ',' ORDER BY n) FROM aside)",
      at: folder)
  }

  private func upTo(_ number: Int) -> String {
    let numbers = (1...number).map(String.init).joined(separator: ",")
    return "\(numbers)|\(numbers)"
  }

  @Test("A server whose settings became larger behind its base backup comes to its target all the same")
  func largerSettings() throws {
    defer { try? FileManager.default.removeItem(atPath: home) }
    try startMain()
    defer { _ = try? control("stop", main) }
    _ = try commit(1)
    let file = "\(main)/postgresql.conf"
    // Of what it is not told yet.
    try done("sh", "-c", "cat >> \"$0\"", file, input: "synchronous_standby_names = 'nobody'\n")
    try backUp()
    for (number, setting) in [(2, "max_connections = 30"), (3, "max_worker_processes = 20")] {
      try control("stop", main)
      try done("sed", "-i", "/^synchronous_standby_names/d", file)
      try done("sh", "-c", "cat >> \"$0\"", file, input: setting + "\n")
      try #require(try control("start", main) == .exited(0))
      _ = try commit(number)
    }
    let last = try sql("CREATE TABLE last (); SELECT pg_walfile_name(pg_switch_wal())", at: main)
    try waitUntilArchived(last, at: main)
    let restored = "\(home)/restored"
    let outcome = try coffer(
      "restore", "--cluster", "main", "--target-directory", restored, "--tablespace-mapping",
      "\(home)/space=\(home)/restored-space", "--to-name", "point3", "--start")
    try #require(outcome.status == .exited(0), "\(outcome.errors)")
    #expect(try rows(restored) == upTo(3))
    #expect(try sql("SHOW max_connections", at: restored) == "30")
    #expect(try sql("SHOW synchronous_standby_names", at: restored).isEmpty)
    #expect(try control("stop", restored) == .exited(0))
  }

  @Test(
    "To a time, a name, a position and a transaction: exactly what was committed by then; --delta; a gap is told beforehand"
  )
  func moments() throws {
    defer { try? FileManager.default.removeItem(atPath: home) }
    try startMain()
    defer { _ = try? control("stop", main) }
    _ = try commit(1)
    try backUp()
    var points: [Int: Point] = [:]
    for number in 2...6 {
      points[number] = try commit(number)
      _ = try sql("SELECT pg_switch_wal()", at: main)
    }
    try backUp()
    for number in 7...9 {
      points[number] = try commit(number)
      _ = try sql("SELECT pg_switch_wal()", at: main)
    }
    let last = try sql("CREATE TABLE last (); SELECT pg_walfile_name(pg_switch_wal())", at: main)
    try waitUntilArchived(last, at: main)

    // A drill lays it down and starts it; both tables are counted, and every page is looked at.
    let verified = try coffer("verify", "--json")
    #expect(verified.status == .exited(0), "\(verified.errors)")
    #expect(
      verified.output.contains(#""proven":true"#) && verified.output.contains(#""rows":12"#), "\(verified.output)")
    #expect(verified.output.contains(#""queries":1"#), "\(verified.output)")

    // It says how long bringing the server back takes.
    let info = try coffer("info", "--json")
    #expect(
      info.output.contains(#""restore_seconds":"#) && !info.output.contains(#""restore_seconds":null"#),
      "\(info.output)")
    let told = try coffer("info")
    #expect(told.output.contains("restored in "), "\(told.output)")

    func restore(_ name: String, _ more: String..., space: String? = nil) throws -> Playground.Outcome {
      try server(
        [
          ground.binary, "--config", "\(home)/config.yaml", "restore", "--cluster", "main", "--target-directory",
          "\(home)/\(name)", "--tablespace-mapping", "\(home)/space=\(home)/\(space ?? name)-space",
        ] + more)
    }
    func expect(
      _ number: Int, _ outcome: Playground.Outcome, _ name: String, location: SourceLocation = #_sourceLocation
    ) throws {
      try #require(outcome.status == .exited(0), "\(outcome.errors)", sourceLocation: location)
      #expect(try rows("\(home)/\(name)") == upTo(number), sourceLocation: location)
      let place = try sql(
        "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'apart'", at: "\(home)/\(name)")
      #expect(place == "\(home)/\(name)-space", sourceLocation: location)
      #expect(try control("stop", "\(home)/\(name)") == .exited(0), sourceLocation: location)
    }

    // Nothing is written by what only says what it would do.
    let shown = try restore("shown", "--to-time", #require(points[4]).time, "--dry-run")
    #expect(shown.status == .exited(0) && shown.output.contains("Would restore"), "\(shown.errors)")
    #expect(!FileManager.default.fileExists(atPath: "\(home)/shown"))

    try expect(4, restore("time", "--to-time", #require(points[4]).time, "--start"), "time")
    let byName = try restore("name", "--to-name", "point8", "--start", "--json")
    try expect(8, byName, "name")
    #expect(
      byName.output.contains(#""paused":true"#) && byName.output.contains(#""recovering":true"#), "\(byName.output)")
    try expect(5, restore("lsn", "--to-lsn", #require(points[5]).position, "--start"), "lsn")
    try expect(8, restore("xid", "--to-xid", #require(points[9]).transaction, "--to-exclusive", "--start"), "xid")
    // All of the log, after which the server writes.
    try expect(9, restore("end", "--start"), "end")

    // Over what is there: another moment, then the folder of another server.
    #expect(try restore("time", "--to-name", "point7", "--start").status != .exited(0))
    try expect(7, restore("time", "--to-name", "point7", "--delta", "--start"), "time")

    // Not beyond what is there, and not before the first base backup.
    let late = try restore("late", "--to-time", "2100-01-01 00:00")
    #expect(
      late.status == .exited(1) && late.errors.contains("The nearest point that can be reached: "), "\(late.errors)")
    let early = try restore("early", "--to-time", "2020-01-01 00:00")
    #expect(
      early.status == .exited(1) && early.errors.contains("before the end of every base backup"), "\(early.errors)")

    // A segment that is missing in the middle is told, and nothing is written; what is before it can be had.
    let segment = try sql("SELECT pg_walfile_name('\(#require(points[8]).position)')", at: main)
    let digits = String(segment.dropFirst(8)).lowercased()
    try done("sh", "-c", "rm \"$0\"/logs/*-segments/00000001-$1-*", "\(home)/repository", digits)
    let gap = try restore("gap", "--to-time", #require(points[9]).time)
    #expect(gap.status == .exited(1) && gap.errors.contains("The log has a gap before"), "\(gap.errors)")
    #expect(gap.errors.contains("The nearest point that can be reached: "), "\(gap.errors)")
    #expect(try restore("gap").status == .exited(1))
    #expect(!FileManager.default.fileExists(atPath: "\(home)/gap"))
    try #require(restore("before", "--to-name", "point7", "--start").status == .exited(0))
    let before = "\(home)/before"
    #expect(try rows(before) == upTo(7))

    // From there a timeline of its own goes on, into the same log; the first can still be had.
    try control("stop", before)
    try done("sed", "-i", "/^archive_mode/d", "\(before)/postgresql.auto.conf")
    try #require(
      server(["\(programs)/pg_ctl", "-D", before, "-w", "-l", "\(home)/server.log", "-o", "-k \(before)", "start"])
        .status
        == .exited(0))
    #expect(try rows(before) == upTo(7))
    _ = try sql("SELECT pg_wal_replay_resume()", at: before)
    try waitUntilRecovered(at: before)
    let next = try sql(
      """
      INSERT INTO ledger VALUES (8); INSERT INTO aside VALUES (8); SELECT pg_create_restore_point('branch') IS NULL;
      INSERT INTO ledger VALUES (9); SELECT pg_walfile_name(pg_switch_wal())
      """, at: before)
    try waitUntilArchived(try #require(next.split(separator: "\n").last.map(String.init)), at: before)
    try control("stop", before)
    try expect(8, restore("branch", "--to-name", "branch", "--start"), "branch")
    try expect(7, restore("trunk", "--to-name", "point7", "--timeline", "current", "--start"), "trunk")

    // By root the files are made the server's user's, as whom the server runs.
    if geteuid() == 0 {
      // What others can change is not root's to go by.
      let lines = try String(contentsOfFile: "\(home)/config.yaml", encoding: .utf8).split(separator: "\n")
      try ground.write(
        "root.yaml", lines.filter { !$0.hasPrefix("user_runtime_directory") }.joined(separator: "\n") + "\n")
      chmod("\(ground.folder)/root.yaml", 0o644)
      let byRoot = try run(
        [
          "env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=\(ground.folder)", ground.binary, "--config",
          "\(ground.folder)/root.yaml", "restore", "--cluster", "main", "--target-directory", "\(home)/root",
          "--tablespace-mapping", "\(home)/space=\(home)/root-space", "--to-name", "branch", "--start",
        ], in: "/")
      try expect(8, byRoot, "root")
      #expect(try ground.run("find", "\(home)/root", "\(home)/root-space", "!", "-user", "postgres").isEmpty)
    }
    let left = try FileManager.default.contentsOfDirectory(atPath: home)
    #expect(Set(left.filter { $0.hasPrefix(".") }).subtracting([".cache", ".config", ".local"]).isEmpty, "\(left)")
  }

  @Test("Where the newest base backup cannot be read, an older one leads to the target, which is told")
  func unreadable() throws {
    defer { try? FileManager.default.removeItem(atPath: home) }
    try startMain()
    defer { _ = try? control("stop", main) }
    _ = try commit(1)
    try backUp()
    _ = try commit(2)
    try done("touch", "\(home)/stamp")
    usleep(20_000)
    try backUp()
    try done("sh", "-c", "find \"$0\"/repository/packs -type f -newer \"$0\"/stamp -delete; rm -rf \"$0\"/.cache", home)
    _ = try commit(3)
    try waitUntilArchived(sql("CREATE TABLE last (); SELECT pg_walfile_name(pg_switch_wal())", at: main), at: main)
    let restored = "\(home)/restored"
    let outcome = try coffer(
      "restore", "--cluster", "main", "--target-directory", restored, "--tablespace-mapping",
      "\(home)/space=\(home)/restored-space", "--to-name", "point3", "--start")
    #expect(
      outcome.status == .exited(1) && outcome.errors.contains("an older base backup is looked for"), "\(outcome.errors)"
    )
    #expect(try rows(restored) == upTo(3))
    #expect(try control("stop", restored) == .exited(0))
    // One that is named is the one that is wanted.
    let named = try coffer(
      "restore", "--cluster", "main", "--archive", "latest", "--target-directory", "\(home)/other", "--dry-run",
      "--tablespace-mapping", "\(home)/space=\(home)/other-space")
    #expect(named.status == .exited(1), "\(named.output)")
  }

  @Test("A base backup with a damaged page, of which no checksum tells, is not proven")
  func damaged() throws {
    defer { try? FileManager.default.removeItem(atPath: home) }
    try startMain(hasChecksums: false)
    defer { _ = try? control("stop", main) }
    let file = try sql(
      "INSERT INTO ledger SELECT generate_series(1, 900); CHECKPOINT; SELECT pg_relation_filepath('ledger')", at: main)
    // The first item is where no item can be.
    try done("sh", "-c", "printf '\\377\\377' | dd of=\"$0\" bs=1 seek=24 conv=notrunc 2>&1", "\(main)/\(file)")
    try backUp()
    let verified = try coffer("verify", "--json")
    #expect(verified.status == .exited(1), "\(verified.output)")
    #expect(verified.output.contains(#""proven":false"#), "\(verified.output)")
    #expect(
      verified.errors.contains("it is not what was dumped") && verified.errors.contains("ledger"), "\(verified.errors)")
  }
}
