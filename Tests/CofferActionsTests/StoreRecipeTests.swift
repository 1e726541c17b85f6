import CofferConfiguration
import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import Testing

@testable import CofferActions

/// A kind of store that only these tests know: shelves in memory. It is everything that a new kind needs.
private final class ShelfKind: StoreKind {
  let schemes: [String?] = ["shelf"]
  let spellings = ["shelf://NAME"]
  private let shelves = Mutex<[String: CountingStore]>([:])
  private let timeouts = Mutex<Set<Int>>([])

  func store(for request: StoreRequest) throws -> any ObjectStore {
    let name = request.address.rest.after(beginning: "//") ?? ""
    guard !name.isEmpty else { throw UnknownStore(address: request.address.text, known: spellings) }
    timeouts.withLock { _ = $0.insert(request.options[GeneralOptions.unlockTimeout]) }
    return shelves.withLock { shelves in
      let shelf = shelves[name] ?? CountingStore(MemoryStore())
      shelves[name] = shelf
      return shelf
    }
  }

  func shelf(_ name: String) -> CountingStore? { shelves.withLock { $0[name] } }

  /// What `unlock_timeout` was for the stores that were made.
  var seenTimeouts: Set<Int> { timeouts.withLock { $0 } }
}

@Suite("A store is a file and a line")
struct StoreRecipeTests {
  private let folder: String
  private let kind = ShelfKind()

  init() throws {
    folder = NSTemporaryDirectory() + "coffer-shelf-\(UUID().uuidString)"
    for part in ["", "/source", "/runtime"] {
      try FileManager.default.createDirectory(atPath: folder + part, withIntermediateDirectories: true)
      chmod(folder + part, 0o700)
    }
  }

  private func configure(_ repository: String) throws {
    try """
    repositories: [{path: '\(repository)', unlock_timeout: 0}]
    source_directories: [source]
    working_directory: \(folder)
    user_runtime_directory: \(folder)/runtime
    encryption_passphrase: correct horse
    unlock_timeout: 60
    """.write(toFile: folder + "/config.yaml", atomically: true, encoding: .utf8)
    chmod(folder + "/config.yaml", 0o600)
  }

  private func coffer(_ arguments: String...) throws -> Int32 { try coffer(arguments) }

  private func coffer(_ arguments: [String]) throws -> Int32 {
    struct Nowhere: SecretKeeper {
      func secret(named name: String) -> [UInt8]? { nil }
      func keep(_ secret: [UInt8], named name: String, seconds: Int) {}
    }
    let surroundings = Surroundings(
      environment: ProcessEnvironment(["HOME": folder, "PATH": "/usr/bin:/bin"]), clock: .system, random: .system,
      launcher: SystemProcessLauncher(), secretKeeper: Nowhere(), currentFolder: folder, hostname: "here",
      username: "me", processors: 2)
    let program = Program(
      surroundings: surroundings, cancellation: try Cancellation(), actions: CommandTable.actions,
      stores: StoreRegistry([kind]))
    return program.execute(["--config", folder + "/config.yaml", "--verbosity", "-1"] + arguments)
  }

  @Test("A store that is registered is validated, created, backed up to, listed, checked and read like any other")
  func endToEnd() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
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
    #expect(kind.seenTimeouts == [0])
    // Nothing of it was taken for a folder.
    #expect(try !FileManager.default.contentsOfDirectory(atPath: folder).contains { $0.hasPrefix("shelf") })
  }

  @Test(
    "What the store's kind, or the registry, finds wrong with an address is told by everything that needs the store")
  func refused() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
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
}
