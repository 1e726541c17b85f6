import CofferSystem
import Foundation
import TestSupport
import Testing

/// A server of PostgreSQL of the test's own, and the built program as its user runs it.
final class WALGround: ServerUserSuite, ReceiverGround {
  let ground: Playground
  let programs: String
  let variables = ["COFFER_PASSPHRASE=correct horse"]
  var home: String { "\(ground.folder)/home" }
  var main: String { "\(home)/main" }

  init() throws {
    ground = try Playground()
    programs = try PostgreSQLCluster.newestPrograms()
    chmod(ground.folder, 0o755)
    try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
    try ground.write("home/config.yaml", configuration(of: main))
    if geteuid() == 0 { try ground.run("chown", "-R", "postgres", home) }
    try done(ground.binary, "--config", "\(home)/config.yaml", "repo-create", "-e", "repokey")
    try done("\(programs)/initdb", "-D", main, "-U", "postgres", "-A", "trust", "--no-sync", "--wal-segsize=1")
    try settings(main, ["wal_level = replica", "wal_keep_size = 0", "max_wal_size = 3MB", "min_wal_size = 2MB"])
    try manage("start", main)
  }

  deinit {
    for folder in (try? FileManager.default.contentsOfDirectory(atPath: home)) ?? []
    where FileManager.default.fileExists(atPath: "\(home)/\(folder)/postmaster.pid") {
      try? manage("stop", "\(home)/\(folder)")
    }
  }

  func socket(_ folder: String) -> String { folder + ".s" }

  @discardableResult
  func sql(_ text: String) throws -> String { try sql(text, at: main) }

  /// Whether the server has done something.
  func asks(_ text: String) throws -> Bool {
    let words = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", socket(main), "-U", "postgres", "-c", text]
    return try server(words).status == .exited(0)
  }

  /// Says where the repository is, and that the server is the one of a folder.
  func configuration(of folder: String) -> String {
    """
    repositories:
      - path: \(home)/repository
    postgresql_clusters:
      - name: main
        hostname: \(socket(folder))
        username: postgres
    """
  }

  /// Writes a configuration that the server's user can read.
  func configure(_ name: String, _ text: String) throws {
    try done("sh", "-c", "cat > \"$0\"", "\(home)/\(name)", input: text)
  }

  func settings(_ folder: String, _ more: [String]) throws {
    try done("mkdir", "-p", socket(folder))
    let lines = [
      "listen_addresses = ''", "unix_socket_directories = '\(socket(folder))'", "fsync = off", "max_connections = 15",
    ]
    try done(
      "sh", "-c", "cat > \"$0\"", "\(folder)/postgresql.auto.conf", input: (lines + more).joined(separator: "\n") + "\n"
    )
  }

  /// Starts a server, stops or promotes it.
  func manage(_ action: String, _ folder: String, mode: String = "immediate") throws {
    let outcome = try server([
      "\(programs)/pg_ctl", "-D", folder, "-w", "-t", "60", "-l", "\(folder).log", "-m", mode, action,
    ])
    try #require(outcome.status == .exited(0), "\(outcome.output) \(outcome.errors)")
  }

  /// A receiver that goes on until it is stopped.
  func receive(_ more: String..., configuration: String = "config.yaml") throws -> ChildProcess {
    let words = asServer + [ground.binary, "--config", "\(home)/\(configuration)", "wal", "receive"] + more
    return try SystemProcessLauncher().launch(
      ChildCommand(
        words[0], Array(words.dropFirst()), environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"]),
        workingDirectory: home))
  }

  /// Waits until the server says something, a condition in SQL for example.
  func wait(for condition: String, at folder: String? = nil, _ child: ChildProcess? = nil) throws {
    let deadline = Date().addingTimeInterval(60)
    while try sql("SELECT coalesce((\(condition)), false)", at: folder ?? main) != "t" {
      try #require(Date() < deadline, "\(condition): \(child?.lastErrorLines ?? [])")
      usleep(30_000)
    }
  }

  func waitUntilStreaming(_ child: ChildProcess, at folder: String? = nil) throws {
    try wait(for: "SELECT bool_or(state = 'streaming') FROM pg_stat_replication", at: folder, child)
  }

  func waitUntilStored(_ place: String, _ child: ChildProcess, at folder: String? = nil) throws {
    try wait(for: "SELECT bool_or(flush_lsn >= '\(place)') FROM pg_stat_replication", at: folder, child)
  }

  func baseBackup(_ name: String = "base", log: String = "none") throws {
    try done(
      "\(programs)/pg_basebackup", "-D", "\(home)/\(name)", "-h", socket(main), "-U", "postgres", "-X", log, "-c",
      "fast", "--no-sync")
  }

  /// Lays a server down from the base backup, and has it recover to the end of the log.
  func recover(_ name: String, _ more: String...) throws -> String {
    let folder = "\(home)/\(name)"
    try done("cp", "-a", "\(home)/base", folder)
    try settings(
      folder,
      [
        "restore_command = '\(ground.binary) --config \(home)/config.yaml wal get %f %p'",
        "recovery_target_action = 'promote'",
      ] + more)
    try done("touch", "\(folder)/recovery.signal")
    try manage("start", folder)
    try wait(for: "NOT pg_is_in_recovery()", at: folder)
    return folder
  }

  /// Objects of one kind of the log.
  func count(_ kind: String) throws -> Int {
    Int(try done("sh", "-c", "find \"$0\"/repository/logs/*-\(kind) -type f 2>/dev/null | wc -l", home)) ?? 0
  }
}
