import CofferStorage
import CofferSystem
import Foundation

@testable import CofferRepository

/// A repository in a folder of the disk, so that its files can be damaged as disks damage them.
struct FolderRepository {
  let folder: String

  private static let surroundings = RepositorySurroundings(
    clock: .system, random: .system, keyFolder: "/nowhere", workers: 2)

  init(packTarget: Int = 1 << 18) throws {
    folder = NSTemporaryDirectory() + "coffer-folder-\(UUID().uuidString)"
    _ = try Repository.create(
      in: LocalDirectoryStore(root: folder), options: CreationOptions(packTarget: packTarget, passphraseCost: 5),
      passphrase: TestRepository.passphrase, surroundings: Self.surroundings)
  }

  private init(folder: String) {
    self.folder = folder
  }

  func copied() throws -> FolderRepository {
    let copy = FolderRepository(folder: NSTemporaryDirectory() + "coffer-folder-\(UUID().uuidString)")
    try FileManager.default.copyItem(atPath: folder, toPath: copy.folder)
    return copy
  }

  func remove() { try? FileManager.default.removeItem(atPath: folder) }

  var store: LocalDirectoryStore { LocalDirectoryStore(root: folder) }

  /// - Parameter other: A store that has what this one has.
  func opened(_ other: (any ObjectStore)? = nil) throws -> Repository {
    try Repository.open(in: other ?? store, passphrase: TestRepository.passphrase, surroundings: Self.surroundings)
  }

  @discardableResult
  func backUp(_ files: [String: [UInt8]], name: String) throws -> Archive {
    let session = try opened().beginSession(cancellation: try Cancellation())
    for (path, bytes) in files.sorted(by: { $0.key < $1.key }) {
      session.add(.file(path, try session.store(MemorySource(bytes))))
    }
    return try session.commit(.named(name))
  }

  /// What all archives hold, by their names; nil for a file, or for an archive's list of files, that cannot be read.
  func everything() throws -> [String: [String: [UInt8]?]?] {
    let repository = try opened()
    let cancellation = try Cancellation()
    let reader = try repository.reader()
    var all: [String: [String: [UInt8]?]?] = [:]
    for archive in try repository.archives() {
      guard let items = try? reader.items(of: archive, cancellation: cancellation) else {
        all[archive.name] = .some(nil)
        continue
      }
      var files: [String: [UInt8]?] = [:]
      for item in items {
        guard case .file(let stream) = item.content else { continue }
        let sink = MemorySink()
        let isRead = (try? reader.read(stream, into: sink, cancellation: cancellation)) != nil
        files[item.path.text] = isRead ? .some(sink.bytes) : .some(nil)
      }
      all[archive.name] = files
    }
    return all
  }

  func path(_ name: ObjectName) -> String { "\(folder)/\(name.path)" }

  func change(_ name: ObjectName, _ change: (inout Data) -> Void) throws {
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path(name)))
    change(&bytes)
    chmod(path(name), 0o600)
    try bytes.write(to: URL(fileURLWithPath: path(name)))
  }
}
