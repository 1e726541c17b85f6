import CofferStorage
import CofferSystem
import Foundation
import Testing

@testable import CofferActions
@testable import CofferRepository

@Suite("Runs without an action, and runs that are to change nothing")
struct BareRunTests {
  private let ground: ProgramGround

  init() throws {
    ground = try ProgramGround("bare")
    try FileManager.default.createDirectory(
      atPath: ground.folder + "/source", withIntermediateDirectories: true)
    try ground.write("source/file", "what is kept")
    try ground.configure("source_directories: [source]\nworking_directory: \(ground.folder)\nkeep_last: 9\n")
    let made = try coffer("repo-create", "--encryption", "repokey")
    #expect(made.code == 0, "\(made.said)")
  }

  private func coffer(_ arguments: String...) throws -> (code: Int32, said: String) {
    try ground.coffer(arguments) { surroundings, cancellation, output in
      Program(surroundings: surroundings, cancellation: cancellation, output: output)
    }
  }

  private func open() throws -> Repository {
    try Repository.open(
      in: LocalDirectoryStore(root: ground.folder + "/repository"),
      passphrase: SecretBytes(passphrase: "correct horse"),
      surroundings: RepositorySurroundings(clock: .system, random: .system, keyFolder: "", workers: 1))
  }

  private func objects(_ folder: String) -> [String] {
    (FileManager.default.enumerator(atPath: "\(ground.folder)/repository/\(folder)")?.allObjects as? [String] ?? [])
      .sorted()
  }

  @Test("A bare 'coffer' says nothing when compacting waits for a backup that runs; 'coffer compact' says for which")
  func waiting() throws {
    defer { ground.remove() }
    let old = try RandomSource.system.bytes(1 << 20)
    try Data(old).write(to: URL(fileURLWithPath: ground.folder + "/source/old"))
    #expect(try coffer("create").code == 0)
    let living = try open().beginSession(cancellation: try Cancellation())
    try FileManager.default.removeItem(atPath: ground.folder + "/source/old")
    let archive = try #require(try open().archives().first)
    try open().delete(archive)
    let silent = try coffer()
    #expect(silent.code == 0 && silent.said == "", "\(silent.said)")
    let told = try coffer("--verbosity", "1")
    #expect(told.code == 0 && told.said.contains("Waiting for the backup of process"), "\(told.said)")
    let asked = try coffer("compact")
    #expect(asked.code == 0 && asked.said.contains("Waiting for the backup of process"), "\(asked.said)")
    withExtendedLifetime(living) {}
  }

  @Test("A dry run of deleting an archive that cannot be read says that it would, and leaves it")
  func deletingUnreadable() throws {
    defer { ground.remove() }
    #expect(try coffer("create").code == 0)
    let id = try #require(try open().archives().first).id
    let path = "\(ground.folder)/repository/archives/\(id)"
    chmod(path, 0o600)
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path))
    // What this machine remembers of archives is as good as their records.
    try FileManager.default.removeItem(atPath: ground.folder + "/.cache")
    let dry = try coffer("delete", "--archive", id, "--dry-run")
    #expect(dry.code == 0 && dry.said.contains("Would delete archive \(id), which cannot be read"), "\(dry.said)")
    #expect(FileManager.default.fileExists(atPath: path))
    let none = try coffer("delete", "--archive", "none", "--dry-run")
    #expect(none.code == 1, "\(none.said)")
  }

  @Test("A dry run of a check or of 'extract' that finds a damaged pack leaves the repository as it is")
  func dryRuns() throws {
    defer { ground.remove() }
    try Data(try RandomSource.system.bytes(1 << 20)).write(to: URL(fileURLWithPath: ground.folder + "/source/old"))
    #expect(try coffer("create").code == 0)
    let packs = objects("packs").map { "\(ground.folder)/repository/packs/\($0)" }
    let pack = try #require(
      packs.first { (try? Data(contentsOf: URL(fileURLWithPath: $0)))?.count ?? 0 > 1 << 19 })
    var bytes = try Data(contentsOf: URL(fileURLWithPath: pack))
    bytes[bytes.count / 2] ^= 1
    chmod(pack, 0o600)
    try bytes.write(to: URL(fileURLWithPath: pack))
    let before = objects("")
    #expect(try coffer("check", "--level", "4", "--dry-run").code == 1)
    #expect(try coffer("check", "--repair", "--dry-run").code == 1)
    _ = try coffer("extract", "--archive", "latest", "--dry-run")
    _ = try coffer("compact", "--dry-run")
    #expect(objects("") == before)
    #expect(try coffer("check", "--level", "4").code == 1)
    #expect(objects("quarantine").count == 1)
  }

  @Test("Checks of a copy of a repository are due anew, and begin at its beginning")
  func copies() throws {
    defer { ground.remove() }
    #expect(try coffer("create").code == 0)
    let first = try coffer("check", "--verbosity", "1")
    #expect(first.code == 0 && first.said.contains("objects and 1 archives are whole"), "\(first.said)")
    let again = try coffer("check", "--verbosity", "1")
    #expect(again.code == 0 && !again.said.contains("are whole"), "\(again.said)")
    try FileManager.default.copyItem(atPath: ground.folder + "/repository", toPath: ground.folder + "/copy")
    let configured = try ground.read("config.yaml")
    try ground.write("config.yaml", configured.replacingOccurrences(of: "/repository}", with: "/copy}"))
    let copied = try coffer("check", "--verbosity", "1")
    #expect(copied.code == 0 && copied.said.contains("objects and 1 archives are whole"), "\(copied.said)")
  }

  @Test("A note of how far a check came that claims more packs than there can be is not believed")
  func hugeProgress() throws {
    defer { ground.remove() }
    #expect(try coffer("create").code == 0)
    #expect(try coffer("check").code == 0)
    let state = ground.folder + "/.local/state/coffer/checks"
    let folder = try #require(try FileManager.default.contentsOfDirectory(atPath: state).first)
    for count in [Int.max, -1] {
      var progress = CheckProgress(level: .content)
      progress.packCount = count
      let path = "\(state)/\(folder)/level-4.progress"
      try JSONEncoder().encode(progress).write(to: URL(fileURLWithPath: path))
      let next = try coffer("check", "--level", "4", "--max-duration", "1000", "--verbosity", "1")
      #expect(next.code == 0 && next.said.contains("are whole (level 4)"), "\(next.said)")
    }
  }
}
