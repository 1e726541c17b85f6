import CofferConfiguration
import CofferRepository
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferActions

@Suite("Actions read the options that they name")
struct ReadOptionsTests {
  /// A debug build stops at an option that the action does not name: each action is run through here.
  @Test("Every action does its work with nothing but the options that it names")
  func all() throws {
    let folder = NSTemporaryDirectory() + "reads-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder + "/source", withIntermediateDirectories: true)
    try "one".write(toFile: folder + "/source/one", atomically: true, encoding: .utf8)
    let path = folder + "/config.yaml"
    try """
    repositories: [{path: \(folder)/repository, label: here}]
    source_directories: [\(folder)/source]
    user_state_directory: \(folder)/state
    keep_daily: 1
    checks: [{name: data}, {name: extract}]
    prometheus: {textfile: \(folder)/run.prom}
    """.write(toFile: path, atomically: true, encoding: .utf8)
    chmod(path, 0o600)
    let surroundings = Surroundings(
      environment: ProcessEnvironment([
        "PATH": "/usr/bin:/bin", "HOME": folder, "XDG_RUNTIME_DIR": folder, "COFFER_PASSPHRASE": "correct horse",
      ]), clock: .system, random: .system, launcher: SystemProcessLauncher(), secretKeeper: KernelKeyring(),
      currentFolder: folder, hostname: "here", username: "me", processors: 2)
    let program = Program(surroundings: surroundings, cancellation: try Cancellation())
    let restored = folder + "/restored"
    let mountPoint = folder + "/mount"
    try FileManager.default.createDirectory(atPath: mountPoint, withIntermediateDirectories: true)
    var lines: [[String]] = [
      ["config", "validate"], ["config", "show", "--option", "keep_daily"], ["repo-create", "-e", "repokey"],
      ["create", "--dry-run"], ["create"], ["repo-list"], ["list", "--archive", "latest", "--short"],
      ["info", "--archive", "latest"], ["repo-info"], ["prune"], ["compact"], ["check"], ["check", "--level", "1"],
      ["verify"], ["status", "--html", folder + "/status.html", "--prometheus", folder + "/status.prom"],
      ["extract", "--archive", "latest", "--destination", restored],
      ["restore", "--archive", "latest", "--database", "none", "--yes"],
      ["dump", "--archive", "latest", "--database", "none", "--to", "-"], ["diff", "latest", "latest"],
      ["export-tar", "latest", folder + "/all.tar.gz"], ["find", "one", "--short"],
      ["mount", "--dry-run", "--mount-point", mountPoint, "--archive", "latest"],
      ["pin", "--archive", "latest"], ["unpin", "--archive", "latest"],
      ["delete", "--archive", "latest", "--yes"], ["break-lock"], ["key", "list"],
      ["wal", "push", "pg_wal/000000010000000100000030"], ["wal", "list"],
      ["wal", "get", "000000010000000100000030", folder + "/segment"], ["wal", "receive", "--cluster", "none"],
      ["binlog", "list"], ["binlog", "get", "--server", "none", folder + "/binlog"],
      ["binlog", "receive", "--server", "none"], ["oplog", "list"], ["oplog", "receive", "--server", "none"],
      ["key", "export", "--path", folder + "/key"], ["key", "import", "--path", folder + "/key"],
    ]
    let segment = try writeLogServer(folder)
    func run(_ line: [String]) {
      let code = program.execute(line + ["--config", path, "-v", "-1"])
      let fails =
        ["restore", "dump"].contains(line[0]) || line.contains("receive") || line.starts(with: ["binlog", "get"])
      #expect(code == (fails ? 1 : 0), "\(line)")
    }
    for line in lines { run(line) }
    #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/segment")) == segment)
    let first = try FileManager.default.contentsOfDirectory(atPath: folder + "/repository/keys")
    run(["key", "add", "--write-only", "--new-passphrase", "host"])
    let second = try FileManager.default.contentsOfDirectory(atPath: folder + "/repository/keys")
    let added = try #require(second.first { !first.contains($0) })
    run(["key", "remove", "--key", added, "--yes"])
    run(["key", "change-passphrase", "--new-passphrase", "battery staple"])
    lines += ["add", "remove", "change-passphrase"].map { ["key", $0] }
    #expect(try String(contentsOfFile: restored + folder + "/source/one", encoding: .utf8) == "one")
    let named = CommandTable.actions.filter(\.needsConfiguration).map(\.name)
    for name in named { #expect(lines.contains { $0.joined(separator: " ").hasPrefix(name) }, "\(name)") }
  }
}
