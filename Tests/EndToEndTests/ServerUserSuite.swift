import CofferSystem
import Foundation
import Testing

/// Runs PostgreSQL's servers, and the built program, as the servers' user: they refuse to be root's.
protocol ServerUserSuite {
  var ground: Playground { get }
  /// The user's folder, with the configuration.
  var home: String { get }
  /// The folder with the programs of the servers' version.
  var programs: String { get }
  /// What the user's programs have in their environment beside the usual, `NAME=VALUE`.
  var variables: [String] { get }

  /// The folder of the socket of a server in a folder.
  func socket(_ folder: String) -> String
}

extension ServerUserSuite {
  var variables: [String] { [] }

  /// Runs a program.
  ///
  /// - Parameter folder: In which; the user's own without it.
  func run(_ words: [String], in folder: String? = nil, input: String = "") throws -> Playground.Outcome {
    let errors = "\(ground.folder)/stderr-\(UInt32.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: errors) }
    let result = try SystemProcessLauncher().run(
      ChildCommand(
        "sh", ["-c", "exec \"$0\" \"$@\" 2>'\(errors)'"] + words,
        environment: ProcessEnvironment(["PATH": "/usr/bin:/bin"]), workingDirectory: folder ?? home, output: .pipe),
      input: Array(input.utf8), seconds: 180)
    return Playground.Outcome(
      status: result.status, output: result.text,
      errors: String(decoding: FileManager.default.contents(atPath: errors) ?? Data(), as: UTF8.self))
  }

  /// What a program of the servers' user begins with.
  var asServer: [String] {
    let user = geteuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : []
    return user + ["env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=\(home)", "LC_ALL=C"] + variables
  }

  /// Runs a program as the servers' user.
  func server(_ words: [String], in folder: String? = nil, input: String = "") throws -> Playground.Outcome {
    try run(asServer + words, in: folder, input: input)
  }

  @discardableResult
  func done(_ words: String..., in folder: String? = nil, input: String = "") throws -> String {
    try done(words, in: folder, input: input)
  }

  @discardableResult
  func done(_ words: [String], in folder: String? = nil, input: String = "") throws -> String {
    let outcome = try server(words, in: folder, input: input)
    try #require(outcome.status == .exited(0), "\(words): \(outcome.errors)")
    return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  func coffer(_ words: String..., in folder: String? = nil) throws -> Playground.Outcome {
    try server([ground.binary, "--config", "\(home)/config.yaml"] + words, in: folder)
  }

  @discardableResult
  func sql(_ text: String, at folder: String) throws -> String {
    try done(
      "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", socket(folder), "-U", "postgres", "-f", "-",
      input: text)
  }

  @discardableResult
  func control(_ action: String, _ folder: String) throws -> CofferSystem.ExitStatus {
    try server(
      ["\(programs)/pg_ctl", "-D", folder, "-w", "-t", "60", "-l", "\(home)/server.log", "-m", "immediate", action]
    ).status
  }

  /// Makes a repository, a configuration with base backups, and a server that stores its log there; starts it.
  ///
  /// - Parameters:
  ///   - configuration: Further lines of the configuration, and `settings` of the server's.
  ///   - options: Of `initdb`.
  func startArchiving(
    _ main: String, configuration: [String] = [], settings: [String] = [], _ options: [String] = []
  ) throws {
    let lines =
      [
        "repositories: [{path: \(home)/repository}]", "encryption_passcommand: cat \(home)/passphrase",
        "user_runtime_directory: \(home)/run",
        "postgresql_clusters: [{name: main, data_directory: \(main), hostname: \(socket(main)), username: postgres, base_backup: true}]",
      ] + configuration
    try (lines.joined(separator: "\n") + "\n").write(toFile: "\(home)/config.yaml", atomically: true, encoding: .utf8)
    try "correct horse".write(toFile: "\(home)/passphrase", atomically: true, encoding: .utf8)
    try FileManager.default.createDirectory(atPath: "\(home)/run", withIntermediateDirectories: true)
    chmod("\(home)/run", 0o700)
    if geteuid() == 0 { try ground.run("chown", "-R", "postgres:postgres", home) }
    chmod(ground.folder, 0o755)
    let made = try coffer("repo-create", "-e", "repokey")
    try #require(made.status == .exited(0), "\(made.errors)")
    try done(
      ["\(programs)/initdb", "-D", main, "-U", "postgres", "-A", "trust", "--no-sync", "--wal-segsize=1"] + options)
    let all =
      [
        "listen_addresses = ''", "unix_socket_directories = '\(socket(main))'", "fsync = off", "max_connections = 12",
        "archive_mode = on", "archive_command = '\(ground.binary) --config \(home)/config.yaml wal push %p'",
        "wal_level = replica",
      ] + settings
    try done("sh", "-c", "cat >> \"$0\"", "\(main)/postgresql.conf", input: all.joined(separator: "\n") + "\n")
    try #require(try control("start", main) == .exited(0))
  }

  func waitUntilArchived(_ segment: String, at folder: String) throws {
    let deadline = Date().addingTimeInterval(100)
    while try sql("SELECT last_archived_wal >= '\(segment)' FROM pg_stat_archiver", at: folder) != "t" {
      let state = try sql("SELECT * FROM pg_stat_archiver", at: folder)
      try #require(Date() < deadline, "\(state)")
      usleep(50_000)
    }
  }

  func waitUntilRecovered(at folder: String) throws {
    let deadline = Date().addingTimeInterval(60)
    while try sql("SELECT pg_is_in_recovery()", at: folder) != "f" {
      try #require(Date() < deadline)
      usleep(50_000)
    }
  }
}
