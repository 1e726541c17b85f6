import CofferStorage
import Foundation
import TestSupport
import Testing

@testable import CofferActions

@Suite("What a repository's place can do is said")
struct StoreAbilitiesTests {
  /// One place, whatever is asked for.
  private struct Kind: StoreKind {
    let store: any ObjectStore
    let schemes: [String?] = ["shelf"]
    let spellings = ["shelf://NAME"]

    func store(for request: StoreRequest) -> any ObjectStore { store }
  }

  private let ground: ProgramGround

  init() throws {
    ground = try ProgramGround("abilities")
    try ground.write(
      "config.yaml",
      """
      repositories: [{path: 'shelf://one'}]
      user_runtime_directory: \(ground.folder)/runtime
      encryption_passphrase: correct horse
      unlock_timeout: 0
      """)
  }

  private func run(_ abilities: StoreAbilities, _ commands: [[String]]) throws -> [String] {
    defer { ground.remove() }
    let kind = Kind(store: GatedStore(MemoryStore(), abilities: abilities))
    return try commands.map { command in
      let outcome = try ground.coffer(command) { surroundings, cancellation, output in
        Program(surroundings: surroundings, cancellation: cancellation, stores: StoreRegistry([kind]), output: output)
      }
      #expect(outcome.code == 0, "\(outcome.said)")
      return outcome.said
    }
  }

  @Test("repo-info says what the place is and can do, repo-create warns of what it cannot, and JSON has all of it")
  func poor() throws {
    let abilities = StoreAbilities(
      kind: "a poor shelf", refusesTakenNames: false, readsParts: false, keepsOwnTimes: false,
      remarks: ["Mice live there"])
    let said = try run(
      abilities, [["repo-create", "--encryption", "repokey"], ["repo-info"], ["repo-info", "--json"]])
    #expect(said[0].contains("warning: shelf://one: It overwrites an object when its name is put again."))
    #expect(said[0].contains("warning: shelf://one: It gives objects only as a whole"))
    #expect(said[0].contains("warning: shelf://one: It keeps the times that writers give"))
    let lines = said[1].split(separator: "\n").map { $0.split(separator: ":").map { $0.drop { $0 == " " } } }
    func value(_ title: String) -> Substring? { lines.first { $0.first ?? "" == title }?.last }
    #expect(value("Kept in") == "a poor shelf")
    #expect(value("Taken names") == "overwritten by the store")
    #expect(value("Parts of objects") == "read with the whole object")
    #expect(value("Objects' times") == "by the clock of who put them")
    #expect(said[1].contains("Mice live there"))
    let json = try #require(try JSONSerialization.jsonObject(with: Data(said[2].utf8)) as? [[String: Any]])
    let store = try #require(json.first?["store"] as? [String: Any])
    #expect(
      store as NSDictionary == [
        "kind": "a poor shelf", "refuses_taken_names": false, "reads_parts": false, "keeps_own_times": false,
        "remarks": ["Mice live there"],
      ] as NSDictionary)
  }

  @Test("Where the place overwrites, 'coffer compact' takes --exclusive, and a bare 'coffer' leaves it to that")
  func compacting() throws {
    defer { ground.remove() }
    try FileManager.default.createDirectory(atPath: ground.folder + "/source", withIntermediateDirectories: true)
    try ground.write(
      "config.yaml",
      try ground.read("config.yaml")
        + "\nsource_directories: [source]\nworking_directory: \(ground.folder)\nkeep_last: 1\n")
    let memory = MemoryStore()
    let kind = Kind(
      store: GatedStore(memory, abilities: StoreAbilities(kind: "a poor shelf", refusesTakenNames: false)))
    func coffer(_ arguments: String...) throws -> (code: Int32, said: String) {
      try ground.coffer(arguments) { surroundings, cancellation, output in
        Program(surroundings: surroundings, cancellation: cancellation, stores: StoreRegistry([kind]), output: output)
      }
    }
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    for text in ["old", "new"] {
      try ground.write("source/file", String(repeating: text, count: 100_000) + UUID().uuidString)
      #expect(try coffer("create").code == 0)
    }
    #expect(try coffer("prune").code == 0)
    let refused = try coffer("compact")
    #expect(refused.code == 1 && refused.said.contains("coffer compact --exclusive"), "\(refused.said)")
    let bare = try coffer()
    #expect(bare.code == 0 && bare.said == "", "\(bare.said)")
    let told = try coffer("--verbosity", "1")
    #expect(told.code == 0 && told.said.contains("Not compacted: the place overwrites"), "\(told.said)")
    #expect(try memory.list("gc").isEmpty)
    let done = try coffer("compact", "--exclusive")
    #expect(done.code == 0, "\(done.said)")
    #expect(try !memory.list("gc").isEmpty)
  }

  @Test("A quota without a folder that it is of is no limit, and refused")
  func quota() throws {
    defer { ground.remove() }
    let outcome = try ground.coffer(["serve", "--quota", "1G"]) { surroundings, cancellation, output in
      Program(surroundings: surroundings, cancellation: cancellation, output: output)
    }
    #expect(outcome.code != 0 && outcome.said.contains("--restrict-to-path"), "\(outcome.said)")
  }

  @Test("What nobody knows is neither warned of nor promised")
  func unknown() throws {
    let said = try run(
      StoreAbilities(kind: "a dark shelf"),
      [["repo-create", "--encryption", "repokey"], ["repo-info"], ["repo-info", "--json"]])
    #expect(!said[0].contains("warning: "))
    #expect(said[1].components(separatedBy: "not known").count == 4)
    #expect(said[2].contains("\"refuses_taken_names\":null"))
  }
}
