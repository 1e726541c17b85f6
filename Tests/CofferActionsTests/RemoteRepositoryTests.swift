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
        Diagnosis(subject: "repository \(address)", problem: "The shelf has no name", suggestion: "Write shelf://NAME")
      }
    }

    let schemes: [String?] = ["shelf"]
    let spellings = ["shelf://NAME"]
    private let shelves = Mutex<[String: MemoryStore]>([:])
    private let gates = Mutex<[String: GatedStore.Gate]>([:])

    func store(for request: StoreRequest) throws -> any ObjectStore {
      let name = request.address.rest.after(beginning: "//") ?? ""
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
    try FileManager.default.createDirectory(atPath: ground.folder + "/source", withIntermediateDirectories: true)
    var random = SeededRandom(seed)
    let words = (0..<count / 8).map { _ in random.next() as UInt64 }
    let bytes = words.withUnsafeBytes { Array($0) }
    try Data(bytes).write(to: URL(fileURLWithPath: ground.folder + "/source/rows"))
    return bytes
  }

  private func coffer(
    _ arguments: String..., clock: Clock = .system
  ) throws -> (code: Int32, said: String) {
    try ground.coffer(arguments) { given, cancellation, output in
      let surroundings = Surroundings(
        environment: given.environment, clock: clock, random: given.random, launcher: given.launcher,
        secretKeeper: given.secretKeeper, currentFolder: given.currentFolder, hostname: given.hostname,
        username: given.username, processors: given.processors)
      return Program(
        surroundings: surroundings, cancellation: cancellation,
        stores: StoreRegistry([kind]), output: output)
    }
  }

  /// A clock on which what is waited for long passes soon.
  private static let fast = Clock(now: Clock.system.now, steadySeconds: { Clock.system.steadySeconds() * 20 })

  private func restored(_ repository: String, _ place: String) throws -> [UInt8] {
    let folder = "\(ground.folder)/\(place)"
    let outcome = try coffer("extract", "--archive", "latest", "--repository", repository, "--destination", folder)
    #expect(outcome.code == 0, "\(outcome.said)")
    return Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)\(ground.folder)/source/rows")))
  }

  /// Makes a repository of small packs, so that little has to be put before it is noticed that nothing arrives.
  private func create(_ shelf: String, pack: Int = 1 << 16) throws {
    let surroundings = RepositorySurroundings(
      clock: .system, random: .system, keyFolder: ground.folder + "/keys", workers: 1)
    _ = try Repository.create(
      in: kind.shelf(shelf), options: CreationOptions(packTarget: pack, passphraseCost: 10),
      passphrase: SecretBytes(passphrase: "correct horse"), surroundings: surroundings)
  }

  private static func gone(_ reason: String) -> StorageError {
    .failed(nil, location: "shelf", StorageFailure(.transient, "request", reason: reason))
  }

  @Test("One that is gone for a while is waited for, with its name and the reason, and nothing is lost")
  func back() throws {
    defer { ground.remove() }
    try configure("{path: 'shelf://far'}")
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
      created.said.contains(/Waiting for shelf:\/\/far: Network is unreachable, next try in 0\.\d s\n/),
      "\(created.said)")
    #expect(try restored("shelf://far", "out") == content)
    #expect(try !coffer("create").said.contains("Waiting"), "a job has nobody who wonders")
  }

  @Test("A dump program waits at its pipe while the store is gone, and its dump is whole")
  func dump() throws {
    defer { ground.remove() }
    let rows = (0..<40_000).map { "INSERT INTO t VALUES (\($0), '\($0 &* 2_654_435_761)');\n" }.joined()
    let content = "-- MariaDB dump 10.19\n\(rows)-- Dump completed on 2026-01-01  0:00:00\n"
    try ground.write("content", content)
    try ground.write(
      "dump",
      """
      #!/bin/sh
      case "$*" in *--version*) echo 'mariadb-dump 10.19'; exit;; esac
      exec cat '\(ground.folder)/content'

      """, mode: 0o700)
    try configure(
      "{path: 'shelf://far'}",
      more: """
        mariadb_databases:
          - {name: shop, mariadb_dump_command: '\(ground.folder)/dump', mariadb_command: 'false'}
        """)
    try create("far")
    let failures = Mutex(0)
    kind.gate("far") { (call, name, _) throws(StorageError) in
      guard call == .put, name?.path.hasPrefix("packs/") == true else { return }
      // Gone for four calls from the second pack on.
      let number = failures.withLock { count in
        count += 1
        return count
      }
      if (2...5).contains(number) { throw Self.gone("Connection reset by peer") }
    }
    let created = try coffer("create", "-v", "1")
    #expect(created.code == 0, "\(created.said)")
    #expect(created.said.contains("Waiting for shelf://far: Connection reset by peer"))
    #expect(failures.withLock { $0 } > 5, "there were packs enough to be in the way of")
    let folder = ground.folder + "/out"
    let extracted = try coffer("extract", "--archive", "latest", "--destination", folder)
    #expect(extracted.code == 0, "\(extracted.said)")
    let found = try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix("/shop") }
    #expect(found.count == 1)
    #expect(try String(contentsOfFile: "\(folder)/\(found[0])", encoding: .utf8) == content)
  }

  @Test("One of several that answers no more drops out, is named, and the others have their archive")
  func dead() throws {
    defer { ground.remove() }
    try configure("{path: 'shelf://dead', label: dead}", "{path: 'shelf://well', label: well}", more: "stall_limit: 10")
    let content = try fill(2, 40_000_000)
    for name in ["dead", "well"] { try create(name) }
    kind.gate("dead") { (call, name, cancellation) throws(StorageError) in
      guard call == .put, name?.path.hasPrefix("packs/") == true else { return }
      // As long as nobody asks it to stop, and without an end of its own.
      while cancellation?.isCancelled != true { usleep(10_000) }
      throw .cancelled(location: "dead")
    }
    let created = try coffer("create")
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

  @Test("One that is slow is not dropped for the sake of one that has failed", .timeLimit(.minutes(1)))
  func slow() throws {
    defer { ground.remove() }
    try configure(
      "{path: 'shelf://full', stall_limit: 100000}", "{path: 'shelf://slow', label: slow, stall_limit: 30}")
    let content = try fill(4)
    for name in ["full", "slow"] { try create(name) }
    let clock = Self.fast
    let failedAt = Mutex<Double?>(nil)
    kind.gate("full") { (call, name, _) throws(StorageError) in
      guard call == .put, name?.path.hasPrefix("packs/") == true else { return }
      failedAt.withLock { $0 = $0 ?? clock.steadySeconds() }
      throw .failed(name, location: "full", StorageFailure(.permanent, "put", reason: "No space left on device"))
    }
    kind.gate("slow") { (call, name, cancellation) throws(StorageError) in
      guard call == .put, name?.path.hasPrefix("packs/") == true else { return }
      func isHeldUp() -> Bool { failedAt.withLock { $0.map { clock.steadySeconds() < $0 + 100 } ?? true } }
      while isHeldUp(), cancellation?.isCancelled != true { usleep(10_000) }
      if cancellation?.isCancelled == true { throw .cancelled(location: "slow") }
    }
    let created = try coffer("create", clock: clock)
    #expect(created.code == 1)
    #expect(created.said.contains("No space left on device"), "\(created.said)")
    #expect(!created.said.contains("It took nothing for"), "\(created.said)")
    #expect(try restored("slow", "out") == content)
  }

  @Test("One whose calls never come back does not hold up the run for ever", .timeLimit(.minutes(1)))
  func hung() throws {
    defer { ground.remove() }
    let content = try fill(5, 40_000_000)
    let created = try createBesideHung()
    #expect(created.code == 1)
    #expect(created.said.contains("repository hung: It took nothing for"), "\(created.said)")
    #expect(created.said.contains("repository hung: What was begun there has not ended"), "\(created.said)")
    #expect(try restored("well", "out") == content)
  }

  /// Runs a backup while the puts of packs of one of two repositories never come back.
  private func createBesideHung() throws -> (code: Int32, said: String) {
    try configure(
      "{path: 'shelf://hung', label: hung, stall_limit: 10}", "{path: 'shelf://well', label: well, stall_limit: 100000}"
    )
    for name in ["hung", "well"] { try create(name) }
    let isOver = Monitor(false)
    defer { isOver.update { $0 = true } }
    kind.gate("hung") { (call, name, _) throws(StorageError) in
      guard call == .put, name?.path.hasPrefix("packs/") == true else { return }
      isOver.wait(until: { $0 }) { _ in }
      throw Self.gone("Input/output error")
    }
    return try coffer("create", clock: Self.fast)
  }

  @Test("One that hangs while others have their archive already is not waited for without end", .timeLimit(.minutes(1)))
  func commit() throws {
    defer { ground.remove() }
    let content = try fill(8, 10_000)
    let created = try createBesideHung()
    #expect(created.code == 1)
    #expect(created.said.contains("repository hung: It has stored nothing for"), "\(created.said)")
    #expect(created.said.contains("repository hung: What was begun there has not ended"), "\(created.said)")
    #expect(try restored("well", "out") == content)
  }

  @Test("One whose packs take longer to be sent than stall_limit keeps its archive", .timeLimit(.minutes(1)))
  func slowCommit() throws {
    defer { ground.remove() }
    try configure(
      "{path: 'shelf://slow', label: slow, stall_limit: 10}", "{path: 'shelf://well', label: well, stall_limit: 100000}"
    )
    let content = try fill(9, 10_000)
    // A pack of 1 MiB takes 64 seconds at the slowest rate, and eight are sent side by side.
    for name in ["slow", "well"] { try create(name, pack: 1 << 20) }
    let clock = Self.fast
    let end = Mutex<Double?>(nil)
    let well = kind.shelf("well")
    kind.gate("slow") { (call, name, cancellation) throws(StorageError) in
      guard call == .put, name?.path.hasPrefix("packs/") == true else { return }
      while cancellation?.isCancelled != true {
        let hasOther = try !well.list("archives").isEmpty
        let now = clock.steadySeconds()
        let isSent = end.withLock { end in
          if end == nil, hasOther { end = now + 40 }
          return end.map { $0 <= now } ?? false
        }
        guard !isSent else { return }
        usleep(10_000)
      }
      throw .cancelled(location: "slow")
    }
    let created = try coffer("create", clock: clock)
    #expect(created.code == 0, "\(created.said)")
    #expect(end.withLock { $0 } != nil, "it was slower than the other")
    for name in ["slow", "well"] { #expect(try restored(name, name) == content) }
  }

  @Test("How each is reached and opened may differ: what is backed up is read once all the same")
  func together() throws {
    defer { ground.remove() }
    try configure(
      "{path: 'shelf://one', upload_rate_limit: 100000, encryption_passphrase: first}",
      "{path: 'shelf://two', stall_limit: 40}")
    let content = try fill(3, 100_000)
    #expect(try coffer("repo-create", "--encryption", "repokey").code == 0)
    let created = try coffer("create", "--stats")
    #expect(created.code == 0, "\(created.said)")
    #expect(try restored("shelf://one", "one") == content)
    #expect(try restored("shelf://two", "two") == content)
    let names = try ["shelf://one", "shelf://two"].map { try coffer("repo-list", "--short", "--repository", $0).said }
    #expect(names[0] == names[1], "one backup has one name")
    // Each has its own passphrase.
    #expect(try coffer("repo-list", "--repository", "shelf://two", "--encryption-passphrase", "first").code == 1)
    #expect(try coffer("repo-list", "--repository", "shelf://one", "--encryption-passphrase", "other").code == 0)
  }

  @Test("config validate tells every place that is spelled wrong, with its line and column, and asks no place")
  func spellings() throws {
    defer { ground.remove() }
    kind.gate("well") { (_, _, _) throws(StorageError) in Issue.record("the place was asked") }
    try configure("{path: 'shelf://well'}", "{label: b, path: 'shelf://'}", "{path: 'wardrobe://x'}")
    let said = try coffer("config", "validate")
    #expect(said.code == 1)
    let file = "\(ground.folder)/config.yaml"
    for problem in [
      "3:22: repository shelf://: The shelf has no name. Write shelf://NAME",
      "4:12: repository wardrobe://x: No such kind of place is known. Known are shelf://NAME",
    ] { #expect(said.said.contains("\(file):\(problem)"), "\(said.said)") }
    try configure("{path: 'shelf://well'}", "{path: '${PLACE}'}")
    #expect(try coffer("config", "validate").code == 0, "a variable need not be set for it")
  }
}
