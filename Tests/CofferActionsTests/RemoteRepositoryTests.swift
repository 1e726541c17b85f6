import CofferConfiguration
import CofferRepository
import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CofferActions

@Suite("Repositories elsewhere")
struct RemoteRepositoryTests {
  /// Shelves far away, each of which a test may let be gone.
  private final class Kind: StoreKind {
    struct Misspelled: DiagnosableError {
      let address: String

      var diagnosis: Diagnosis {
        Diagnosis(subject: "repository \(address)", problem: "The shelf has no name", suggestion: "Write shelf:NAME")
      }
    }

    let schemes: [String?] = ["shelf"]
    let spellings = ["shelf:NAME"]
    private let shelves = Mutex<[String: MemoryStore]>([:])
    private let gates = Mutex<[String: GatedStore.Gate]>([:])

    func store(for request: StoreRequest) throws -> any ObjectStore {
      let name = request.address.rest
      guard !name.isEmpty else { throw Misspelled(address: request.address.text) }
      return GatedStore(shelf(name)) { [self] (call, object, cancellation) throws(StorageError) in
        try gates.withLock { $0[name] }?(call, object, cancellation)
      }
    }

    func shelf(_ name: String) -> MemoryStore {
      shelves.withLock { shelves in
        let shelf = shelves[name] ?? MemoryStore()
        shelves[name] = shelf
        return shelf
      }
    }

    func gate(_ name: String, _ gate: @escaping GatedStore.Gate) { gates.withLock { $0[name] = gate } }
  }

  private let ground: ProgramGround
  private let kind = Kind()

  init() throws {
    ground = try ProgramGround("elsewhere")
  }

  /// - Parameter repositories: Entries of the list.
  private func configure(_ repositories: String..., more: String = "") throws {
    try ground.write(
      "config.yaml",
      """
      repositories:
      \(repositories.map { "  - \($0)\n" }.joined())
      source_directories: [\(ground.folder)/source]
      user_runtime_directory: \(ground.folder)/runtime
      encryption_passphrase: correct horse
      unlock_timeout: 0
      \(more)
      """)
    try FileManager.default.createDirectory(
      atPath: ground.folder + "/source", withIntermediateDirectories: true)
  }

  private func fill(_ seed: UInt64, _ count: Int = 6_000_000) throws -> [UInt8] {
    var random = SeededRandom(seed)
    let words = (0..<count / 8).map { _ in random.next() as UInt64 }
    let bytes = words.withUnsafeBytes { Array($0) }
    try Data(bytes).write(to: URL(fileURLWithPath: ground.folder + "/source/rows"))
    return bytes
  }

  private func coffer(_ arguments: String...) throws -> (code: Int32, said: String) {
    try ground.coffer(arguments) { surroundings, cancellation, output in
      Program(
        surroundings: surroundings, cancellation: cancellation,
        stores: StoreRegistry([kind]), output: output)
    }
  }

  private func restored(_ repository: String, _ place: String) throws -> [UInt8] {
    let folder = "\(ground.folder)/\(place)"
    let outcome = try coffer("extract", "--archive", "latest", "--repository", repository, "--destination", folder)
    #expect(outcome.code == 0, "\(outcome.said)")
    return Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)\(ground.folder)/source/rows")))
  }

  /// Makes a repository of small packs, so that little has to be put before it is noticed that nothing arrives.
  private func create(_ shelf: String) throws {
    let surroundings = RepositorySurroundings(
      clock: .system, random: .system, keyFolder: ground.folder + "/keys", workers: 1)
    _ = try Repository.create(
      in: kind.shelf(shelf), options: CreationOptions(packTarget: 1 << 16, passphraseCost: 10),
      passphrase: SecretBytes(passphrase: "correct horse"), surroundings: surroundings)
  }

  private static func gone(_ reason: String) -> StorageError {
    .failed(nil, location: "shelf", StorageFailure(.transient, "request", reason: reason))
  }

  @Test("One that is gone for a while is waited for, with its name and the reason, and nothing is lost")
  func back() throws {
    defer { ground.remove() }
    try configure("{path: 'shelf:far'}")
    let content = try fill(1)
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    let failures = Mutex(0)
    kind.gate("far") { (call, _, _) throws(StorageError) in
      let number = failures.withLock { count in
        if call == .put { count += 1 }
        return count
      }
      // The first pack, and the next.
      if call == .put, number < 3 || number == 5 { throw Self.gone("Network is unreachable") }
    }
    let created = try coffer("create", "-v", "1")
    #expect(created.code == 0, "\(created.said)")
    #expect(
      created.said.contains(/Waiting for shelf:far: Network is unreachable, next try in 0\.\d s\n/), "\(created.said)")
    #expect(try restored("shelf:far", "out") == content)
    #expect(try !coffer("create").said.contains("Waiting"), "a job has nobody who wonders")
  }

  @Test("One of several that answers no more drops out, is named, and the others have their archive")
  func dead() throws {
    defer { ground.remove() }
    try configure("{path: 'shelf:dead', label: dead}", "{path: 'shelf:well', label: well}", more: "stall_limit: 10")
    let content = try fill(2)
    for name in ["dead", "well"] { try create(name) }
    kind.gate("dead") { (call, name, cancellation) throws(StorageError) in
      guard call == .put, name?.path.hasPrefix("packs/") == true else { return }
      // As long as nobody asks it to stop, and without an end of its own.
      while cancellation?.isCancelled != true { usleep(10_000) }
      throw .cancelled(location: "dead")
    }
    let created = try coffer("create", "--repository", "shelf:*")
    #expect(created.code == 1)
    #expect(created.said.contains("repository dead: It took nothing for"), "\(created.said)")
    #expect(created.said.contains("raise stall_limit"))
    #expect(!created.said.contains("Stopped on request"))
    kind.gate("dead") { (_, _, _) throws(StorageError) in }
    #expect(try kind.shelf("dead").list("archives").isEmpty)
    #expect(try restored("well", "out") == content)
    // The next run goes on.
    #expect(try coffer("create").code == 0)
    #expect(try restored("dead", "again") == content)
  }

  @Test("How each is reached and opened may differ: what is backed up is read once all the same")
  func together() throws {
    defer { ground.remove() }
    try configure(
      "{path: 'shelf:one', upload_rate_limit: 100000, encryption_passphrase: first}",
      "{path: 'shelf:two', stall_limit: 40}")
    let content = try fill(3, 100_000)
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    let created = try coffer("create", "--stats")
    #expect(created.code == 0, "\(created.said)")
    #expect(try restored("shelf:one", "one") == content)
    #expect(try restored("shelf:two", "two") == content)
    let names = try ["shelf:one", "shelf:two"].map { try coffer("repo-list", "--short", "--repository", $0).said }
    #expect(names[0] == names[1], "one backup has one name")
    // Each has its own passphrase.
    #expect(try coffer("repo-list", "--repository", "shelf:two", "--encryption-passphrase", "first").code == 1)
    #expect(try coffer("repo-list", "--repository", "shelf:one", "--encryption-passphrase", "other").code == 0)
  }

  @Test("config validate tells every place that is spelled wrong, with its line and column, and asks no place")
  func spellings() throws {
    defer { ground.remove() }
    kind.gate("well") { (_, _, _) throws(StorageError) in Issue.record("the place was asked") }
    try configure("{path: 'shelf:well'}", "{label: b, path: 'shelf:'}", "{path: 'wardrobe:x'}")
    let said = try coffer("config", "validate")
    #expect(said.code == 1)
    let file = "\(ground.folder)/config.yaml"
    #expect(said.said.contains("\(file):3:22: repository shelf:: The shelf has no name. Write shelf:NAME"), "\(said.said)")
    #expect(said.said.contains("\(file):4:12: repository wardrobe:x: No such kind of place is known. Known are shelf:NAME"))
    try configure("{path: 'shelf:well'}", "{path: '${PLACE}'}")
    #expect(try coffer("config", "validate").code == 0, "a variable need not be set for it")
  }
}
