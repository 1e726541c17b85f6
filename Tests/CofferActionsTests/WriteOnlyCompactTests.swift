import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferActions
@testable import CofferRepository

@Suite("Compacting where the key is write-only")
struct WriteOnlyCompactTests {
  @Test(
    "A bare 'coffer' with a write-only key backs up, leaves to others what takes a full one, and is a silent success",
    arguments: [
      "",
      "checks: [{name: data}, {name: extract}, {name: spot, count_tolerance_percentage: 1, "
        + "data_sample_percentage: 1, data_tolerance_percentage: 0}]\n",
    ])
  func bare(checks: String) throws {
    let ground = try ProgramGround("write-only")
    defer { ground.remove() }
    func coffer(_ arguments: String...) throws -> (code: Int32, said: String) {
      try ground.coffer(arguments) { surroundings, cancellation, output in
        Program(surroundings: surroundings, cancellation: cancellation, output: output)
      }
    }
    try FileManager.default.createDirectory(atPath: ground.folder + "/source", withIntermediateDirectories: true)
    try ground.write("source/file", "what is kept")
    let options = "source_directories: [source]\nworking_directory: \(ground.folder)\nkeep_last: 1\n\(checks)"
    try ground.configure(options)
    let made = try coffer("repo-create", "--encryption", "repokey")
    #expect(made.code == 0, "\(made.said)")
    func open() throws -> Repository {
      try Repository.open(
        in: LocalDirectoryStore(root: ground.folder + "/repository"),
        passphrase: SecretBytes(passphrase: "correct horse"),
        surroundings: RepositorySurroundings(clock: .system, random: .system, keyFolder: "", workers: 1))
    }
    _ = try open().addKey(NewKey(role: .writeOnly, passphraseCost: 10), passphrase: SecretBytes(passphrase: "host"))
    let full = try ground.read("config.yaml")
    try ground.write("config.yaml", full.replacingOccurrences(of: "correct horse", with: "host"))
    let run = try coffer("--verbosity", "1")
    for text in ["Not compacted", "Not pruned"] {
      #expect(run.code == 0 && run.said.contains("\(text): the key in use is write-only"), "\(run.said)")
    }
    for name in checks.isEmpty ? ["archives"] : ["data", "extract", "spot"] {
      #expect(run.said.contains("Not checked: '\(name)' takes a full key"), "\(run.said)")
    }
    let silent = try coffer()
    #expect(silent.code == 0 && silent.said == "", "\(silent.said)")
    #expect(try open().archives().count == 2)
    for action in [["prune"], ["check", "--level", "3"], ["check", "--force", "--only", "extract"]] {
      let asked = try ground.coffer(action) { surroundings, cancellation, output in
        Program(surroundings: surroundings, cancellation: cancellation, output: output)
      }
      #expect(asked.code == 1 && asked.said.contains("full key"), "\(action): \(asked.said)")
    }
    let asked = try coffer("compact")
    #expect(asked.code == 0 && asked.said.contains("Not compacted: the key in use is write-only"), "\(asked.said)")
    let json = try coffer("compact", "--json")
    #expect(json.code == 0 && json.said.contains("\"outcome\":\"skipped\""), "\(json.said)")
    try ground.write("config.yaml", full)
    let compacted = try coffer("compact", "--verbosity", "1")
    #expect(compacted.code == 0 && compacted.said.contains("Nothing to give back"), "\(compacted.said)")
  }
}
