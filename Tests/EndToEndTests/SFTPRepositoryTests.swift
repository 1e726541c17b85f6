import Foundation
import Testing

/// Repositories at an SFTP server that contrib/test has started, and through rclone, with the built program.
@Suite("A repository by SFTP and through rclone, with the built program")
struct SFTPRepositoryTests {
  private static let sshd = ProcessInfo.processInfo.environment["COFFER_TEST_SSHD"]?.split(separator: ":").map(
    String.init)
  private static let rclone = ProcessInfo.processInfo.environment["COFFER_TEST_RCLONE"]
  private let ground: Playground

  init() throws {
    ground = try Playground()
    ground.environment["RCLONE_CONFIG"] = "/dev/null"
    ground.environment["RCLONE_CONFIG_SHELF_TYPE"] = "local"
  }

  private func configure(_ repository: String, _ more: String) throws {
    try ground.write(
      "config.yaml",
      """
      repositories:
        - path: '\(repository)'
      archive_name_format: 'a-{now}'
      source_directories: [\(ground.folder)/files]
      sqlite_databases: [{name: shop, path: \(ground.folder)/shop.db}]
      keep_last: 1
      \(more)

      """)
  }

  private func succeed(_ arguments: String...) throws -> Playground.Outcome {
    let outcome = try ground.coffer(arguments)
    try #require(outcome.status == .exited(0), "\(arguments): \(outcome.errors)\(outcome.output)")
    return outcome
  }

  /// All that is done with a repository in its life.
  ///
  /// - Parameter overwrites: Whether the place replaces what has a name already.
  private func live(overwrites: Bool = false) throws {
    try ground.run("sqlite3", "shop.db", "CREATE TABLE t(a); INSERT INTO t VALUES (hex(randomblob(900000)));")
    try ground.write("files/notes.txt", "first\n")
    _ = try succeed("config", "validate")
    #expect(try ground.coffer("create").status == .exited(1), "there is no repository yet")
    _ = try succeed("repo-create", "--encryption", "repokey")
    #expect(try ground.coffer("repo-create", "--encryption", "repokey").status == .exited(0), "it is there already")
    _ = try succeed("create")
    try ground.run("sqlite3", "shop.db", "DELETE FROM t; INSERT INTO t VALUES (hex(randomblob(800000)));")
    let content = try ground.run("sqlite3", "shop.db", "SELECT a FROM t;")
    try ground.write("files/notes.txt", "second\n")
    _ = try succeed("create")
    #expect(try ground.archives().count == 2)
    _ = try succeed("repo-info")
    #expect(try succeed("list", "--archive", "latest").output.contains("files/notes.txt"))
    _ = try succeed("check", "--level", "4", "--force")
    _ = try succeed("prune")
    #expect(try ground.archives().count == 1)
    if overwrites {
      let refused = try ground.coffer("compact", "--threshold", "5")
      #expect(refused.status == .exited(1) && refused.errors.contains("--exclusive"), "\(refused.errors)")
    }
    let more = overwrites ? ["--exclusive"] : []
    let compacted = try ground.coffer(["compact", "--json", "--threshold", "5"] + more)
    try #require(compacted.status == .exited(0), "\(compacted.errors)\(compacted.output)")
    let compaction = try #require(compacted.json.first?["compaction"] as? [String: Any])
    #expect(compaction["outcome"] as? String == "done")
    #expect(compaction["size_after"] as? Int ?? .max < compaction["size_before"] as? Int ?? 0)
    _ = try succeed("check", "--level", "4", "--force")
    try ground.run("sqlite3", "shop.db", "DROP TABLE t;")
    _ = try succeed("restore", "--archive", "latest")
    #expect(try ground.run("sqlite3", "shop.db", "SELECT a FROM t;") == content)
    _ = try succeed("extract", "--archive", "latest", "--destination", "\(ground.folder)/out")
    #expect(
      try String(contentsOfFile: "\(ground.folder)/out\(ground.folder)/files/notes.txt", encoding: .utf8) == "second\n")
    // Nothing was taken for a folder of this machine.
    let there = try FileManager.default.contentsOfDirectory(atPath: ground.folder)
    #expect(!there.contains { $0.hasPrefix("sftp") || $0.hasPrefix("rclone") })
  }

  @Test(
    "By SFTP a repository is made, filled, listed, checked, pruned, compacted and restored from",
    .enabled(if: sshd != nil, "contrib/test did not start sshd"))
  func bySFTP() throws {
    let server = try #require(Self.sshd)
    try #require(server.count == 5)
    try configure(
      "sftp://\(server[2])@\(server[0]):\(server[1])\(ground.folder)/there",
      "ssh_command: ssh -F none -i \(server[3]) -o UserKnownHostsFile=\(server[4])")
    try live()
    #expect(try FileManager.default.contentsOfDirectory(atPath: ground.folder + "/there").contains("config"))
  }

  @Test(
    "Through rclone a repository is made, filled, listed, checked, pruned, compacted and restored from",
    .enabled(if: rclone != nil, "contrib/test could not install rclone"))
  func byRclone() throws {
    try configure("rclone:shelf:\(ground.folder)/there", "rclone_command: \(try #require(Self.rclone))")
    try live(overwrites: true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: ground.folder + "/there").contains("config"))
  }

  @Test(
    "What keeps ssh or rclone from beginning is told with what to do",
    .enabled(if: sshd != nil && rclone != nil, "contrib/test did not start sshd, or could not install rclone"))
  func advice() throws {
    let server = try #require(Self.sshd)
    try ground.write("files/notes.txt", "first\n")
    try ground.run("sqlite3", "shop.db", "CREATE TABLE t(a);")
    try ground.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "\(ground.folder)/other")
    let address = "sftp://\(server[2])@\(server[0]):\(server[1])\(ground.folder)/there"
    let cases = [
      (address, "ssh_command: ssh -F none -i \(server[3]) -o UserKnownHostsFile=/dev/null", "known_hosts keeps it"),
      (
        address,
        "ssh_command: ssh -F none -i \(ground.folder)/other -o IdentitiesOnly=yes -o UserKnownHostsFile=\(server[4])",
        "authorized_keys"
      ),
      ("rclone:nosuch:r", "rclone_command: \(try #require(Self.rclone))", "rclone listremotes"),
      ("rclone:shelf:r", "rclone_command: no-such-rclone", "Install rclone"),
    ]
    for (repository, option, advice) in cases {
      try configure(repository, option)
      let outcome = try ground.coffer("repo-create", "--encryption", "repokey")
      #expect(outcome.status == .exited(1) && outcome.errors.contains(advice), "\(option): \(outcome.errors)")
    }
    for wrong in ["sftp://host", "sftp://-oProxyCommand=x/r", "rclone:nocolon"] {
      try configure(wrong, "")
      let outcome = try ground.coffer("config", "validate")
      #expect(outcome.status == .exited(1) && outcome.errors.contains(wrong), "\(wrong): \(outcome.errors)")
    }
  }
}
