import CofferStorage
import CofferSystem
import Foundation
import TestSupport
import Testing

@testable import CofferRepository

/// Commands on a machine that loses its power at each of their calls in turn, and what is found then.
enum CrashTrial {
  static let passphrase = TestRepository.passphrase
  static let surroundings = RepositorySurroundings(
    clock: .system, random: .system, keyFolder: "/nowhere", workers: 1)
  static let old = dumpLikeBytes(150_000)
  static let new: [UInt8] = {
    var bytes = old
    bytes.replaceSubrange(70_000..<70_010, with: Array("0123456789".utf8))
    return bytes + noise(60_000)
  }()
  static let creation = CreationOptions(packTarget: 1 << 16, passphraseCost: 5)

  static func open(_ store: any ObjectStore) throws -> Repository {
    try Repository.open(in: store, passphrase: passphrase, surroundings: surroundings)
  }

  static func backUp(_ bytes: [UInt8], _ name: String, in store: any ObjectStore) throws {
    let session = try open(store).beginSession(cancellation: try Cancellation())
    do {
      session.add(.file("dump", try session.store(MemorySource(bytes))))
      _ = try session.commit(.named(name))
    } catch {
      session.abandon()
      throw error
    }
  }

  /// The repository that a command finds.
  static func prepared(_ steps: (LocalDirectoryStore) throws -> Void) throws -> String {
    let folder = NSTemporaryDirectory() + "coffer-crash-\(UUID().uuidString)"
    let store = LocalDirectoryStore(root: folder)
    _ = try Repository.create(
      in: store, options: creation, passphrase: passphrase, surroundings: surroundings)
    try steps(store)
    return folder
  }

  /// Lets the power fail at each call of a command in turn.
  ///
  /// - Parameters:
  ///   - before: A folder; nil for none.
  ///   - calls: How many there are at least.
  ///   - look: Takes the store that is found afterwards, and whether the command had come to its end.
  static func crash(
    _ before: String?, _ command: (any ObjectStore) throws -> Void, atLeast calls: Int = 4,
    _ look: (LocalDirectoryStore, _ isDone: Bool) throws -> Void
  ) throws {
    var number = 0
    while true {
      let folder = NSTemporaryDirectory() + "coffer-crash-\(UUID().uuidString)"
      if let before { try FileManager.default.copyItem(atPath: before, toPath: folder) }
      let disk = try CrashingDisk(folder, callsUntilCrash: number)
      let outcome = Result { try command(disk.store) }
      if !disk.hasCrashed { _ = try outcome.get() }
      var random = SeededRandom(UInt64(number))
      for losesAll in [true, false] {
        guard let found = try disk.folderAfterCrash(&random, losesAll: losesAll) else { continue }
        defer { try? FileManager.default.removeItem(atPath: found) }
        do {
          try look(LocalDirectoryStore(root: found), !disk.hasCrashed || (try? outcome.get()) != nil)
        } catch {
          Issue.record("crash at call \(number), \(losesAll ? "everything" : "some") lost: \(error)")
        }
      }
      guard disk.hasCrashed else { break }
      number += 1
    }
    #expect(number >= calls)
  }

  /// What every repository must be after a crash: it opens, is whole, gives back all it lists, and takes a new backup.
  ///
  /// - Returns: The names of the archives that were found.
  @discardableResult
  static func examine(_ store: LocalDirectoryStore, _ contents: [String: [UInt8]]) throws -> Set<String> {
    let cancellation = try Cancellation()
    let repository = try open(store)
    #expect(try repository.check(.content, cancellation: cancellation).findings == [])
    let names = Set(try repository.archives().map(\.name))
    try readAll(repository, contents)
    try backUp(new, "afterwards", in: store)
    let again = try open(store)
    #expect(try again.check(.content, cancellation: cancellation).findings == [])
    try readAll(again, contents.merging(["afterwards": new]) { $1 })
    return names
  }

  static func readAll(_ repository: Repository, _ contents: [String: [UInt8]]) throws {
    let cancellation = try Cancellation()
    let reader = try repository.reader()
    for archive in try repository.archives() {
      for item in try reader.items(of: archive, cancellation: cancellation) {
        guard case .file(let stream) = item.content else { continue }
        let sink = MemorySink()
        try reader.read(stream, into: sink, cancellation: cancellation)
        #expect(sink.bytes == contents[archive.name], "\(archive.name)")
      }
    }
  }
}
