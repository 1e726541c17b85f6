import CofferConfiguration
import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferActions

/// How shelves are configured.
private enum ShelfOptions {
  enum Wood: String, OptionChoice {
    case oak, pine
  }

  static let wood = OptionKey<Wood>("wood", "What shelves are made of.", default: .oak)
  static let token = OptionKey<String?>("token", "Who may.", isSecret: true)
  static let shelf = OptionKey<ConfigurationSection>(
    "shelf", "How shelves are built.", schema: OptionSchema("Shelf", [wood.option, token.option]))
}

/// A kind of store that only these tests know: shelves in memory. It, and its options, are everything that a new kind needs.
private final class ShelfKind: StoreKind {
  let schemes: [String?] = ["shelf"]
  let spellings = ["shelf://NAME"]
  private let shelves = Mutex<[String: CountingStore]>([:])
  private let timeouts = Mutex<Set<Int>>([])
  private let woods = Mutex<[ShelfOptions.Wood]>([])

  let options = [ShelfOptions.shelf.option]

  func store(for request: StoreRequest) throws -> any ObjectStore {
    let name = request.address.rest.after(beginning: "//") ?? ""
    guard !name.isEmpty else { throw UnknownStore(address: request.address.text, known: spellings) }
    timeouts.withLock { _ = $0.insert(request.options[GeneralOptions.unlockTimeout]) }
    let wood = request.options[ShelfOptions.shelf][ShelfOptions.wood]
    woods.withLock { $0.append(wood) }
    return shelves.withLock { shelves in
      let shelf = shelves[name] ?? CountingStore(MemoryStore())
      shelves[name] = shelf
      return shelf
    }
  }

  func shelf(_ name: String) -> CountingStore? { shelves.withLock { $0[name] } }

  /// What the shelves were made of that were asked for last.
  var lastWood: ShelfOptions.Wood? { woods.withLock { $0.last } }

  /// What `unlock_timeout` was for the stores that were made.
  var seenTimeouts: Set<Int> { timeouts.withLock { $0 } }
}

@Suite("A store is a file and a line")
struct StoreRecipeTests {
  private let ground: ProgramGround
  private let kind = ShelfKind()

  private var folder: String { ground.folder }

  init() throws {
    ground = try ProgramGround("shelf")
    try FileManager.default.createDirectory(atPath: folder + "/source", withIntermediateDirectories: true)
  }

  private func configure(_ repository: String, _ more: String = "") throws {
    try ground.write(
      "config.yaml",
      """
      repositories: [{path: '\(repository)', unlock_timeout: 0}]
      source_directories: [source]
      working_directory: \(folder)
      user_runtime_directory: \(folder)/runtime
      encryption_passphrase: correct horse
      unlock_timeout: 60
      \(more)
      """)
  }

  private func coffer(_ arguments: String...) throws -> Int32 { try coffer(arguments) }

  private func coffer(_ arguments: [String]) throws -> Int32 { try run(arguments).code }

  private func run(_ arguments: [String]) throws -> (code: Int32, said: String) {
    try ground.coffer(arguments) { surroundings, cancellation, output in
      Program(
        surroundings: surroundings, cancellation: cancellation, stores: StoreRegistry([kind]), output: output)
    }
  }

  @Test("A store that is registered is validated, created, backed up to, listed, checked and read like any other")
  func endToEnd() throws {
    defer { ground.remove() }
    try configure("shelf://upper")
    let content = Array("what is kept\n".utf8)
    try Data(content).write(to: URL(fileURLWithPath: folder + "/source/file"))
    #expect(try coffer("config", "validate") == 0)
    #expect(try coffer("create") == 1, "there is no repository yet")
    #expect(try coffer("repo-create", "--encryption", "repokey") == 0)
    #expect(try coffer("create") == 0)
    #expect(try coffer("check", "--force") == 0)
    #expect(try coffer("repo-info") == 0)
    #expect(try coffer("extract", "--archive", "latest", "--destination", folder + "/restored") == 0)
    let restored = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/restored/source/file"))
    #expect(Array(restored) == content)
    let shelf = try #require(kind.shelf("upper"))
    #expect(try shelf.list("archives").count == 1)
    #expect(try !shelf.list("packs").isEmpty)
    #expect(shelf.use.requests[.put] ?? 0 > 4)
    let timed = try run(["create", "repo-list", "--timings"]).said
    #expect(timed.matches(of: /: put \d+, get \d+.* sent, .* received\n/).count == 1, "\(timed)")
    #expect(try !run(["repo-list"]).said.contains("received"))
    #expect(kind.seenTimeouts == [0])
    // Nothing of it was taken for a folder.
    #expect(try !FileManager.default.contentsOfDirectory(atPath: folder).contains { $0.hasPrefix("shelf") })
  }

  @Test(
    "What the store's kind, or the registry, finds wrong with an address is told by everything that needs the store")
  func refused() throws {
    defer { ground.remove() }
    for address in ["shelf://", "ssh://host/r", "user@host:r", "/folder"] {
      try configure(address)
      for arguments in [
        ["config", "validate"], ["repo-create", "--encryption", "repokey"], ["create"], ["repo-list"],
      ] {
        #expect(try coffer(arguments) == 1, "\(address) \(arguments)")
      }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted().contains("r") == false)
  }

  @Test("Options of its own stand at the top or at a repository, are flags, and are validated, shown and explained")
  func options() throws {
    defer { ground.remove() }
    try configure("shelf://upper")
    #expect(try coffer("config", "validate") == 0)
    #expect(kind.lastWood == .oak)
    try configure("shelf://upper", "shelf: {wood: pine, token: abc}")
    #expect(try coffer("config", "validate") == 0)
    #expect(kind.lastWood == .pine)
    #expect(try !run(["config", "show"]).said.contains("abc"))
    #expect(try coffer("repo-list", "--shelf.wood", "oak") == 1, "there is no repository yet")
    #expect(kind.lastWood == .oak)
    try configure("shelf://upper', shelf: {wood: pine}, label: 'one", "shelf: {wood: oak}")
    #expect(try coffer("config", "validate") == 0)
    #expect(kind.lastWood == .pine)
    try configure("shelf://upper", "shelf: {wood: pien}")
    #expect(try run(["config", "validate"]).said.contains("Did you mean 'pine'?"))
    try configure("shelf://upper", "shlf: {wood: pine}")
    #expect(try run(["config", "validate"]).said.contains("Did you mean 'shelf'?"))
    #expect(
      try run(["create", "--help"]).said.contains("  wood   What shelves are made of. One of oak, pine. Default: oak."))
    #expect(try run(["config", "generate", "--reference"]).said.contains("| `wood` | text | `oak` |"))
    #expect(try run(["config", "generate", "--command-reference"]).said.contains("What shelves are made of."))
  }
}
