import Foundation
import Testing

/// A bucket that contrib/test has made, as a repository's address; nil where it could not start a server.
private let bucket = ProcessInfo.processInfo.environment["COFFER_TEST_S3_SEAWEEDFS"]

@Suite(
  "A repository in object storage, with the built program",
  .enabled(if: bucket != nil, "contrib/test starts SeaweedFS where PyPI can be reached"))
struct ObjectStorageTests {
  private let ground: Playground
  private let address: String

  init() throws {
    ground = try Playground()
    address = "\(try #require(bucket))/\(UUID().uuidString.lowercased())"
    try ground.write("access", "coffer-access\n")
    try ground.write("secret", "coffer-secret\n")
    ground.environment["AWS_EC2_METADATA_DISABLED"] = "true"
    try configure()
  }

  private func configure(_ more: String = "", secret: String = "secret") throws {
    try ground.write(
      "config.yaml",
      """
      repositories: [{path: "\(address)", label: cloud}]
      s3:
        access_key: "{credential file \(ground.folder)/access}"
        secret_key: "{credential file \(ground.folder)/\(secret)}"
      archive_name_format: 'day-{now}'
      source_directories: [\(ground.folder)/files]
      sqlite_databases: [{name: shop, path: \(ground.folder)/shop.db}]
      \(more)
      """)
  }

  private func succeed(_ arguments: String...) throws -> Playground.Outcome {
    let run = try ground.coffer(arguments)
    try #require(run.status == .exited(0), "\(arguments): \(run.output)\(run.errors)")
    return run
  }

  private func contents() throws -> String { try ground.run("sqlite3", "\(ground.folder)/shop.db", ".dump") }

  @Test("It is made, written to, listed, restored, checked, pruned and compacted like any other")
  func everything() throws {
    try ground.write("files/a.txt", String(repeating: "line of a\n", count: 5000))
    try ground.run(
      "sqlite3", "\(ground.folder)/shop.db", "CREATE TABLE t(a); INSERT INTO t VALUES ('one''s'), ('two');")
    let first = try contents()
    _ = try succeed("config", "validate")
    _ = try succeed("repo-create", "--encryption", "repokey")
    _ = try succeed("create")
    try ground.run("sqlite3", "\(ground.folder)/shop.db", "DELETE FROM t; INSERT INTO t VALUES ('three');")
    let second = try contents()
    _ = try succeed("create")
    #expect(try ground.archives().count == 2)
    let listed = try succeed("list", "--archive", "latest", "--short")
    #expect(listed.output.contains("files/a.txt"), "\(listed.output)")
    #expect(try succeed("repo-info").output.contains(address))
    try ground.run("sqlite3", "\(ground.folder)/shop.db", "DROP TABLE t;")
    _ = try succeed("restore", "--archive", "latest", "--yes")
    #expect(try contents() == second)
    let older = try #require(try ground.archives().first)
    _ = try succeed("restore", "--archive", older, "--yes")
    #expect(try contents() == first)
    _ = try succeed("check", "--level", "4")
    try configure("keep_last: 1")
    _ = try succeed("prune")
    #expect(try ground.archives().count == 1)
    _ = try succeed("compact", "--threshold", "0", "--wait", "1s")
    _ = try succeed("check", "--level", "4")
    _ = try succeed("restore", "--archive", "latest", "--yes")
    #expect(try contents() == second)
    _ = try succeed("extract", "--archive", "latest", "--destination", "\(ground.folder)/out")
    #expect(
      try String(contentsOfFile: "\(ground.folder)/out\(ground.folder)/files/a.txt", encoding: .utf8)
        == String(repeating: "line of a\n", count: 5000))
    let again = try ground.coffer("repo-create", "--encryption", "repokey")
    #expect(again.status == .exited(0) && again.errors.isEmpty && again.output.isEmpty, "\(again.errors)")
  }

  @Test("A wrong key, and a bucket that nobody made, are told with what to do, and no secret is shown")
  func refused() throws {
    try ground.write("wrong", "some-other-secret\n")
    try configure(secret: "wrong")
    let wrong = try ground.coffer("repo-create", "--encryption", "repokey")
    #expect(wrong.status != .exited(0) && wrong.errors.contains("the secret key is wrong"), "\(wrong.errors)")
    #expect(wrong.errors.contains("'s3: access_key'") && !wrong.errors.contains("some-other-secret"))
    try configure()
    let absent = try ground.coffer(
      "repo-create", "--encryption", "repokey", "--repositories",
      "[{path: \"\(try #require(bucket))-absent/x\"}]")
    #expect(absent.status != .exited(0) && absent.errors.contains("there is no bucket"), "\(absent.errors)")
  }
}
