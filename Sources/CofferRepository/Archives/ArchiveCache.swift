import CofferSystem
import Foundation

/// The archive records that this machine has read, in one sealed file of its own: to list a thousand archives means to
/// read and verify one thing.
///
/// Records never change, so what was verified once stays true. The file may be deleted at any time.
struct ArchiveCache {
  private let context: RepositoryContext
  private let path: String?

  init(context: RepositoryContext) {
    self.context = context
    path = context.surroundings.cacheFolder.map { "\($0)/\(context.header.id)/archives" }
  }

  private var binding: [UInt8] { Array("archives of \(context.header.id)".utf8) }

  /// Returns the archives by their ids; none when the file is missing or not what it was.
  func load() -> [String: Archive] {
    guard let path, let data = FileManager.default.contents(atPath: path),
      let opened = try? context.envelope.open(
        Array(data), purpose: .archiveCache, context: binding, signers: context.signers),
      let archives = ArchiveRecord.decodeAll(opened.payload)
    else { return [:] }
    return Dictionary(archives.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Writes the file anew. A cache that cannot be written is none.
  func store(_ archives: [Archive]) {
    guard let path, let payload = try? ArchiveRecord.encode(archives),
      let bytes = try? context.envelope.seal(
        payload, purpose: .archiveCache, context: binding, random: context.random),
      let suffix = try? context.random.bytes(8)
    else { return }
    let temporary = "\(path)-\(Hexadecimal.encode(suffix)).new"
    try? FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    do {
      let file = try FileDescriptor(opening: temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
      try bytes.withUnsafeBytes { try file.writeAll($0, subject: temporary) }
      try file.close(subject: temporary)
    } catch {
      unlink(temporary)
      return
    }
    if rename(temporary, path) != 0 { unlink(temporary) }
  }
}
