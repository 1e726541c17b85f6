import CofferStorage
import CofferSystem
import Foundation
import Synchronization
import TestSupport

@testable import CofferRepository

extension RandomSource {
  /// The same bytes in every run.
  static func seeded(_ seed: UInt64) -> RandomSource {
    let state = Mutex(SeededRandom(seed))
    return RandomSource { buffer in
      state.withLock { for place in buffer.indices { buffer[place] = UInt8.random(in: 0...255, using: &$0) } }
    }
  }
}

/// A repository in memory with cheap passphrases and small packs.
struct TestRepository {
  let store: MemoryStore
  let repository: Repository
  let clock: ManualClock

  static let passphrase = SecretBytes(passphrase: "correct horse")

  static let surroundings = surroundings(clock: ManualClock())

  static func surroundings(
    clock: ManualClock, cacheFolder: String? = nil, random: RandomSource = .system
  ) -> RepositorySurroundings {
    RepositorySurroundings(
      clock: clock.clock, random: random, keyFolder: NSTemporaryDirectory() + "coffer-test-keys",
      cacheFolder: cacheFolder, workers: 2)
  }

  /// - Parameter random: Where the repository's keys come from, by which it is cut into chunks.
  init(mode: EncryptionMode = .repokey, packTarget: Int = 1 << 18, random: RandomSource = .system) throws {
    clock = ManualClock()
    store = MemoryStore(now: clock.clock.now)
    repository = try Repository.create(
      in: store, options: CreationOptions(mode: mode, packTarget: packTarget, passphraseCost: 5),
      passphrase: Self.passphrase, surroundings: Self.surroundings(clock: clock, random: random))
  }

  func reopened(passphrase: SecretBytes = passphrase) throws -> Repository {
    try Repository.open(
      in: store, passphrase: passphrase, surroundings: Self.surroundings(clock: clock))
  }

  /// Opens it, and keeps what is warned of.
  ///
  /// - Parameter other: A store that has what this one has.
  func open(
    _ other: (any ObjectStore)? = nil, passphrase: SecretBytes = TestRepository.passphrase, cacheFolder: String? = nil,
    workers: Int = 1, said: Monitor<[String]>
  ) throws -> Repository {
    try Repository.open(
      in: other ?? store, passphrase: passphrase,
      surroundings: RepositorySurroundings(
        clock: clock.clock, random: .system, keyFolder: "", cacheFolder: cacheFolder, workers: workers,
        warn: { diagnosis in said.update { $0.append("\(diagnosis.subject): \(diagnosis.problem)") } }))
  }

  /// Opens it with a write-only key that was stolen.
  func thief(said: Monitor<[String]>) throws -> Repository {
    let passphrase = SecretBytes(passphrase: "thief")
    try repository.addWriteOnlyKey(passphrase: passphrase, passphraseCost: 5)
    return try open(passphrase: passphrase, said: said)
  }

  /// Backs up the given streams as files of one archive.
  ///
  /// - Parameter hostname: Whose archives are asked what edits replace; nil to ask none.
  @discardableResult
  func backUp(
    _ files: [String: [UInt8]], name: String = "test", with repository: Repository? = nil, hostname: String? = "host"
  ) throws -> Archive {
    let session = try (repository ?? self.repository).beginSession(
      options: SessionOptions(hostname: hostname), cancellation: try Cancellation())
    for (path, bytes) in files.sorted(by: { $0.key < $1.key }) {
      let stream = try session.store(MemorySource(bytes), at: ItemPath(path))
      session.add(.file(path, stream))
    }
    clock.advance(1)
    return try session.commit(.named(name))
  }

  func contents(of archive: Archive) throws -> [String: [UInt8]] {
    let reader = try reopened().reader()
    let cancellation = try Cancellation()
    var files: [String: [UInt8]] = [:]
    for item in try reader.items(of: archive, cancellation: cancellation) {
      guard case .file(let stream) = item.content else { continue }
      let sink = MemorySink()
      try reader.read(stream, into: sink, cancellation: cancellation)
      files[item.path.text] = sink.bytes
    }
    return files
  }
}

/// A clock that goes when it is told to.
final class ManualClock: Sendable {
  private let seconds = Mutex<Double>(1_800_000_000)

  func advance(_ count: Double) {
    seconds.withLock { $0 += count }
  }

  var clock: Clock {
    Clock(
      now: { [self] in Date(timeIntervalSince1970: seconds.withLock { $0 }) },
      steadySeconds: { [self] in seconds.withLock { $0 } })
  }
}

extension ArchiveItem {
  static func file(_ path: String, _ stream: StreamReference) -> ArchiveItem {
    ArchiveItem(path: ItemPath(path), content: .file(stream), mode: 0o600, modified: 1)
  }
}

extension ArchiveDraft {
  static func named(_ name: String) -> ArchiveDraft {
    ArchiveDraft(
      name: name, hostname: "host", username: "user", commandLine: ["coffer", "create"],
      start: Date(timeIntervalSince1970: 1_800_000_000))
  }
}

/// Bytes that look like a dump: repetitive lines with changing numbers. The same seed gives the same bytes.
func dumpLikeBytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  var bytes: [UInt8] = []
  bytes.reserveCapacity(count + 128)
  var row = 0
  while bytes.count < count {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    row += 1
    bytes.append(contentsOf: "\(row)\tcustomer \(state % 100_003)\tpaid\t\(state >> 32)\n".utf8)
  }
  return Array(bytes[..<count])
}

/// Bytes without any pattern. The same seed gives the same bytes.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  return (0..<count).map { _ in
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return UInt8(truncatingIfNeeded: state >> 24)
  }
}

/// A source that gives its bytes in pieces of the sizes asked for, over and over.
final class PiecewiseSource: ByteSource {
  private let bytes: [UInt8]
  private let sizes: [Int]
  private var position = 0
  private var turn = 0

  init(_ bytes: [UInt8], sizes: [Int]) {
    self.bytes = bytes
    self.sizes = sizes
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(sizes[turn % sizes.count], buffer.count, bytes.count - position)
    turn += 1
    bytes.withUnsafeBytes { all in
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[position..<position + count]))
    }
    position += count
    return count
  }
}

extension Repository {
  func addWriteOnlyKey(passphrase: SecretBytes, passphraseCost: Int) throws {
    _ = try addKey(NewKey(role: .writeOnly, passphraseCost: passphraseCost), passphrase: passphrase)
  }
}
