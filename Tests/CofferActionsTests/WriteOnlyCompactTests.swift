import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferActions
@testable import CofferRepository

@Suite("Compacting where the key is write-only")
struct WriteOnlyCompactTests {
  @Test("A bare 'coffer' with a write-only key backs up, leaves compacting to others, and is a success")
  func bare() throws {
    let ground = try ProgramGround("write-only")
    defer { ground.remove() }
    func coffer(_ arguments: String...) throws -> (code: Int32, said: String) {
      try ground.coffer(arguments) { surroundings, cancellation, output in
        Program(surroundings: surroundings, cancellation: cancellation, output: output)
      }
    }
    try FileManager.default.createDirectory(atPath: ground.folder + "/source", withIntermediateDirectories: true)
    try ground.write("source/file", "what is kept")
    let options = "source_directories: [source]\nworking_directory: \(ground.folder)\nskip_actions: [check]\n"
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
    #expect(run.code == 0 && run.said.contains("Not compacted: the key in use is write-only"), "\(run.said)")
    #expect(try open().archives().count == 1)
    try ground.write("config.yaml", full)
    let compacted = try coffer("compact", "--verbosity", "1")
    #expect(compacted.code == 0 && compacted.said.contains("Nothing to give back"), "\(compacted.said)")
  }
}
