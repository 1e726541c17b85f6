import CofferSystem
import Foundation
import TestSupport
import Testing

@Suite("PostgreSQL's log, by the built program, and the server back at a moment", .serialized)
struct PointInTimeTests: ServerUserSuite {
  let ground: Playground
  let programs: String
  var home: String { "\(ground.folder)/home" }
  let variables = ["COFFER_PASSPHRASE=correct horse"]

  init() throws {
    ground = try Playground()
    programs = try PostgreSQLCluster.newestPrograms()
    chmod(ground.folder, 0o755)
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
  }

  func socket(_ folder: String) -> String { folder + ".s" }

  private func settings(_ folder: String, _ more: [String]) throws {
    // Beside the folder, of which a base backup is made.
    try done("mkdir", "-p", socket(folder))
    let lines = [
      "listen_addresses = ''", "unix_socket_directories = '\(socket(folder))'", "fsync = off", "max_connections = 10",
    ]
    let path = "\(folder)/postgresql.auto.conf"
    let text = (lines + more).joined(separator: "\n") + "\n"
    try done("sh", "-c", "cat > \"$0\"", path, input: text)
  }

  /// Lays a server's folder down from the base backup, and has it recover.
  private func recover(_ name: String, _ more: String...) throws -> (folder: String, status: CofferSystem.ExitStatus) {
    let folder = "\(home)/\(name)"
    try done("cp", "-a", "\(home)/base", folder)
    let command = "\(ground.binary) --config \(home)/config.yaml wal get %f %p"
    try settings(
      folder, ["restore_command = '\(command)'", "archive_mode = off", "recovery_target_action = 'promote'"] + more)
    try done("touch", "\(folder)/recovery.signal")
    let status = try control("start", folder)
    if status == .exited(0) { try waitUntilRecovered(at: folder) }
    return (folder, status)
  }

  @Test("archive_command stores every segment, and recovery to a point has exactly what was committed by then")
  func pointInTime() throws {
    let main = "\(home)/main"
    try ground.write("home/config.yaml", "repositories:\n  - path: \(home)/repository\nkeep_log: 1d\n")
    if geteuid() == 0 { try ground.run("chown", "-R", "postgres", home) }
    let made = try coffer("repo-create", "-e", "repokey")
    try #require(made.status == .exited(0), "\(made.errors)")
    try done("\(programs)/initdb", "-D", main, "-U", "postgres", "-A", "trust", "--no-sync", "--wal-segsize=1")
    try settings(
      main,
      [
        "archive_mode = on", "archive_command = '\(ground.binary) --config \(home)/config.yaml wal push %p'",
        "wal_level = replica",
      ])
    #expect(try control("start", main) == .exited(0))
    defer { _ = try? control("stop", main) }
    _ = try sql("CREATE TABLE ledger (n int)", at: main)
    // Its log is in the archive only.
    try done(
      "\(programs)/pg_basebackup", "-D", "\(home)/base", "-h", socket(main), "-U", "postgres", "-X", "none", "-c",
      "fast",
      "--no-sync")
    for point in 1...18 {
      _ = try sql(
        "INSERT INTO ledger VALUES (\(point)); SELECT pg_create_restore_point('point\(point)'); SELECT pg_switch_wal()",
        at: main)
    }
    let last = try sql("INSERT INTO ledger VALUES (19); SELECT pg_walfile_name(pg_switch_wal())", at: main)
    try waitUntilArchived(last, at: main)

    // The same file again is success; other bytes under its name are none, and change nothing.
    #expect(try coffer("wal", "push", "pg_wal/\(last)", in: main).status == .exited(0))
    try done("cp", "\(main)/pg_wal/\(last)", "\(home)/\(last)")
    try done("sh", "-c", "printf x | dd of=\"$0\" bs=1 seek=500000 conv=notrunc 2>&1", "\(home)/\(last)")
    let other = try coffer("wal", "push", "\(home)/\(last)", in: main)
    #expect(other.status == .exited(1) && other.errors.contains("with other bytes"), "\(other.errors)")

    // What waits behind a segment goes along: its own push asks nobody then, but for as long as it is believed, and only of its bytes.
    func ahead(_ more: String...) throws -> Playground.Outcome {
      try server(
        [ground.binary, "--config", "\(home)/config.yaml", "--verbosity", "2", "wal", "push"] + more, in: main)
    }
    _ = try sql("ALTER SYSTEM SET archive_command = 'false'", at: main)
    _ = try sql("SELECT pg_reload_conf()", at: main)
    var waiting: [String] = []
    for point in 20...24 {
      waiting.append(try sql("INSERT INTO ledger VALUES (\(point)); SELECT pg_walfile_name(pg_switch_wal())", at: main))
    }
    usleep(200_000)
    let pushed = try ahead("pg_wal/\(waiting[0])", "--read-ahead", "4")
    #expect(pushed.status == .exited(0), "\(pushed.errors)")
    func isStored(_ segment: String) throws -> Bool {
      let digits = segment.dropFirst(8).lowercased()
      return try !done("sh", "-c", "find \"$0\"/repository/logs -name \"00000001-$1-*\"", home, String(digits)).isEmpty
    }
    #expect(try waiting.map(isStored) == [true, true, true, true, false])
    try done("mv", "\(home)/repository", "\(home)/elsewhere")
    #expect(try ahead("pg_wal/\(waiting[1])").status == .exited(0))
    #expect(try ahead("pg_wal/\(waiting[1])").status == .exited(1))
    try done("sh", "-c", "touch -d '10 minutes ago' \"$0\"/.cache/coffer/log-pushed-*/\"$1\"-*", home, waiting[2])
    #expect(try ahead("pg_wal/\(waiting[2])").status == .exited(1))
    // What was written since is another file, whatever its time says.
    let file = "\(main)/pg_wal/\(waiting[3])"
    try done("cp", "-a", file, "\(home)/kept")
    try done(
      "sh", "-c", "printf x | dd of=\"$0\" bs=1 seek=500000 conv=notrunc 2>&1; touch -r \"$1\" \"$0\"", file,
      "\(home)/kept")
    #expect(try ahead("pg_wal/\(waiting[3])").status == .exited(1))
    try done("mv", "\(home)/elsewhere", "\(home)/repository")
    let changed = try ahead("pg_wal/\(waiting[3])")
    #expect(changed.status == .exited(1) && changed.errors.contains("with other bytes"), "\(changed.errors)")

    // Many small objects become few; nothing is younger than a day's window, so that nothing goes.
    func count() throws -> Int {
      Int(try done("sh", "-c", "find \"$0\"/repository/logs -type f | wc -l", home)) ?? 0
    }
    let before = try count()
    #expect(before >= 20)
    #expect(try coffer("prune").status == .exited(0))
    #expect(try count() == before)
    let compacted = try coffer("compact")
    #expect(compacted.status == .exited(0), "\(compacted.errors)")
    #expect(try count() < 8)
    let listed = try coffer("wal", "list")
    #expect(listed.output.contains(last) && !listed.output.contains("Missing"), "\(listed.output)")
    // There is no archive, which is said, and nothing else.
    let checked = try coffer("check", "--level", "4")
    #expect(checked.status == .exited(0) && !checked.errors.contains("logs/"), "\(checked.errors)")

    // To a point in the middle, and to the end of the log.
    let middle = try recover("middle", "recovery_target_name = 'point7'")
    #expect(middle.status == .exited(0))
    #expect(try sql("SELECT string_agg(n::text, ',' ORDER BY n) FROM ledger", at: middle.folder) == "1,2,3,4,5,6,7")
    _ = try control("stop", middle.folder)
    let end = try recover("end")
    #expect(end.status == .exited(0))
    #expect(try sql("SELECT count(*), max(n) FROM ledger", at: end.folder) == "23|23")
    _ = try control("stop", end.folder)

    // Exit codes: what certainly is not there, and what cannot be known.
    let missing = try coffer("wal", "get", "00000009.history", "pg_wal/x", in: end.folder)
    #expect(missing.status == .exited(1), "\(missing.errors)")
    let next = try coffer("wal", "get", "0000000100000000000000F0", "pg_wal/x", in: main)
    #expect(next.status == .exited(1), "\(next.errors)")
    try done("mv", "\(home)/repository", "\(home)/elsewhere")
    let unknown = try coffer("wal", "get", last, "pg_wal/x", in: "\(home)/base")
    #expect(unknown.status == .exited(200) || unknown.status == .exited(0), "\(unknown.errors)")
    try done("rm", "-rf", "\(home)/.cache")
    // A repository that cannot be reached is not the end of the log: the server does not start as if it were.
    let blind = try recover("blind")
    #expect(blind.status != .exited(0))
    #expect(try coffer("wal", "get", last, "pg_wal/x", in: "\(home)/base").status == .exited(200))
    #expect(try server([ground.binary, "--no-such-flag", "wal", "get", "a", "b"]).status == .exited(200))
  }
}
