import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferActions

@Suite("What PostgreSQL is told of runs on its log")
struct LogRunTests {
  private let ground: ProgramGround
  private static let segment = "000000010000000100000030"
  private static let missing = "000000010000000100000031"

  init() throws {
    ground = try ProgramGround("wal", remembersKeys: true)
    try ground.configure("")
    try writeLogServer(ground.folder)
    let made = try coffer("repo-create", "--encryption", "repokey")
    #expect(made.code == 0, "\(made.said)")
  }

  private func coffer(_ arguments: String..., hostname: String = "here") throws -> (code: Int32, said: String) {
    try ground.coffer(arguments, hostname: hostname)
  }

  private func pushing(_ more: String...) throws -> (code: Int32, said: String) {
    try ground.coffer(["wal", "push", "pg_wal/\(Self.segment)"] + more)
  }

  private func getting(_ name: String) throws -> (code: Int32, said: String) {
    try coffer("wal", "get", name, "\(ground.folder)/got")
  }

  private var objects: [String] {
    FileManager.default.enumerator(atPath: "\(ground.folder)/repository")?.allObjects as? [String] ?? []
  }

  private static let skipped = [
    "skip_actions: [wal]", "commands: [{before: action, run: [exit 75]}]",
    "commands: [{before: repository, run: [exit 75]}]", "commands: [{before: everything, run: [exit 75]}]",
  ]

  @Test("A file that was not stored is never called stored: skipped by the configuration, by a command, in a dry run")
  func push() throws {
    defer { ground.remove() }
    for lines in Self.skipped {
      try ground.configure(lines)
      let outcome = try pushing()
      #expect(outcome.code == 1 && outcome.said.contains("The file was not stored in"), "\(lines): \(outcome.said)")
    }
    try ground.configure("")
    let dry = try pushing("--dry-run")
    #expect(dry.code == 1 && dry.said.contains("The file was not stored in"), "\(dry.said)")
    #expect(!objects.contains { $0.contains("-segments/") })
    #expect(try pushing().code == 0)
    #expect(try pushing().code == 0)
    #expect(objects.count { $0.contains("-segments/") } == 1)
    #expect(try coffer("wal", "push", "--help").code == 0)
  }

  @Test("A file is stored nowhere that does not open, although it is read and compressed meanwhile")
  func closed() throws {
    defer { ground.remove() }
    let right = try ground.read("config.yaml")
    try ground.write("config.yaml", right.replacingOccurrences(of: "correct horse", with: "another"))
    let outcome = try pushing()
    #expect(outcome.code == 1 && outcome.said.contains("passphrase"), "\(outcome.said)")
    #expect(!objects.contains { $0.contains("-segments/") })
    try ground.write("config.yaml", right)
    #expect(try pushing().code == 0)
    #expect(objects.count { $0.contains("-segments/") } == 1)
  }

  @Test("A file that was not given is the end of the log only where every repository was asked")
  func get() throws {
    defer { ground.remove() }
    #expect(try pushing().code == 0)
    for lines in Self.skipped {
      try ground.configure(lines)
      for name in [Self.segment, Self.missing] {
        let outcome = try getting(name)
        #expect(outcome.code == 200, "\(lines): \(outcome.said)")
      }
    }
    #expect(!FileManager.default.fileExists(atPath: "\(ground.folder)/got"))
    // What is certain is not tried again.
    try ground.configure("retries: 3\nretry_wait: 600")
    let end = try getting(Self.missing)
    #expect(end.code == 1 && !end.said.contains("Trying"), "\(end.said)")
    #expect(try getting(Self.segment).code == 0)
    #expect(FileManager.default.fileExists(atPath: "\(ground.folder)/got"))
    #expect(try coffer("wal", "get", "--help").code == 0)
  }

  @Test("keep_log is of the servers that the configuration names, as the host has said that stores their log")
  func prune() throws {
    defer { ground.remove() }
    let cluster = "postgresql_clusters: [{name: main}]"
    try ground.configure(cluster)
    #expect(try pushing().code == 0)
    for (lines, hostname, others) in [
      ("", "here", true), ("postgresql_clusters: [{name: other}]", "here", true), (cluster, "elsewhere", true),
      (cluster, "here", false), ("postgresql_clusters: [{name: main, hostname: here}]", "elsewhere", false),
    ] {
      try ground.configure("keep_log: 1d\n\(lines)")
      let outcome = try coffer("prune", "--verbosity", "1", hostname: hostname)
      #expect(outcome.code == 0, "\(outcome.said)")
      let isLeft = outcome.said.contains("left alone") || outcome.said.contains("No log is deleted")
      #expect(isLeft == others, "\(lines) at \(hostname): \(outcome.said)")
    }
  }
}
