import CofferSystem
import Foundation
import Testing

@Suite("PostgreSQL's log, by the built program, and the server back at a moment", .serialized)
struct PointInTimeTests {
  private let ground: Playground
  private let programs: String
  /// What the server's user runs the program with.
  private var home: String { "\(ground.folder)/home" }

  init() throws {
    ground = try Playground()
    let folder = "/usr/lib/postgresql"
    let versions = try FileManager.default.contentsOfDirectory(atPath: folder).compactMap { Int($0) }
    programs = "\(folder)/\(try #require(versions.max()))/bin"
    chmod(ground.folder, 0o755)
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
  }

  /// A server refuses to be root's.
  private var asUser: [String] {
    geteuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : ["env"]
  }

  private var variables: [String] {
    ["env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=\(home)", "COFFER_PASSPHRASE=correct horse", "LC_ALL=C"]
  }

  /// Runs a program as the server's user, in a folder.
  private func server(
    _ words: [String], in folder: String? = nil, input: String = ""
  ) throws -> (status: CofferSystem.ExitStatus, output: String, errors: String) {
    let all = asUser + variables + words
    let result = try SystemProcessLauncher().run(
      ChildCommand(
        "sh", ["-c", "exec \"$0\" \"$@\" 2>'\(home)/stderr'"] + all,
        environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"]), workingDirectory: folder ?? home, output: .pipe),
      input: Array(input.utf8), seconds: 120)
    let errors = FileManager.default.contents(atPath: "\(home)/stderr") ?? Data()
    return (result.status, result.text, String(decoding: errors, as: UTF8.self))
  }

  @discardableResult
  private func done(_ words: String..., in folder: String? = nil, input: String = "") throws -> String {
    let outcome = try server(words, in: folder, input: input)
    try #require(outcome.status == .exited(0), "\(words): \(outcome.errors)")
    return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private func coffer(_ words: String..., in folder: String? = nil) throws -> (
    status: CofferSystem.ExitStatus, output: String, errors: String
  ) {
    try server([ground.binary, "--config", "\(home)/config.yaml"] + words, in: folder)
  }

  private func sql(_ text: String, at folder: String) throws -> String {
    try done(
      "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", socket(folder), "-U", "postgres", "-f", "-",
      input: text)
  }

  private func socket(_ folder: String) -> String { folder + ".s" }

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

  private func control(_ action: String, _ folder: String) throws -> CofferSystem.ExitStatus {
    try server(
      ["\(programs)/pg_ctl", "-D", folder, "-w", "-t", "60", "-l", "\(folder)/server.log", "-m", "immediate", action]
    ).status
  }

  private func waitUntilArchived(_ segment: String, at folder: String) throws {
    let deadline = Date().addingTimeInterval(100)
    while try sql("SELECT last_archived_wal >= '\(segment)' FROM pg_stat_archiver", at: folder) != "t" {
      let state = try sql("SELECT * FROM pg_stat_archiver", at: folder)
      try #require(Date() < deadline, "\(state)")
      usleep(50_000)
    }
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
    if status == .exited(0) {
      let deadline = Date().addingTimeInterval(60)
      while try sql("SELECT pg_is_in_recovery()", at: folder) != "f" {
        try #require(Date() < deadline)
        usleep(50_000)
      }
    }
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
    #expect(try sql("SELECT count(*), max(n) FROM ledger", at: end.folder) == "19|19")
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
