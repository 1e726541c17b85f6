import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

/// A repository whose runs remember files, and files that need not be on any disk.
final class FilesCacheGround {
  struct File {
    var facts: FileFacts
    var content: [UInt8]
    var extras = ItemExtras()

    init(_ content: [UInt8], inode: UInt64 = 7, modified: Int64 = 1000, changed: Int64 = 2000) {
      facts = FileFacts(size: UInt64(content.count), inode: inode, modified: modified, changed: changed)
      self.content = content
    }
  }

  struct Run {
    let archive: Archive
    /// Of files that were not read.
    let unread: Set<String>
  }

  let folder = NSTemporaryDirectory() + "coffer-files-cache-\(UInt64.random(in: 0 ... .max))"
  let store: MemoryStore
  let clock: ManualClock
  let said = Monitor<[String]>([])
  var files: [String: File] = [:]
  private(set) var runs = 0
  /// What archives should hold, by their names.
  private var expected: [String: [String: [UInt8]]] = [:]

  static let settled: Int64 = 1_000_000

  init() throws {
    let made = try TestRepository(packTarget: 1 << 16, random: .seeded(1))
    (clock, store) = (made.clock, made.store)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: folder)
  }

  func open(passphrase: SecretBytes = TestRepository.passphrase) throws -> Repository {
    try Repository.open(
      in: store, passphrase: passphrase,
      surroundings: RepositorySurroundings(
        clock: clock.clock, random: .system, keyFolder: "/nowhere", cacheFolder: folder, workers: 2,
        warn: { [said] diagnosis in said.update { $0.append(diagnosis.problem) } }))
  }

  func session(
    _ comparison: FileComparison = FileComparison(), name: String = "config", runLimit: Int = 20,
    in repository: Repository? = nil
  ) throws -> BackupSession {
    try (repository ?? open()).beginSession(
      options: SessionOptions(
        hostname: "host", files: FilesCacheOptions(name: name, comparison: comparison, runLimit: runLimit)),
      cancellation: try Cancellation())
  }

  /// Gives a session all files that it has not yet.
  ///
  /// - Returns: Those that were not read.
  @discardableResult
  func store(in session: BackupSession, settledBefore: Int64 = settled, withFlags: Bool = true) throws -> Set<String> {
    var unread: Set<String> = []
    for (path, file) in files.sorted(by: { $0.key < $1.key }) {
      let place = ItemPath(path)
      if let unchanged = session.unchangedFile(file.facts, at: place) {
        session.keep(unchanged)
        session.add(.file(path, unchanged.stream))
        unread.insert(path)
        continue
      }
      let (stream, packs) = try session.storeFile(MemorySource(file.content), at: place)
      session.add(.file(path, stream))
      session.remember(
        ReadFile(
          facts: file.facts, settledBefore: settledBefore, extras: file.extras, knowsAttributes: true,
          knowsFlags: withFlags),
        at: place, stream, in: try #require(packs))
    }
    return unread
  }

  @discardableResult
  func run(
    _ comparison: FileComparison = FileComparison(), name: String = "config", runLimit: Int = 20,
    settledBefore: Int64 = settled
  ) throws -> Run {
    let session = try session(comparison, name: name, runLimit: runLimit)
    let unread = try store(in: session, settledBefore: settledBefore)
    clock.advance(1)
    runs += 1
    let archive = try session.commit(.named("run\(runs)"))
    expected["run\(runs)"] = files.mapValues(\.content)
    return Run(archive: archive, unread: unread)
  }

  /// The file of the cache, of which there is one.
  func path() throws -> String {
    let id = try open().header.id
    let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(id)").filter {
      $0.hasPrefix("files-")
    }
    #expect(names.count == 1)
    return "\(folder)/\(id)/\(try #require(names.first))"
  }

  func delete(_ archive: Archive) throws {
    try open().delete(archive)
    expected[archive.name] = nil
  }

  /// Compares the whole contents of all archives that should be there, and checks every byte.
  func expectWhole(_ comment: Comment? = nil, location: SourceLocation = #_sourceLocation) throws {
    let repository = try open()
    let reader = try repository.reader()
    let cancellation = try Cancellation()
    var found: [String: [String: [UInt8]]] = [:]
    for archive in try repository.archives() {
      var contents: [String: [UInt8]] = [:]
      for item in try reader.items(of: archive, cancellation: cancellation) {
        let sink = MemorySink()
        try reader.read(try #require(item.content.stream), into: sink, cancellation: cancellation)
        contents[item.path.text] = sink.bytes
      }
      found[archive.name] = contents
    }
    #expect(found == expected, comment, sourceLocation: location)
    let report = try repository.check(.content, cancellation: cancellation)
    #expect(report.findings == [], comment, sourceLocation: location)
  }
}
