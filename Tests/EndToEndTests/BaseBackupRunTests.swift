import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("Base backups by the built program", .serialized)
struct BaseBackupRunTests {
  private let ground: Playground
  private let cluster: PostgreSQLCluster

  init() throws {
    ground = try Playground()
    cluster = try PostgreSQLCluster(["--data-checksums", "--wal-segsize=1"])
    try ground.configure("keep_log: 1S\npostgresql_clusters:\n" + cluster.entry("data_directory: \(cluster.data)"))
    try ground.succeed("repo-create", "-e", "repokey")
  }

  /// What the newest archive keeps beside its base backup.
  private func base() throws -> [String: Any] {
    let items = try ground.coffer("list", "--archive", "latest", "--json").json.first?["items"] as? [[String: Any]]
    let dump = try #require(items?.compactMap { $0["dump"] as? [String: Any] }.first)
    return try #require(dump["base"] as? [String: Any])
  }

  /// The segment that has a place of the log, as the server names it.
  private func segment(_ place: String) throws -> String { try cluster.sql("SELECT pg_walfile_name('\(place)')") }

  /// Ends the segment that is written to, and stores all that are there.
  private func push() throws {
    let last = try cluster.sql("SELECT pg_create_restore_point('p'); SELECT pg_walfile_name(pg_switch_wal())")
      .split(separator: "\n").last.map(String.init)
    let found = try cluster.run(["ls", "\(cluster.data)/pg_wal"]).split(separator: "\n").map(String.init)
    for name in found where name.count == 24 && name <= last ?? "" {
      try ground.succeed("wal", "push", "\(cluster.data)/pg_wal/\(name)")
    }
  }

  @Test("A base backup is a dump like others: listed, checked, given back byte for byte, and no part of a restore")
  func create() throws {
    try cluster.sql("CREATE TABLE t AS SELECT n FROM generate_series(1, 1000) n")
    let rehearsed = try ground.coffer("create", "--dry-run")
    #expect(rehearsed.status == .exited(0) && rehearsed.output.contains("postgresql server 'main' at"), "\(rehearsed)")
    #expect(try ground.archives().isEmpty)
    try ground.succeed("create")
    let listed = try ground.coffer("list", "--archive", "latest")
    #expect(listed.output.contains("postgresql_clusters") && listed.output.contains("base"), "\(listed)")
    #expect(try ground.coffer("check", "--level", "4").status == .exited(0))
    try ground.succeed("extract", "--archive", "latest", "--destination", "\(ground.folder)/out")
    let found = try ground.run("find", "\(ground.folder)/out/coffer/postgresql_clusters", "-type", "f")
    let file = try #require(found.split(separator: "\n").first.map(String.init))
    let laid = "\(cluster.folder)/laid"
    try cluster.run(["mkdir", "-m", "700", laid])
    try ground.run("cp", file, "\(cluster.folder)/tar")
    try ground.run("chmod", "644", "\(cluster.folder)/tar")
    try cluster.run(["tar", "-xf", "\(cluster.folder)/tar", "-C", laid])
    try cluster.run(["\(cluster.programs)/pg_verifybackup", laid])
    let refused = try ground.coffer("restore", "--archive", "latest")
    #expect(refused.status == .exited(1) && refused.errors.contains("base backup of a whole server"), "\(refused)")
    let status = try ground.coffer("status")
    #expect(status.output.contains("main"), "\(status)")
    let doctor = try ground.coffer("doctor")
    #expect(doctor.output.contains("postgresql server 'main' at"), "\(doctor)")
  }

  @Test("Beside other dumps it is left out of a restore of all of them, which says so; named alone it is refused")
  func beside() throws {
    try ground.run("sqlite3", "\(ground.folder)/a.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1)")
    try ground.configure(
      "postgresql_clusters:\n" + cluster.entry() + "sqlite_databases:\n  - name: a\n    path: \(ground.folder)/a.db\n")
    try ground.succeed("create")
    try ground.run("sqlite3", "\(ground.folder)/a.db", "DELETE FROM t")
    let restored = try ground.coffer("restore", "--archive", "latest", "--verbosity", "1")
    #expect(restored.status == .exited(0), "\(restored)")
    #expect((restored.errors + restored.output).contains("postgresql server 'main' at"), "\(restored)")
    #expect(try ground.run("sqlite3", "\(ground.folder)/a.db", "SELECT a FROM t") == "1\n")
    let named = try ground.coffer("restore", "--archive", "latest", "--database", "main")
    #expect(named.status == .exited(1) && named.errors.contains("base backup of a whole server"), "\(named)")
  }

  @Test("A damaged page, and a user without the right, leave no archive")
  func failures() throws {
    try cluster.sql("CREATE ROLE weak LOGIN; CREATE TABLE t AS SELECT n FROM generate_series(1, 9999) n; CHECKPOINT")
    let path = "\(cluster.data)/" + (try cluster.sql("SELECT pg_relation_filepath('t')"))
    try cluster.run(["sh", "-c", "printf xyz | dd of=\"$0\" bs=1 seek=20000 conv=notrunc 2>/dev/null", path])
    let damaged = try ground.coffer("create")
    #expect(damaged.status == .exited(1) && damaged.errors.contains("checksum"), "\(damaged)")
    try ground.configure("postgresql_clusters:\n" + cluster.entry(user: "weak"))
    for arguments in [["create"], ["create", "--dry-run"], ["doctor"]] {
      let weak = try ground.coffer(arguments)
      #expect(weak.status == .exited(1) && (weak.errors + weak.output).contains("REPLICATION"), "\(weak)")
    }
    #expect(try ground.archives().isEmpty)
  }

  /// Bytes that a backup adds.
  private func added() throws -> Int {
    let run = try ground.coffer("create", "--json")
    let archive = try #require(run.json.first?["archive"] as? [String: Any], "\(run)")
    return try #require((archive["stats"] as? [String: Any])?["deduplicated_size"] as? Int)
  }

  private func fill() throws {
    try cluster.sql(
      "CREATE TABLE t (n int, text text) WITH (fillfactor = 90); INSERT INTO t SELECT n, md5(n::text) FROM generate_series(1, 300000) n"
    )
    try cluster.sql("VACUUM FREEZE; CHECKPOINT")
  }

  @Test("A second base backup adds little more than what has changed")
  func growth() throws {
    try fill()
    let first = try added()
    try cluster.sql("UPDATE t SET text = md5(text) WHERE n % 5000 = 0; CHECKPOINT")
    let second = try added()
    #expect(second * 50 < first, "\(second) of \(first)")
  }

  @Test("One whose files are read adds next to nothing to one that the server sent, and is proven by the same drill")
  func readFiles() throws {
    try fill()
    let first = try added()
    try ground.configure(
      "verify_directory: /tmp\npostgresql_clusters:\n"
        + cluster.entry("data_directory: \(cluster.data)", "read_files: true"))
    let rehearsed = try ground.coffer("create", "--dry-run")
    #expect(rehearsed.status == .exited(0), "\(rehearsed)")
    let second = try added()
    #expect(second * 50 < first, "\(second) of \(first)")
    let proven = try ground.coffer("verify", "--archive", "latest")
    #expect(proven.status == .exited(0) && proven.output.contains("Proven"), "\(proven)")
    try ground.configure("postgresql_clusters:\n" + cluster.entry("data_directory: /etc", "read_files: true"))
    for arguments in [["create"], ["create", "--dry-run"], ["doctor"]] {
      let other = try ground.coffer(arguments)
      #expect(
        other.status == .exited(1) && (other.errors + other.output).contains("not the data directory"), "\(other)")
    }
  }

  @Test("prune keeps the log from the newest base backup on that is older than the window, and it is whole from there")
  func pruning() throws {
    try push()
    try ground.succeed("create")
    let first = try segment(try #require(base()["start_lsn"] as? String))
    try push()
    sleep(2)
    try ground.succeed("create")
    let second = try segment(try #require(base()["start_lsn"] as? String))
    try #require(first < second)
    for _ in 0..<3 { try push() }
    sleep(3)
    try push()
    let newest = try segment(try cluster.sql("SELECT pg_switch_wal()"))
    try push()
    // Neither connects, so neither needs the password; by the name they tell servers apart.
    func configure(_ name: String, _ more: String...) throws {
      let lines = ["name: \"\(name)\"", "data_directory: \(cluster.data)", "hostname: \(cluster.folder)"] + more
      try ground.configure("keep_log: 1S\npostgresql_clusters:\n  - " + lines.joined(separator: "\n    ") + "\n")
    }
    try configure("${NOBODY_SETS_THIS}")
    for arguments in [["prune"], ["wal", "get", first, "\(ground.folder)/segment"]] {
      let unknown = try ground.coffer(arguments)
      #expect(unknown.status != .exited(0) && unknown.errors.contains("NOBODY_SETS_THIS"), "\(unknown)")
    }
    try configure("main", "password: \"${NOBODY_SETS_THIS}\"")
    try ground.succeed("prune")
    func get(_ name: String) throws -> CofferSystem.ExitStatus {
      try ground.coffer("wal", "get", name, "\(ground.folder)/segment").status
    }
    #expect(try get(first) != .exited(0))
    #expect(try get(second) == .exited(0) && get(newest) == .exited(0))
    let listed = try ground.coffer("wal", "list")
    #expect(listed.output.contains(second) && !listed.output.contains("Missing"), "\(listed)")
    try ground.succeed("delete", "--archive", "latest")
    try ground.succeed("delete", "--archive", "latest")
    // Nobody knows what an archive needs whose record cannot be read.
    let unreadable = "20260101t000000z-0123456789abcdef"
    try ground.write("repository/archives/\(unreadable)", "damaged")
    let held = try ground.coffer("prune")
    #expect(held.errors.contains("No log is deleted"), "\(held)")
    #expect(try get(second) == .exited(0))
    // Without the archives it goes like any other log.
    try ground.succeed("delete", "--archive", unreadable)
    try ground.succeed("prune")
    #expect(try get(second) != .exited(0))
    #expect(try get(newest) == .exited(0))
  }
}
