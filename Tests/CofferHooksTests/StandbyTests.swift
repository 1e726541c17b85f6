import CofferConfiguration
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferHooks

/// A standby of the first server, which ends with the test.
private final class Standby {
  private let folder: String
  private let process: ChildProcess
  private let primary: PostgreSQLServer
  /// Of its socket. The primary's may lie beside its data, and is then copied.
  private let port: Int

  init(of primary: PostgreSQLServer) throws {
    self.primary = primary
    port = primary.port + 1000
    folder = NSTemporaryDirectory() + "standby-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    // Database servers refuse to run as root.
    let user = getuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] : []
    if let account = getpwnam("postgres"), getuid() == 0 {
      chown(folder, account.pointee.pw_uid, account.pointee.pw_gid)
    }
    chmod(folder, 0o700)
    let server = try #require(PostgreSQLInstallations.standard.newestServer())
    let environment = ProcessEnvironment(["PATH": "/usr/bin:/bin", "PGPASSWORD": primary.password])
    let words =
      user + [
        "\(server.folder)/pg_basebackup", "--write-recovery-conf", "--checkpoint=fast", "--no-sync", "-D", folder,
        "-h", primary.hostname, "-p", String(primary.port), "-U", primary.username,
      ]
    let copy = try SystemProcessLauncher().run(
      ChildCommand(words[0], Array(words.dropFirst()), environment: environment, workingDirectory: "/"), seconds: 120)
    try #require(copy.status.isSuccess, "\(copy.errorLines)")
    let run =
      user + [
        "\(server.folder)/postgres", "-D", folder, "-c", "listen_addresses=", "-c", "unix_socket_directories=\(folder)",
        "-c", "port=\(port)", "-c", "ssl=off", "-c", "hot_standby=on",
      ]
    process = try SystemProcessLauncher().launch(
      ChildCommand(run[0], Array(run.dropFirst()), environment: environment, workingDirectory: "/"))
  }

  deinit {
    process.terminate()
    try? FileManager.default.removeItem(atPath: folder)
  }

  var entry: String {
    primary.entry("followed", "globals: false")
      .replacingOccurrences(of: "hostname: \(primary.hostname)", with: "hostname: \(folder)")
      .replacingOccurrences(of: "port: \(primary.port)", with: "port: \(port)")
  }

  @discardableResult
  func ask(_ sql: String) throws -> String {
    let environment = ProcessEnvironment(["PATH": "/usr/bin:/bin", "PGPASSWORD": primary.password])
    let words = [
      "-X", "-A", "-t", "-h", folder, "-p", String(port), "-U", primary.username, "-d", "postgres", "-c", sql,
    ]
    let answer = try SystemProcessLauncher().run(ChildCommand("psql", words, environment: environment), seconds: 60)
    return answer.status.isSuccess ? answer.text.trimmingCharacters(in: .newlines) : ""
  }

  /// Waits until a condition holds on it.
  func wait(until condition: String) throws {
    for _ in 0..<600 {
      if try ask("SELECT \(condition)") == "t" { return }
      usleep(50_000)
    }
    Issue.record("never: \(condition); \(process.lastErrorLines)")
  }
}

@Suite("A standby of PostgreSQL", .serialized)
struct StandbyTests: PostgreSQLSuite {
  let ground: PostgreSQLGround

  init() throws {
    ground = try PostgreSQLGround()
  }

  @Test(
    "One that keeps up is dumped and its lag is kept; one that is behind further than max_replica_lag is not dumped")
  func lag() throws {
    let context = try makeContext()
    try one.recreate("followed")
    defer { try? one.drop("followed") }
    try one.run("CREATE TABLE t AS SELECT 1 AS a", in: "followed")
    let standby = try Standby(of: one)
    func dump(_ limit: Int) throws -> TakenDump {
      try take(configured(standby.entry + "    max_replica_lag: \(limit)\n"), context)
    }
    func overtake(_ value: Int) throws -> String {
      try one.run("INSERT INTO t VALUES (\(value)); SELECT pg_current_wal_flush_lsn()", in: "followed")
        .trimmingCharacters(in: .newlines)
    }
    // A standby tells no time of transactions before it has replayed one.
    try standby.wait(
      until: "pg_last_wal_replay_lsn() >= '\(overtake(2))' AND EXISTS (SELECT FROM pg_stat_wal_receiver)")
    let current = try dump(0)
    #expect(current.facts.details["replica_lag"] == "0.0", "\(current.facts)")

    try standby.ask("SELECT pg_wal_replay_pause()")
    try standby.wait(until: "pg_get_wal_replay_pause_state() = 'paused'")
    try standby.wait(until: "pg_last_wal_receive_lsn() >= '\(overtake(3))'")
    let error = #expect(throws: DumpError.self) { try dump(0) }
    #expect(
      error?.isWorthARetry == true && error?.diagnosis.problem.contains("max_replica_lag") == true,
      "\(String(describing: error))")
    let behind = try dump(3600)
    #expect(behind.facts.details["replica_lag"].flatMap { Double($0) }.map { $0 > 0 && $0 < 600 } == true)
    #expect(behind.facts.content?.tables.map(\.rows) == [2], "\(behind.facts)")

    try standby.ask("SELECT pg_wal_replay_resume()")
    try standby.wait(until: "pg_last_wal_replay_lsn() >= '\(overtake(4))'")
    let again = try dump(0)
    #expect(again.facts.details["replica_lag"] == "0.0" && again.facts.content?.tables.map(\.rows) == [4])
  }
}
